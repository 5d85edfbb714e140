"""The root's bytes are found whatever stands around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from marketplace.original.embed import root_bytes

ROOT = b'<r a="-->"><b/><!-- in --></r>'
_COMMENTS = st.text(alphabet="ab<>!? é\n'\"[]&", max_size=12).filter(
    lambda t: "--" not in t and not t.endswith("-")
)
_AROUND = st.lists(
    st.one_of(st.sampled_from(["\n", "\r\n", " \t"]), _COMMENTS.map(lambda t: f"<!--{t}-->")), max_size=5
).map("".join)
_STARTS = st.sampled_from(
    ["", "\ufeff", '<?xml version="1.0"?>', '\ufeff<?xml version="1.0" encoding="UTF-8" standalone="yes"?>']
)


@given(_STARTS, _AROUND, _AROUND)
def test_the_root_is_cut_out_exactly(start: str, before: str, after: str):
    document = (start + before).encode() + ROOT + after.encode()
    etree.fromstring(document)
    assert root_bytes(document) == ROOT


def test_a_comment_may_hold_the_look_of_a_root():
    document = b"<!-- <r/> --><!-- ?> -->" + ROOT + b"<!-- </r> -->\n<!---->"
    assert root_bytes(document) == ROOT


def test_an_empty_root():
    assert root_bytes(b"<r/>") == b"<r/>"


@pytest.mark.parametrize(
    "document", [b"", b"<!DOCTYPE r><r/>", b"<?pi?><r/>", b"<!-- <r/>", b"text", b"<r/>text"]
)
def test_what_acceptance_would_refuse_is_no_document(document: bytes):
    with pytest.raises(ValueError):
        root_bytes(document)
