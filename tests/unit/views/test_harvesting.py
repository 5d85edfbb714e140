"""What harvesters are told, as a pure function of a view: parts of lists, changes that were cut, clocks."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from marketplace.views.dialects import oai, resourcesync
from marketplace.views.dialects.oai import OAI
from marketplace.views.dialects.oai_records import set_name, signed_xml
from marketplace.views.dialects.resourcesync import RESOURCESYNC
from marketplace.views.dialects.tokens import read_token, write_token
from marketplace.views.documents import write_document
from marketplace.views.entry_image import image_of
from marketplace.views.history import taken_at
from marketplace.views.value import Record, View, ViewImage
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from validators import accept

JIM = make_identity("Jim", "jim@example.org")
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def shown(content: str, hours: int, **fields: object) -> ViewImage:
    data = signed(image(content=content, **fields), JIM)
    entry_id = accept(data).entry_id
    return image_of(entry_id, data, DAY + timedelta(hours=hours), private=False, sequence=hours)


@pytest.fixture(scope="module")
def view() -> View:
    images = sorted((shown(f"image {n}", n) for n in range(5)), key=lambda one: one.identifier)
    records = [Record(one.entry_id, one.coordinates, one.accepted_at, "debian", False, one) for one in images]
    return View(
        name="default", title="All", description="", site="http://site.example",
        base="http://site.example/views/default", site_title="Site", updated=DAY + timedelta(hours=4),
        images=tuple(images), records=tuple(sorted(records, key=lambda one: one.since)), token_key=b"key",
        contact="admin@site.example",
    )  # fmt: skip


def places(view: View, path: str) -> list[str]:
    return re.findall("<loc>(.*?)</loc>", write_document(view, f"resourcesync/{path}").body.decode())


def test_a_long_list_is_an_index_of_parts(view, monkeypatch):
    monkeypatch.setattr(resourcesync, "MOST", 2)
    parts = places(view, "resourcelist.xml")
    assert [one.rpartition("/")[2] for one in parts] == [f"resourcelist_0000{n}.xml" for n in (1, 2, 3)]
    entries = [one for part in parts for one in places(view, part.rpartition("/")[2])]
    assert entries == [view.entry_url(one) for one in view.images]
    written = [one.path for one in RESOURCESYNC.files(view)]
    assert written.index("resourcesync/resourcelist_00003.xml") < written.index(
        "resourcesync/resourcelist.xml"
    )


def test_changes_say_from_when_on_they_are_whole(view, monkeypatch):
    monkeypatch.setattr(resourcesync, "CHANGES", 2)
    told = write_document(view, "resourcesync/changelist.xml").body.decode()
    assert places(view, "changelist.xml") == [
        view.coordinates_url(one.coordinates) for one in view.records[3:]
    ]
    assert 'from="2026-01-01T03:00:00Z" until="2026-01-01T04:00:00Z"' in told
    # Of two changes in one second neither is told alone.
    same = replace(view.records[2], since=view.records[3].since)
    cut = replace(view, records=(*view.records[:2], same, *view.records[3:]))
    assert places(cut, "changelist.xml") == [view.coordinates_url(view.records[4].coordinates)]


def test_a_copy_has_no_list_of_changes_and_leads_into_itself(view):
    copy = replace(view, copied=True, records=())
    paths = [one.path for one in RESOURCESYNC.files(copy)]
    assert "resourcesync/changelist.xml" not in paths
    assert all("changelist" not in write_document(copy, path).body.decode() for path in paths)
    assert all(one.startswith(f"{view.base}/entries/") for one in places(copy, "resourcelist.xml"))
    assert not list(OAI.files(copy))


def test_pages_go_on_where_they_stopped_while_the_view_changes(view, monkeypatch):
    monkeypatch.setattr(oai, "PAGE", 2)

    def ask(now: View, *pairs: tuple[str, str]) -> tuple[list[str], str]:
        told = oai.answer(now, (("verb", "ListIdentifiers"), *pairs)).decode()
        assert "<error" not in told, told
        token = re.findall("<resumptionToken[^>]*>(.*?)</resumptionToken>", told)
        return re.findall("<identifier>(.*?)</identifier>", told), token[0] if token else ""

    first, token = ask(view, ("metadataPrefix", "oai_dc"))
    # What was told already went, and comes again at the end: nothing in between is skipped.
    moved = replace(view.records[0], since=DAY + timedelta(hours=9), image=None)
    later = replace(view, records=(*view.records[1:], moved))
    second, token = ask(later, ("resumptionToken", token))
    third, token = ask(later, ("resumptionToken", token))
    assert (len(first), len(second), len(third), token) == (2, 2, 2, "")
    assert set(first + second + third) == set(first + second) | {third[0]}
    assert third[1] == first[0]


@pytest.mark.parametrize(
    "parts", [["x"], ["ListIdentifiers", *["x"] * 7], ["ListIdentifiers", *["é"] * 6, "1"]]
)
def test_tokens_that_a_key_proves_are_read_as_hostile_all_the_same(view, parts):
    pairs = (("verb", "ListIdentifiers"), ("resumptionToken", write_token(b"key", parts)))
    told = etree.fromstring(oai.answer(view, pairs))
    assert told[-1].tag.endswith(("error", "ListIdentifiers"))


def test_a_token_has_one_spelling_and_one_key():
    token = write_token(b"key", ["a", "é"])
    assert read_token(b"key", token) == ("a", "é")
    for other in (f"{token}=", f"{token} ", token[:-1], token.swapcase(), "", "é", "A" * 9):
        assert read_token(b"key", other) is None
    assert read_token(b"other", token) is None


def test_a_clock_that_went_back_makes_nothing_older_than_what_was_before_it():
    before, after = shown("before", 5), replace(shown("after", 2), sequence=6)
    taken = taken_at([after, before])
    assert taken[after.entry_id] == taken[before.entry_id] == before.accepted_at


def test_names_of_sets_have_only_characters_that_the_protocol_allows():
    assert set_name("Ann.Lee+x@é.org") == "Ann.Lee!2Bx!40!C3!A9.org"
    assert len({set_name(one) for one in ("a!b", "a!21b", "a b", "a:b")}) == 4


def test_a_signed_entry_is_proven_inside_a_document_that_was_not_parsed():
    data = signed(image(title="Ünïcödé & <b>", extra='<x:note xmlns:x="urn:x">a\n  b</x:note>'), JIM)
    text = signed_xml(b"\xef\xbb\xbf" + data)
    assert text is not None and text.startswith("<rdf:RDF")
    assert accept(text.encode()).entry_id == accept(data).entry_id
