"""The indexer: what is uploaded is found, whatever happens to the index, by those who may see it."""

from __future__ import annotations

import gc
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marketplace.access import ANONYMOUS, Principal
from marketplace.catalogue.catalogue import Catalogue
from marketplace.changes import PUBLIC, Cursors
from marketplace.db import Database
from marketplace.facets import Facet
from marketplace.search.directory import directory_of
from marketplace.search.engine import SearchEngine
from marketplace.search.errors import IndexBusyError, SearchRefusedError, SearchUnavailableError
from marketplace.search.indexer import SearchIndexer
from marketplace.search.parameters import parse_request
from marketplace.search.request import SearchRequest, Sort
from marketplace.search.results import SearchPage
from marketplace.search.service import SearchService
from marketplace.worker import Worker, catch_up
from tests.contract.conftest import open_again
from tests.contract.search_engines import NAMES, make_engine
from tests.contract.search_store import GROUP, NOW, add, count_documents, empty, entry
from tests.factories.entries import moment
from tests.waiting import HANGING

MEMBER = Principal("member", frozenset({PUBLIC, GROUP}))
ON_DISK = ("whoosh", "tantivy")


class Site:
    """A database, an engine over it, and the parts that a process would hold."""

    def __init__(self, database: Database, engine: SearchEngine, directory: Path) -> None:
        self.database = database
        self.engine = engine
        self.directory = directory_of(directory, PUBLIC)
        self.start()

    def start(self) -> None:
        self.indexer = SearchIndexer.open(self.database, self.engine)
        self.service = SearchService(self.database, Catalogue(), self.indexer)

    def follow(self) -> int:
        return catch_up(self.database, self.indexer)

    def search(self, words: str, principal: Principal = ANONYMOUS, **how: object) -> SearchPage:
        return self.service.search(SearchRequest(words=words, **how), principal, NOW)

    def titles(self, words: str, principal: Principal = ANONYMOUS, **how: object) -> list[str | None]:
        return [hit.row.title for hit in self.search(words, principal, **how).hits]


def make_site(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    url = request.getfixturevalue("lent_url" if name == "postgresql" else "sqlite_url")
    database = open_again(url)
    empty(database)
    engines = make_engine(name, request, tmp_path / "search")
    site = Site(database, next(engines), tmp_path / "search")
    yield site
    site.indexer.close()
    database.close()
    next(engines, None)


@pytest.fixture(params=NAMES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    yield from make_site(request.param, request, tmp_path)


@pytest.fixture(params=ON_DISK)
def disk_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    yield from make_site(request.param, request, tmp_path)


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


def test_an_index_is_built_again_after_it_was_destroyed(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    add(site.database, [entry(n, title=f"entry {n}") for n in range(5)])
    site.follow()
    site.indexer.close()
    site.engine.destroy(PUBLIC)
    site.start()
    with pytest.raises(SearchUnavailableError) as unavailable:
        site.search("entry")
    assert unavailable.value.retry_after > 0
    assert site.search("").total == 5
    site.follow()
    assert site.search("entry").total == 5


def test_an_index_ahead_of_the_log_is_of_another_database(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    add(site.database, [entry(n, title=f"entry {n}") for n in range(5)])
    site.follow()
    empty(site.database)
    add(site.database, [entry(9, title="restored")])
    with caplog.at_level(logging.WARNING):
        site.start()
    assert "another database" in str([vars(record) for record in caplog.records])
    site.follow()
    assert site.titles("restored") == ["restored"]
    assert site.titles("entry") == []


def test_an_index_of_another_log_of_the_same_length_is_noticed(site: Site) -> None:
    add(site.database, [entry(n, title="mine") for n in range(3)])
    site.follow()
    empty(site.database)
    add(site.database, [entry(n, title="theirs") for n in range(3)])
    site.start()
    site.follow()
    assert site.search("mine").total == 0
    assert site.search("theirs").total == 3


def test_a_cursor_ahead_of_the_index_does_not_lose_entries(site: Site) -> None:
    add(site.database, [entry(1, title="first")])
    site.follow()
    add(site.database, [entry(2, title="skipped")])
    with site.database.write() as session:
        Cursors(session).move(site.indexer.name, PUBLIC, 2)
    add(site.database, [entry(3, title="third")])
    site.follow()
    assert site.titles("skipped") == ["skipped"]


def test_processes_with_indexes_of_their_own_do_not_take_rows_from_each_other(
    disk_site: Site, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    [other_engine] = make_engine(disk_site.engine.name, request, tmp_path / "other")
    other = Site(disk_site.database, other_engine, tmp_path / "other")
    add(disk_site.database, [entry(title="Regrettable nebula")])
    assert (disk_site.follow(), other.follow()) == (1, 1)
    assert other.titles("nebula") == disk_site.titles("nebula") == ["Regrettable nebula"]
    copied = tmp_path / "copied"
    other.indexer.close()
    shutil.copytree(tmp_path / "other", copied)
    [copied_engine] = make_engine(disk_site.engine.name, request, copied)
    assert copied_engine.copy() != other_engine.copy(), "a copied directory is one of its own"


def test_a_follower_that_is_reset_builds_everything_again(site: Site) -> None:
    add(site.database, [entry(n, title="again") for n in range(3)])
    site.follow()
    told: list[tuple[str, int, int]] = []
    assert site.indexer.rebuild(lambda log, done, size: told.append((log, done, size))) == 3
    assert told == [(PUBLIC, 3, 3)]
    assert site.follow() == 0
    assert site.search("again").total == 3


def overwrite(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def for_each(directory: Path, do: Callable[[Path], None]) -> None:
    for path in list(directory.iterdir()):
        do(path)


def replace_by_file(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_text("no directory")


def largest(directory: Path) -> Path:
    return max(
        (path for path in directory.iterdir() if path.is_file()),
        key=lambda path: (path.stat().st_size, path.name),
    )


def relabel(directory: Path, **changes: object) -> None:
    label = directory / "index.json"
    label.write_text(json.dumps(json.loads(label.read_text()) | changes))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "removed": shutil.rmtree,
    "emptied": lambda d: for_each(d, Path.unlink),
    "a file instead": lambda d: replace_by_file(d),
    "truncated to nothing": lambda d: os.truncate(largest(d), 0),
    "truncated by half": lambda d: os.truncate(largest(d), largest(d).stat().st_size // 2),
    "truncated by a byte": lambda d: os.truncate(largest(d), largest(d).stat().st_size - 1),
    "all files emptied": lambda d: for_each(d, lambda path: overwrite(path, b"")),
    "overwritten": lambda d: overwrite(largest(d), b"\xff" * largest(d).stat().st_size),
    "no label": lambda d: (d / "index.json").unlink(),
    "another engine": lambda d: relabel(d, engine="other"),
    "another version": lambda d: relabel(d, version="0.0.1"),
    "another schema": lambda d: relabel(d, schema=0),
    "another log": lambda d: relabel(d, log="group:x"),
    "a label of rubbish": lambda d: overwrite(d / "index.json", b"[1, 2"),
    "one file missing": lambda d: largest(d).unlink(),
}


# The library drops files that it fails to read without closing them.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_built_again_at_start_and_says_so(
    disk_site: Site, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    site = disk_site
    add(site.database, [entry(n, title=f"entry {n}", description="text " * 50) for n in range(20)])
    site.follow()
    site.indexer.close()
    DAMAGES[damage](site.directory)
    with caplog.at_level(logging.INFO):
        site.start()
        site.follow()
    assert any("index" in record.message for record in caplog.records)
    assert site.search("entry text").total == 20
    add(site.database, [entry(50, title="and on it goes")])
    site.follow()
    assert site.titles("goes") == ["and on it goes"]
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", ["removed", "emptied", "all files emptied", "one file missing"])
def test_an_index_that_breaks_while_running_is_a_503_and_then_mended(disk_site: Site, damage: str) -> None:
    site = disk_site
    add(site.database, [entry(n, title=f"entry {n}") for n in range(20)])
    site.follow()
    site.indexer.close()  # so that the next search opens files again
    DAMAGES[damage](site.directory)
    add(site.database, [entry(21, title="entry 21")])
    with pytest.raises(SearchUnavailableError):
        site.search("entry")
    assert site.search("").total == 21
    site.follow()
    assert site.search("entry").total == 21
    gc.collect()


@pytest.mark.parametrize("engine", ON_DISK)
def test_a_writer_that_was_killed_leaves_no_lock(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    sites = make_site(engine, request, tmp_path)
    site = next(sites)
    add(site.database, [entry(1, title="before")])
    site.follow()
    command = [sys.executable, "-c", _HOLD[engine], str(site.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "locked\n"
            add(site.database, [entry(2, title="while locked")])
            with pytest.raises(IndexBusyError):
                site.follow()
            assert site.titles("before") == ["before"]
        finally:
            writer.kill()
    site.start()
    site.follow()
    assert site.titles("locked") == ["while locked"]
    next(sites, None)


#: Programs that hold an index until they are killed.
_HOLD = {
    "whoosh": "import sys, time, whoosh.index as i; w = i.open_dir(sys.argv[1]).writer();"
    " print('locked', flush=True); time.sleep(600)",
    "tantivy": "import sys, time, tantivy as t; w = t.Index.open(sys.argv[1]).writer();"
    " print('locked', flush=True); time.sleep(600)",
}


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
