"""A changed verdict shows or hides rows: every follower looks at these again, and at nothing else."""

from __future__ import annotations

import logging
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from pyoxigraph import DefaultGraph, Quad
from sqlalchemy import Connection, Engine, event, func, select

from marketplace.access import ANONYMOUS
from marketplace.catalogue import Catalogue, catalogue
from marketplace.catalogue.facts import Facts
from marketplace.catalogue.loading import load_current
from marketplace.catalogue.order import SortKey
from marketplace.changes import PUBLIC, Cursors
from marketplace.db import Database
from marketplace.entries import endorsers
from marketplace.entries.cache import EntryCache, RememberedEntry
from marketplace.entries.cache_invalidation import CacheInvalidation
from marketplace.entries.endorsers import EndorserTally
from marketplace.entries.log_rows import find_state
from marketplace.facets import Facet
from marketplace.fsck.current import verify_current
from marketplace.ingest.current_refresh import CurrentRefresh
from marketplace.ingest.erasing import ErasingService
from marketplace.ingest.filter_refresh import FilterRefresh
from marketplace.ingest.site_filter import FilterFacts, SiteFilter
from marketplace.models import ChangeRow, Entry, RenewalRow
from marketplace.models.base import to_seconds
from marketplace.rules.columns import Direction
from marketplace.rules.visibility import find_scope
from marketplace.search import indexer
from marketplace.search.document import SearchDocument
from marketplace.search.indexer import SearchIndexer
from marketplace.search.loading import load_documents
from marketplace.search.request import SearchRequest
from marketplace.search.service import SearchService
from marketplace.search.whoosh_engine import WhooshEngine
from marketplace.sparql.follower import SparqlFollower
from marketplace.sparql.series import TouchedSeries
from marketplace.worker import catch_up
from tests.contract.judging import hold, verdict
from tests.contract.search_store import NOW, add, count_documents, empty
from tests.factories.entries import accepted, identifier, moment, signer
from validators.document import AcceptedEntry
from validators.verdict import Standing

ANN, BOB = "ann@x.org", "bob@x.org"
MANY, FEW = 12, 2
BODY = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="urn:x#"
 xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xml:base="http://mp.stratuslab.eu/">
<rdf:Description rdf:about="#{about}"><x:title>{title}</x:title>
<x:part><rdf:Description><x:of>{title}</x:of></rdf:Description></x:part></rdf:Description>
<ds:Signature/></rdf:RDF>"""


def said(image: object, second: int = 0, email: str = ANN, key: str = "", **more: Any) -> AcceptedEntry:
    title = f"word {image} {second} {email} {key}"
    body = BODY.format(about=identifier(image), title=title).encode()
    by = signer(key or email, email=email)
    return accepted(image, email, moment(second), title=title, signed_by=by, data=body, **more)


class CountingFilter(SiteFilter):
    """A filter that counts the rows it judges."""

    judged = 0

    def find_reason_of(self, entry: FilterFacts) -> str | None:
        self.judged += 1
        return super().find_reason_of(entry)


class Followers:
    """Everything that follows the logs of a database, which ``stop`` and ``start`` as a process does."""

    def __init__(self, database: Database, directory: Path) -> None:
        self.database, self.directory = database, directory
        self.catalogue, self.tally = Catalogue(), EndorserTally()
        self.start()

    def start(self) -> None:
        self.indexer = SearchIndexer.open(self.database, WhooshEngine(self.directory / "index"))
        self.sparql = SparqlFollower.open(self.database, self.directory / "sparql")

    def stop(self) -> None:
        self.indexer.close()
        self.sparql.close()

    def follow(self) -> None:
        for follower in (self.indexer, self.sparql):
            catch_up(self.database, follower)

    def listed(self) -> dict[str, object]:
        """What is kept in memory."""
        answers: dict[str, object] = {}
        with self.database.read() as session:
            scope = find_scope(session, ANONYMOUS)
            answers["endorsers"] = dict(self.tally.count(session, scope))
            with self.catalogue.look(session, scope) as view:
                shown = view.shown
                answers["shown"] = list(shown)
                for facet in Facet:
                    answers[facet.value] = view.count(facet, shown, to_seconds(NOW), 999)
                for by in SortKey:
                    answers[by.name] = view.walk(by, Direction.ASCENDING, shown, None, 999)
        return answers

    def found(self) -> set[str | None]:
        """What a search for a word finds that everything has."""
        service = SearchService(self.database, self.catalogue, self.indexer)
        hits = service.search(SearchRequest(words="word", limit=100), ANONYMOUS, NOW).hits
        return {hit.row.title for hit in hits}

    def documents(self) -> int:
        return count_documents(self.indexer.get(PUBLIC))

    def statements(self) -> set[str]:
        """What the triple store holds."""
        held = self.sparql._store._opened.quads_for_pattern(None, None, None, DefaultGraph())
        return {str(quad.triple) for quad in held}


@contextmanager
def following(database: Database, directory: Path) -> Iterator[Followers]:
    followers = Followers(database, directory)
    try:
        yield followers
    finally:
        followers.stop()


def refresh(database: Database, site_filter: SiteFilter | None = None) -> int:
    """Let changed verdicts have their effects, as the process does that does the background work."""
    CurrentRefresh(database).refresh()
    return FilterRefresh(database, site_filter or SiteFilter(["trust:chained"])).refresh()


def judge(database: Database, *chained: str, revoked: tuple[str, ...] = ()) -> None:
    """Store verdicts on the certificates of some endorsers."""
    verdicts = dict.fromkeys(chained, verdict(Standing.CHAINED))
    hold(database, verdicts | dict.fromkeys(revoked, verdict(Standing.REVOKED)))


def verify_same(followers: Followers, directory: Path) -> None:
    """What followed is what is made of the logs anew, and what readers see."""
    with following(followers.database, directory) as anew:
        anew.follow()
        assert followers.listed() == anew.listed()
        assert followers.found() == anew.found()
        assert followers.documents() == anew.documents() == len(followers.found())
        assert followers.statements() == anew.statements()
    with followers.database.read() as session:
        assert list(verify_current(session)) == []
        assert not Cursors(session).apart(followers.indexer.name)


#: Steps of a plan of SQLite that read a whole log, or all entries, however few are wanted.
WALK = re.compile(
    r"SCAN (entry|change|current|entry_body|entry_tag|verdict|twin)\b|\(log_id=\?( AND sequence<\?)?\)$"
)


def find_walks(statements: Mapping[str, Sequence[Any]], connection: Connection) -> dict[str, list[str]]:
    """The statements that walk, with those steps of their plans."""
    found = {}
    for statement, parameters in statements.items():
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(parameters))
        walks = [str(step[3]) for step in plan if WALK.search(str(step[3]))]
        if walks:
            found[statement] = walks
    return found


@pytest.fixture
def store(database: Database) -> Database:
    """Many images of one endorser, and few of another one, all shown."""
    empty(database)
    add(database, [said(number) for number in range(MANY)])
    add(database, [said(f"few {number}", email=BOB) for number in range(FEW)])
    judge(database, ANN, BOB)
    refresh(database)
    return database


class Reads:
    """Counts the entries that each follower reads, by the module that reads them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[str] = Counter()

        def documents(*given: Any) -> Iterator[SearchDocument]:
            for one in load_documents(*given):
                self.counts["search"] += 1
                yield one

        def current(*given: Any) -> Iterator[Facts]:
            for one in load_current(*given):
                self.counts["catalogue"] += 1
                yield one

        entry, tally = TouchedSeries._entry, endorsers._count

        def statements(*given: Any) -> Iterator[Quad]:
            self.counts["sparql"] += 1
            return entry(*given)

        def counted(*given: Any) -> Counter[Any]:
            found = tally(*given)
            self.counts["endorsers"] += found.total()
            return found

        monkeypatch.setattr(indexer, "load_documents", documents)
        monkeypatch.setattr(catalogue, "load_current", current)
        monkeypatch.setattr(TouchedSeries, "_entry", statements)
        monkeypatch.setattr(endorsers, "_count", counted)


def test_few_changed_rows_among_many_cost_as_little_in_every_follower(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site_filter = CountingFilter(["trust:chained"])
    with following(store, tmp_path / "followed") as followers:
        followers.follow()
        followers.listed()
        caplog.clear()
        reads = Reads(monkeypatch)
        # Hidden rows are read by nobody, and shown ones once by each.
        everybody = dict.fromkeys(("search", "catalogue", "sparql", "endorsers"), FEW)
        for chained, revoked, shown, expected in (((), (BOB,), 0, {}), ((BOB,), (), FEW, everybody)):
            judge(store, *chained, revoked=revoked)
            assert (refresh(store, site_filter), site_filter.judged) == (FEW, FEW)
            followers.follow()
            assert len(followers.found()) == MANY + shown
            assert len(cast("list[int]", followers.listed()["shown"])) == MANY + shown
            assert {name: n for name, n in reads.counts.items() if n} == expected
            site_filter.judged = 0
            reads.counts.clear()
        assert "again" not in caplog.text
        verify_same(followers, tmp_path / "anew")


def test_no_follower_walks_a_log_for_few_rows(store: Database, tmp_path: Path) -> None:
    if store.dialect != "sqlite":
        pytest.skip("PostgreSQL plans by statistics")
    asked: dict[str, Sequence[Any]] = {}

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")) and parameters:
            asked[statement] = parameters[0] if isinstance(parameters, list) else parameters

    with following(store, tmp_path) as followers:
        followers.follow()
        followers.listed()
        event.listen(Engine, "before_cursor_execute", note)
        try:
            for revoked in ((BOB,), ()):
                judge(store, *(() if revoked else (BOB,)), revoked=revoked)
                refresh(store)
                followers.follow()
                followers.listed()
            add(store, [said("new")])
            followers.follow()
            followers.listed()
        finally:
            event.remove(Engine, "before_cursor_execute", note)
    assert len(asked) > 30
    with store.read() as session:
        assert find_walks(asked, session.connection()) == {}


def test_followers_have_what_is_shown_whatever_comes_between(store: Database, tmp_path: Path) -> None:
    def let(*rounds: Callable[[], object]) -> None:
        for happen in rounds:
            happen()
            refresh(store)

    with following(store, tmp_path / "followed") as followers:

        def step(*rounds: Callable[[], object]) -> None:
            let(*rounds)
            followers.follow()

        step()
        followers.listed()
        followers.stop()
        revoke, allow = (partial(judge, store, revoked=(BOB,)), partial(judge, store, BOB))
        # Two changes of one row, while a row comes that nobody has followed yet.
        add_new = partial(add, store, [said("few 0", 5, BOB)])
        let(revoke, add_new, allow, revoke)
        followers.start()
        step()
        verify_same(followers, tmp_path / "hidden")
        # An older entry of the image is hidden and shown under a newer one of another key.
        step(partial(add, store, [said("few 1", 7, BOB, key="new")]), partial(judge, store, "new"))
        step(allow, partial(judge, store, revoked=("new",)))
        verify_same(followers, tmp_path / "shown")
        step(revoke)
        step(partial(judge, store, BOB, "new"))
        verify_same(followers, tmp_path / "both")


def test_other_entries_at_the_same_coordinates_come_and_go(store: Database, tmp_path: Path) -> None:
    add(store, [said("few 0", 0, BOB, key="other", deprecated="gone")])
    with following(store, tmp_path / "followed") as followers:
        for number, (chained, revoked) in enumerate(((BOB, "other"), ("other", BOB), (BOB, "other"))):
            judge(store, chained, revoked=(revoked,))
            refresh(store)
            followers.follow()
            followers.listed()
            verify_same(followers, tmp_path / str(number))


def test_more_changes_than_are_kept_are_followed_from_the_start(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("ingest.renewals", "changes.follower", "rules.visibility"):
        monkeypatch.setattr(f"marketplace.{module}.RENEWALS_KEPT", MANY // 2)
    with following(store, tmp_path / "followed") as followers:
        followers.follow()
        followers.listed()
        judge(store, revoked=(ANN,))
        assert refresh(store) == MANY
        with store.read() as session:
            assert session.scalar(select(func.count()).select_from(RenewalRow)) == MANY // 2
        followers.follow()  # starts again
        followers.follow()
        assert len(followers.found()) == FEW
        verify_same(followers, tmp_path / "anew")


def test_an_index_of_another_time_looks_again_at_what_changed_since(store: Database, tmp_path: Path) -> None:
    with following(store, tmp_path / "followed") as followers:
        followers.follow()
        followers.stop()
        for name in ("index", "sparql"):
            shutil.copytree(tmp_path / "followed" / name, tmp_path / "old" / name, symlinks=True)
        followers.start()
        add(store, [said("late")])
        judge(store, revoked=(BOB,))
        refresh(store)
        followers.follow()
    with following(store, tmp_path / "old") as followers:
        followers.follow()
        verify_same(followers, tmp_path / "anew")


def test_remembered_entries_that_are_hidden_are_forgotten_and_no_others(store: Database) -> None:
    cache = EntryCache(1_000_000)
    watch = CacheInvalidation(store, cache)
    watch.look()
    hidden, kept = said("few 0", email=BOB), said(0)
    for one in (hidden, kept):
        cache.remember(one.coordinates.path(), RememberedEntry.of(one.data), cache.generation())
    judge(store, revoked=(BOB,))
    refresh(store)
    watch.look()
    assert cache.find(hidden.coordinates.path()) is None
    assert cache.find(kept.coordinates.path()) is not None


def test_the_state_of_a_log_is_another_one_when_rows_are_hidden(store: Database) -> None:
    with store.read() as session:
        before = find_state(session, PUBLIC)
    judge(store, revoked=(BOB,))
    refresh(store)
    with store.read() as session:
        assert find_state(session, PUBLIC) != before


def test_what_was_erased_stays_hidden_and_leaves_no_word_among_the_renewals(store: Database) -> None:
    gone = said("few 0", email=BOB)
    judge(store, revoked=(BOB,))
    refresh(store)
    ErasingService(store, lambda: NOW).erase(gone.entry_id, "asked", "operator")
    with store.read() as session:
        images = select(RenewalRow.number).where(RenewalRow.identifier == gone.identifier)
        assert session.scalars(images).all() == []
    # Other conditions: every row is judged again.
    for conditions in (["trust:revoked", "trust:chained"], []):
        refresh(store, SiteFilter(conditions))
        with store.read() as session:
            key = select(Entry.id).where(Entry.entry_id == gone.entry_id).scalar_subquery()
            assert session.scalar(select(ChangeRow.shown).where(ChangeRow.entry_key == key)) is False
            assert list(verify_current(session)) == []
