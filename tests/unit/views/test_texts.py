"""JSON of lists: what the library reads, with outer members on lines of their own."""

from __future__ import annotations

import json

import pytest

from marketplace.views.dialects import DIALECTS
from marketplace.views.dialects.texts import ascii_only, json_text
from tests.dialects.made import view_of
from tests.factories.documents import image, signed

TOLD = {"é": [{"a": 1, "b": [None, True]}, {}], "empty": {}, "none": [], "text": "\u2028☃\n"}


@pytest.mark.parametrize("levels", range(5))
def test_it_is_what_the_library_reads_and_the_same_each_time(levels):
    assert json.loads(json_text(TOLD, levels)) == TOLD
    assert json_text(TOLD, levels) == json_text(json.loads(json_text(TOLD, levels)), levels)


def test_members_of_outer_levels_stand_on_lines_of_their_own():
    assert json_text({"a": {"b": 1, "c": [1, 2]}}, 2) == '{\n"a": {\n"b": 1,\n"c": [1, 2]\n}\n}'
    assert json_text(TOLD, 3, ascii_only).isascii()


def test_documents_that_are_written_together_are_the_same_bytes() -> None:
    entry = image(title='<a & "b">\r', description="über", tags=("x", "y"), checksums=(("MD5", 32 * "a"),))
    view = view_of(signed(entry), signed(image(content="other", locations=())))
    together = [(one, path, data) for one in DIALECTS for path, data in one.write_all(view).items()]
    assert {path for _, path, _ in together} == {"dcat.rdf", "dcat.ttl", "dcat.jsonld"}
    for dialect, path, data in together:
        assert data == dialect.write(view, path) and data
