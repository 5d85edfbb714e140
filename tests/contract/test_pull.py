"""Pulling a log from a peer that does as it should, and from ones that do not, on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.events import Events, Kind, Wanted
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.ingest.site_filter import SiteFilter
from marketplace.peers.acceptance.pool import Verification
from marketplace.peers.administration import PeerAdministration
from marketplace.peers.errors import NotAtPeerError, UnreachableError, WithheldError
from marketplace.peers.model import FollowedLog, Peer, PullState
from marketplace.peers.pull.fetch_missing import MissingEntries
from marketplace.peers.pull.log_pull import LogPull, PullTools
from marketplace.peers.pull.runner import PeerRunner
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.missing_rows import due_wanted, last_rejected
from marketplace.peers.registry.peer_registry import Peers
from marketplace.peers.remote.peer_client import Handed, PresentedHead
from marketplace.tlog.checkpoint import Checkpoint, SignedCheckpoint, sign_checkpoint, verify_checkpoint
from marketplace.tlog.following import RollbackError, SplitViewError, WrongRootError
from marketplace.tlog.leaf import EntryLeaf
from marketplace.tlog.merkle import Frontier, hash_leaf
from marketplace.tlog.note import SigningKey, VerifierKey
from marketplace.tlog.tiles import TileName
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.factories.storing import import_entry
from validators import accept
from validators.document import Signer

SITE = "mp-z.example"
ORIGIN = f"{SITE}/public"
KEY = SigningKey(SITE, Ed25519PrivateKey.generate())
IDENTITY = make_identity()
DOCUMENTS = [signed(image(content=f"pull {n}", title=f"Title {n}"), IDENTITY) for n in range(6)]


class FakeFeed:
    """A peer in memory: its rows and bodies can be anything, and it can fail after some calls."""

    def __init__(self, documents: Sequence[bytes] = ()) -> None:
        self.rows_held: list[bytes] = []
        self.bodies_held: dict[str, bytes] = {}
        self.covered: list[bytes] | None = None
        self.origin = ORIGIN
        self.erased: set[str] = set()
        #: Hashes of all rows; None where they are the true ones.
        self.tiles_held: list[bytes] | None = None
        self.asked: list[str] = []
        self.calls_left = 10**9
        self.received = 0
        for document in documents:
            self.add(document)

    def add(self, document: bytes) -> None:
        entry_id = accept(document).entry_id
        number = len(self.rows_held)
        self.rows_held.append(EntryLeaf(entry_id, len(document), ORIGIN, number, 1_700_000_000).to_bytes())
        self.bodies_held[entry_id] = document

    def head(self, slug: str, key: VerifierKey, tag: str | None) -> PresentedHead | None:
        self._count()
        rows = self.rows_held if self.covered is None else self.covered
        tree = Frontier().extended(map(hash_leaf, rows))
        note = sign_checkpoint(Checkpoint(self.origin, tree.size, tree.root), KEY).to_bytes()
        found = f'"{tree.root.hex()}"'
        return None if tag == found else PresentedHead(verify_checkpoint(note, key), found)

    def shown(self) -> SignedCheckpoint:
        """The newest head, as a witness gets it."""
        tree = Frontier().extended(map(hash_leaf, self.rows_held))
        note = sign_checkpoint(Checkpoint(ORIGIN, tree.size, tree.root), KEY).to_bytes()
        return verify_checkpoint(note, KEY.verifier.named(ORIGIN))

    def rows(self, slug: str, since: int, count: int) -> list[bytes]:
        self._count()
        return self.rows_held[since : since + count]

    def tile(self, slug: str, level: int, name: TileName) -> list[bytes]:
        self._count()
        hashes = [hash_leaf(row) for row in self.rows_held] if self.tiles_held is None else self.tiles_held
        assert level == 0, "these logs are small"
        return hashes[: name.width]

    def bodies(self, ids: Sequence[str]) -> Handed:
        self._count()
        self.asked += ids
        found = {one: self.bodies_held[one] for one in ids if one in self.bodies_held}
        return Handed(found, erased=frozenset(self.erased & set(ids)) - found.keys())

    def digests(self, slug: str, prefix: str, known: str | None) -> None:
        raise NotAtPeerError("it does not compare sets")

    def _count(self) -> None:
        self.received += 100
        self.calls_left -= 1
        if self.calls_left < 0:
            raise UnreachableError("gone")


class Site:
    """The site that pulls."""

    def __init__(self, database: Database, verification: Verification) -> None:
        self.database = database
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.ingest = IngestService(database, UploadPolicy(), lambda: self.now)
        self.means = PullTools(database, self.ingest, verification, SiteFilter(), lambda: self.now)
        with database.write() as session:
            self.peer: Peer = Peers(session).add("http://127.0.0.1:1", KEY.verifier, None, self.now)
        self.log_pull = LogPull(self.means, self.peer, PUBLIC)
        self.missing = MissingEntries(self.means, self.peer)

    def followed(self) -> FollowedLog:
        with self.database.read() as session:
            return FollowedLogs(session).of(self.peer.id)[0]

    def pull(self, feed: FakeFeed, shown: SignedCheckpoint | None = None) -> FollowedLog:
        return self.log_pull.run(self.followed(), feed, shown)

    def size(self) -> int:
        with self.database.read() as session:
            return ChangeLog(session).size(PUBLIC)

    def trouble(self) -> tuple[int, int]:
        with self.database.read() as session:
            found = FollowedLogs(session).trouble().get(self.followed().id)
        return (0, 0) if found is None else (found.wanted, found.rejected)


@pytest.fixture(scope="module")
def verification() -> Iterator[Verification]:
    pool = Verification(1)
    yield pool
    pool.close()


@pytest.fixture
def site(database: Database, verification: Verification) -> Iterator[Site]:
    made = Site(database, verification)
    yield made
    made.ingest.close()


def test_everything_that_is_signed_for_comes_in_once(site: Site) -> None:
    feed = FakeFeed(DOCUMENTS[:3])
    log = site.pull(feed)
    assert (log.state, log.entries, log.trusted.proven.size) == (PullState.TAILING, 3, 3)
    assert site.pull(feed).entries == 3
    feed.add(DOCUMENTS[3])
    assert site.pull(feed).trusted.proven.size == 4
    assert site.size() == 4


def test_a_head_that_was_shown_is_not_asked_for_and_an_old_one_is_no_evidence(site: Site) -> None:
    feed = FakeFeed(DOCUMENTS[:2])
    old, before = feed.shown(), feed.received
    assert site.pull(feed, old).trusted.proven.size == 2
    assert feed.received - before == 200  # rows and bodies
    feed.add(DOCUMENTS[2])
    assert site.pull(feed, old).trusted.proven.size == 3  # the peer was asked for its newest one
    log = site.pull(feed, old)
    assert (log.state, log.trusted.behind) == (PullState.TAILING, 0)


def test_a_head_that_was_shown_is_judged_like_any_other(site: Site) -> None:
    feed = FakeFeed(DOCUMENTS[:2])
    site.pull(feed)
    feed.add(DOCUMENTS[2])
    fork = FakeFeed(DOCUMENTS[3:6])
    with pytest.raises(WrongRootError):
        site.pull(feed, fork.shown())
    assert site.followed().state is PullState.QUARANTINED


def test_what_is_here_already_costs_no_body(site: Site) -> None:
    for document in DOCUMENTS[:2]:
        import_entry(site.ingest, document)
    feed = FakeFeed(DOCUMENTS[:2])
    feed.bodies_held.clear()
    log = site.pull(feed)
    assert (log.entries, log.trusted.proven.size, site.size(), site.trouble()) == (0, 2, 2, (0, 0))


def test_a_bad_entry_is_rejected_and_the_next_one_comes(site: Site) -> None:
    feed = FakeFeed(DOCUMENTS[:3])
    bad = accept(DOCUMENTS[1]).entry_id
    feed.bodies_held[bad] = DOCUMENTS[1].replace(b"Title 1", b"Title 9")
    log = site.pull(feed)
    assert (log.state, log.trusted.proven.size, site.size(), site.trouble()) == (
        PullState.TAILING,
        3,
        2,
        (0, 1),
    )


def test_a_row_that_cannot_be_read_is_passed_over(site: Site) -> None:
    feed = FakeFeed(DOCUMENTS[:1])
    feed.rows_held.append(b'{"v":1}')
    feed.add(DOCUMENTS[1])
    assert site.pull(feed).trusted.proven.size == 3
    assert (site.size(), site.trouble()) == (2, (0, 1))


@pytest.mark.parametrize("instead", [None, DOCUMENTS[5]])
def test_a_body_that_does_not_come_is_wanted_until_somebody_has_it(site: Site, instead: bytes | None) -> None:
    feed = FakeFeed(DOCUMENTS[:2])
    missing = accept(DOCUMENTS[0]).entry_id
    del feed.bodies_held[missing]
    if instead is not None:
        feed.bodies_held[missing] = instead  # another entry's bytes under this id
    log = site.pull(feed)
    assert (log.state, site.size(), site.trouble()) == (PullState.TAILING, 1, (1, 0))
    other = FakeFeed(DOCUMENTS[:1])
    assert site.missing.retry_wanted(log, other) is None
    site.now += timedelta(seconds=10)
    assert site.missing.retry_wanted(log, feed) == 0
    site.now += timedelta(seconds=20)
    assert site.missing.retry_wanted(log, other) == 1
    assert (site.size(), site.trouble()) == (2, (0, 0))


def test_a_pull_that_breaks_off_goes_on_behind_its_last_page(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.peers.pull.log_pull.PAGE_ROWS", 2)
    feed = FakeFeed(DOCUMENTS[:5])
    feed.calls_left = 4  # head, rows, and the bodies of two pages
    with pytest.raises(UnreachableError):
        site.pull(feed)
    assert (site.followed().trusted.reached.size, site.size()) == (4, 4)
    assert site.followed().trusted.proven.size == 0
    feed.calls_left = 10
    assert site.pull(feed).trusted.proven.size == 5
    assert site.size() == 5


def test_rows_that_do_not_make_the_signed_tree_lead_to_quarantine(site: Site) -> None:
    feed = FakeFeed(DOCUMENTS[:2])
    site.pull(feed)
    feed.add(DOCUMENTS[2])
    feed.covered = [*feed.rows_held]
    feed.rows_held[2] = feed.rows_held[2].replace(b'"q":2', b'"q":7')
    with pytest.raises(WrongRootError):
        site.pull(feed)
    log = site.followed()
    assert (log.state, log.error_code, log.trusted.reached.size) == (
        PullState.QUARANTINED,
        "integrity.root",
        2,
    )
    with site.database.read() as session:
        (told,) = Events(session).newest(Wanted(frozenset({PUBLIC})), 10)
    assert (told.kind, told.details) == (Kind.QUARANTINED, {"origin": ORIGIN, "code": "integrity.root"})
    with site.database.write() as session:
        evidence = FollowedLogs(session).evidence(site.peer.id)
        FollowedLogs(session).release(site.peer)
    assert ORIGIN in evidence[0].first
    assert '"q":7' in evidence[0].second
    feed.rows_held = list(feed.covered)
    assert site.pull(feed).trusted.proven.size == 3
    assert site.size() == 3


def test_a_log_that_goes_back_or_shows_two_faces_is_quarantined(site: Site) -> None:
    feed = FakeFeed(DOCUMENTS[:3])
    site.pull(feed)
    feed.covered = feed.rows_held[:2]
    with pytest.raises(RollbackError):
        site.log_pull.run(site.followed(), feed)
    with site.database.write() as session:
        FollowedLogs(session).release(site.peer)
    feed.covered = [*feed.rows_held[:2], feed.rows_held[0]]
    with pytest.raises(SplitViewError):
        site.pull(feed)
    with site.database.write() as session:
        assert [one.code for one in FollowedLogs(session).evidence(site.peer.id)] == [
            "integrity.split-view",
            "integrity.rollback",
        ]
        FollowedLogs(session).restart(site.peer)
    feed.covered = None
    log = site.pull(feed)
    assert (log.state, log.trusted.proven.size, site.size()) == (PullState.TAILING, 3, 3)


def test_a_fault_of_this_site_does_not_stop_the_pull_without_a_word(
    database: Database, verification: Verification, caplog: pytest.LogCaptureFixture
) -> None:
    faulty = True

    def standing(signer: Signer) -> str:
        if faulty:
            raise ValueError("no such name")
        return "chained"

    site = Site(database, verification)
    site.ingest.close()
    policy = UploadPolicy(site_filter=SiteFilter(("trust:chained",), standing))
    with closing(IngestService(database, policy, lambda: site.now)) as ingest:
        runner = PeerRunner(replace(site.means, ingest=ingest), site.peer, lambda name: {})
        runner._public = FakeFeed(DOCUMENTS)
        (told,) = runner.once()
        assert (told.state, told.failures, told.error_code) == (PullState.BACKOFF, 1, "peer.failed-here")
        assert "ValueError: no such name" in str(told.error)
        assert "Traceback" in caplog.text
        faulty = False
        runner.nudge()
        runner._take_news()
        (told,) = runner.once()
        assert (told.state, told.failures, site.size()) == (PullState.TAILING, 0, len(DOCUMENTS))


def test_a_pull_by_command_ends_with_everything_also_where_another_process_pulls(site: Site) -> None:
    class Overtaken(FakeFeed):
        def rows(self, slug: str, since: int, count: int) -> list[bytes]:
            if since == 0:  # another process takes two of the rows before these are committed
                site.pull(FakeFeed(DOCUMENTS[:2]))
            return super().rows(slug, since, count)

    runner = PeerRunner(site.means, site.peer, lambda name: {})
    runner._public = Overtaken(DOCUMENTS[:3])
    (told,) = runner.once()
    assert (told.state, told.trusted.behind, told.failures, site.size()) == (PullState.TAILING, 0, 0, 3)


def test_of_rows_that_were_passed_over_the_last_ones_are_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.peers.registry.missing_rows.MOST_LEFT_OUT", 8)
    feed = FakeFeed(DOCUMENTS[:1])
    for turn in range(5):
        feed.rows_held += [b"nonsense %d" % (100 * turn + n) for n in range(5)]
        assert site.pull(feed).state is PullState.TAILING
        site.now += timedelta(seconds=1)
        assert site.trouble()[1] <= 8
    with site.database.read() as session:
        kept = last_rejected(session, site.followed().id, 100)
    assert [one.sequence for one in kept] == list(range(25, 25 - len(kept), -1))
    assert len(kept) >= 7


def test_where_too_much_is_missing_rows_wait_until_some_of_it_comes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.peers.registry.missing_rows.MOST_LEFT_OUT", 3)
    monkeypatch.setattr("marketplace.peers.pull.log_pull.PAGE_ROWS", 2)
    feed = FakeFeed(DOCUMENTS)
    bodies, feed.bodies_held = feed.bodies_held, {}
    with pytest.raises(WithheldError, match="2 entries of its logs are missing already"):
        site.pull(feed)
    assert (site.trouble(), site.followed().trusted.reached.size) == ((2, 0), 2)
    feed.bodies_held = bodies
    assert site.pull(feed).trusted.proven.size == 6
    site.now += timedelta(minutes=1)
    assert site.missing.retry_wanted(site.followed(), feed) == 2
    assert (site.size(), site.trouble()) == (6, (0, 0))


def test_what_a_liar_left_out_goes_with_its_quarantine(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace.peers.pull.log_pull.PAGE_ROWS", 2)
    feed = FakeFeed(DOCUMENTS[:2])
    del feed.bodies_held[accept(DOCUMENTS[0]).entry_id]
    feed.rows_held.append(b"nonsense")
    site.pull(feed)
    assert site.trouble() == (1, 1)
    feed.rows_held += [b"more", b"nonsense", b"than", b"before"]
    honest = [*feed.rows_held]
    feed.covered, feed.rows_held = honest, [*honest[:-1], b"a lie"]
    with pytest.raises(WrongRootError):
        site.pull(feed)
    assert site.trouble() == (0, 0)
    with site.database.read() as session:
        assert due_wanted(session, site.followed(), site.now + timedelta(days=9), 9) == []
    feed.rows_held = honest
    with site.database.write() as session:
        FollowedLogs(session).release(site.peer)
    site.pull(feed)
    assert site.trouble() == (0, 4)  # what was proven is not read again: sets are compared for it
    assert site.followed().compared_at is None


def test_nobody_is_asked_for_what_is_missing_from_a_peer_that_is_switched_off(site: Site) -> None:
    feed = FakeFeed(DOCUMENTS[:2])
    feed.bodies_held.clear()
    site.pull(feed)
    assert site.trouble() == (2, 0)
    PeerAdministration(site.database, "test", lambda: site.now).switch(SITE, disabled=True)
    assert site.trouble() == (0, 0)
