"""The indexer: what is uploaded is found by those who may see it, with all that it says."""

from __future__ import annotations

import time

from marketplace.access import ANONYMOUS, Principal
from marketplace.changes import PUBLIC
from marketplace.facets import Facet
from marketplace.search.errors import SearchRefusedError, SearchUnavailableError
from marketplace.search.parameters import parse_request
from marketplace.search.request import Sort
from marketplace.worker import Worker
from tests.contract.indexed_site import Site, site
from tests.contract.search_store import GROUP, NOW, add, count_documents, entry
from tests.factories.entries import moment
from tests.waiting import HANGING

__all__ = ["site"]


MEMBER = Principal("member", frozenset({PUBLIC, GROUP}))


def test_what_is_added_is_found_with_everything_it_says(site: Site) -> None:
    add(
        site.database,
        [
            entry(1, title="Ubuntu Server", os="Ubuntu", tags=("stable",), publisher="ACME", version="7.1"),
            entry(2, title="Aligner", extension="blastn 2.2.30", email="bob@x.org"),
        ],
    )
    assert site.follow() == 2
    for words in (
        "ubuntu server",
        "tag:stable",
        "acme",
        "publisher:acme",
        "endorser:jane@example.org",
        "7.1",
    ):
        assert site.titles(words) == ["Ubuntu Server"], words
    for words in ("blastn", "2.2.30", "endorser:bob"):
        assert site.titles(words) == ["Aligner"], words
    assert site.titles("no such thing") == []


def test_a_new_entry_replaces_the_endorsers_earlier_one(site: Site) -> None:
    add(site.database, [entry("a", 0, title="old words"), entry("a", 0, title="other", email="bob@x.org")])
    site.follow()
    add(site.database, [entry("a", 1, title="new words")])
    assert site.titles("old") == []  # hidden at once, though the index still has it
    site.follow()
    assert site.titles("old") == []
    assert site.titles("new") == site.titles("words") == ["new words"]
    assert site.titles("other") == ["other"]
    add(site.database, [entry("a", -5, title="late and older")])
    site.follow()
    assert site.titles("older") == []
    assert count_documents(site.indexer.get(PUBLIC)) == 2


def test_words_filters_facets_and_sorts_work_together(site: Site) -> None:
    systems = ("Ubuntu", "CentOS", "Debian")
    add(
        site.database,
        [
            entry(n, n, title=f"image {n:02}", os=systems[n % 3], kind=("disk", "machine")[n % 2])
            for n in range(30)
        ],
    )
    site.follow()
    page = site.search(
        "image", chosen={Facet.OS: ("ubuntu",), Facet.KIND: ("disk",)}, sort=Sort.OLDEST, limit=3
    )
    assert [hit.row.title for hit in page.hits] == ["image 00", "image 06", "image 12"]
    assert page.total == 5
    assert {one.value: one.count for one in page.facets[Facet.OS]} == {"ubuntu": 5, "centos": 5, "debian": 5}
    assert {one.value: one.count for one in page.facets[Facet.KIND]} == {"disk": 5, "machine": 5}
    further = site.search(
        "image",
        chosen={Facet.OS: ("ubuntu",), Facet.KIND: ("disk",)},
        sort=Sort.OLDEST,
        limit=3,
        cursor=page.next_cursor,
    )
    assert [hit.row.title for hit in further.hits] == ["image 18", "image 24"]
    assert further.next_cursor is None
    assert site.search("image -debian title:1*1", limit=5).total == 0


def test_relevance_is_paged_whole(site: Site) -> None:
    add(site.database, [entry(n, n, title="linux" if n % 3 else "other", description="linux " * (n % 4 + 1))
                        for n in range(45)])  # fmt: skip
    site.follow()
    seen: list[object] = []
    cursor = None
    while True:
        page = site.search("linux", limit=7, cursor=cursor)
        seen += [hit.row.key for hit in page.hits]
        if (cursor := page.next_cursor) is None:
            break
    assert len(seen) == len(set(seen)) == page.total == 45


def test_the_newest_come_first_among_what_fits_equally_well(site: Site) -> None:
    """By what they say, never by when they came: a group may have had one of them long before."""
    published = entry("long known", 3, title="linux")
    entries = [entry(n, n % 5, title="linux") for n in range(12)]
    add(site.database, [published], GROUP)
    add(site.database, entries)
    add(site.database, [published])
    site.follow()
    wanted = sorted([published, *entries], key=lambda one: (one.created, one.entry_id), reverse=True)
    seen, cursor = [], None
    for _ in range(4):
        page = site.search("linux", limit=4, cursor=cursor)
        seen += [hit.row.entry_id for hit in page.hits]
        cursor = page.next_cursor
    assert cursor is None
    assert seen == [one.entry_id for one in wanted]


def test_matches_are_marked_in_what_is_shown(site: Site) -> None:
    add(
        site.database,
        [entry(1, title="Große Ubuntu-Kiste", description="x " * 300 + "with <b>ubuntu</b> inside")],
    )
    site.follow()
    (hit,) = site.search("ubuntu grosse").hits
    assert hit.title.parts() == [("Große", True), (" ", False), ("Ubuntu", True), ("-Kiste", False)]
    assert "<b>ubuntu</b>" in hit.excerpt.text
    assert [hit.excerpt.text[start:end] for start, end in hit.excerpt.marks] == ["ubuntu"]
    assert hit.excerpt.cut_before


def test_a_slip_is_answered_with_a_suggestion_that_finds_something(site: Site) -> None:
    add(site.database, [entry(1, title="Ubuntu server"), entry(2, title="Centos desktop", deprecated="")])
    site.follow()
    assert site.search("ubunut server").suggestion == "ubuntu server"
    assert site.search("title:Ubunto").suggestion == "title:ubuntu"
    assert site.search("ubuntu").suggestion is None
    assert site.search("xyzzy").suggestion is None
    valid = parse_request([("q", "centso")])
    assert site.service.search(valid, ANONYMOUS, NOW).suggestion is None


def test_a_private_entry_changes_nothing_for_others(site: Site) -> None:
    add(site.database, [entry(n, n, title=f"common {'word ' * n}") for n in range(1, 6)])
    site.follow()
    asked = ("common", "word", "comm*", "-word", "secret", "secert", "commom", "")

    def answers() -> list[object]:
        pages = [site.search(words) for words in asked]
        return [([hit.row for hit in p.hits], p.total, p.facets, p.suggestion, p.next_cursor) for p in pages]

    before = answers()
    add(
        site.database,
        [entry(1, 50, title="secret common"), entry("p", 9, title="secret " * 50, os="hidden", tags=("t",))],
        GROUP,
    )
    site.follow()
    assert answers() == before
    assert sorted(map(str, site.titles("secret", MEMBER)))[0] == "secret common"
    assert site.search("common", MEMBER).total == 5
    assert site.search("commom", MEMBER).suggestion == "common"


def test_an_entry_is_found_soon_after_its_upload(site: Site) -> None:
    worker = Worker(site.database, [site.indexer])
    worker.start()
    try:
        for turn in range(3):
            add(site.database, [entry(turn, title=f"fresh{turn}")])
            worker.nudge()
            stored = time.monotonic()
            while True:
                try:
                    if site.titles(f"fresh{turn}") == [f"fresh{turn}"]:
                        break
                except SearchUnavailableError:
                    assert turn == 0
                # Two seconds are promised and measured by the benchmarks; a busy machine may take longer.
                assert time.monotonic() - stored < HANGING, "not found"
                time.sleep(0.02)  # between two looks, so that the writer gets its turn
    finally:
        assert worker.stop()


HOSTILE = (
    "*",
    "a*b*c*",
    "w " * 10_000,
    "(" * 1000 + ")" * 1000,
    "[0 TO 99999999999999]",
    "fuzzy~9",
    "/(a+)+$/",
    "\u202eevil\u202c",
    "\x00\x1b",
    "-" * 400,
    '"' * 399,
    " ".join(f'"every one of{n}"' for n in range(8)),
    "-every -one",
    "eve* one* ent*",
    " ".join(["every"] * 90),
    "os:* tag:*",
)


def test_hostile_queries_are_answered_or_refused_soon(site: Site) -> None:
    add(site.database, [entry(n, title=f"every one entry{n}") for n in range(30)])
    site.follow()
    for words in HOSTILE:
        started = time.monotonic()
        try:
            site.search(words)
        except SearchRefusedError as refused:
            assert refused.code.startswith("search.")
            assert refused.message.isprintable()
        assert time.monotonic() - started < HANGING, words[:40]


def test_the_clock_of_a_search_decides_what_is_valid(site: Site) -> None:
    add(site.database, [entry(1, title="short lived", valid=moment(2000))])
    site.follow()
    valid = parse_request([("q", "short")])
    assert site.service.search(valid, ANONYMOUS, moment(2000)).total == 1
    assert site.service.search(valid, ANONYMOUS, moment(2001)).total == 0
