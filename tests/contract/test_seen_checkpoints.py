"""What a site remembers of a peer's heads, and what it finds out by that."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.changes import PUBLIC
from marketplace.peers.administration import PeerAdministration
from marketplace.peers.errors import MalformedError, UnreachableError
from marketplace.peers.model import PeerContradiction, PullState
from marketplace.peers.overview import alerts, public_peer
from marketplace.peers.pull.log_pull import LogPull
from marketplace.peers.pull.reported_heads import PATIENCE, ReportedHeads
from marketplace.peers.registry.checkpoints import NEWEST, newest_seen, remember, thinned
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.tlog.checkpoint import Checkpoint, SignedCheckpoint, sign_checkpoint
from marketplace.tlog.following import IntegrityError, RollbackError, SplitViewError
from marketplace.tlog.note import SigningKey
from tests.contract.test_pull import DOCUMENTS, KEY, ORIGIN, SITE, FakeFeed, Site, site, verification

__all__ = ["site", "verification"]

OTHER_KEY = SigningKey("mp-y.example", Ed25519PrivateKey.generate())


def head(feed: FakeFeed, size: int, *, odd: bool = False) -> SignedCheckpoint:
    """A checkpoint of the feed's first rows, or of others."""
    rows = feed.rows_held[:size]
    shown = FakeFeed(())
    shown.covered = [*rows[:-1], b"{}"] if odd else rows
    found = shown.head("public", KEY.verifier.named(ORIGIN), None)
    assert found is not None
    return found.signed


def test_of_old_checkpoints_fewer_are_kept_the_older_they_are() -> None:
    kept: list[int] = []
    for size in range(1, 20_001):
        kept.append(size)
        if len(kept) > 320:
            gone = set(thinned(kept))
            kept = [one for one in kept if one not in gone]
    assert len(kept) <= 320
    assert kept[-NEWEST:] == list(range(20_001 - NEWEST, 20_001))
    gaps = [(20_000 - old, new - old) for old, new in itertools.pairwise(kept)]
    assert all(gap <= max(1, age // 4) for age, gap in gaps)


def test_each_head_is_shown_with_its_note(site: Site) -> None:
    feed = FakeFeed(DOCUMENTS[:1])
    site.pull(feed)
    feed.add(DOCUMENTS[1])
    site.pull(feed)
    record = PeerAdministration(site.database, "test", lambda: site.now).record(SITE)
    seen = record["logs"][0]["checkpoints"]
    assert [one["size"] for one in seen] == [2, 1]
    assert all(ORIGIN in one["note"] and one["witness"] is None for one in seen)


def test_a_head_whose_rows_never_came_counts_too(site: Site) -> None:
    feed = FakeFeed(DOCUMENTS[:4])
    feed.calls_left = 1
    with pytest.raises(UnreachableError):
        site.pull(feed)
    feed.calls_left, feed.covered = 10**6, feed.rows_held[:2]
    with pytest.raises(RollbackError):
        site.pull(feed)


def test_what_was_seen_before_the_largest_was_forgotten_still_counts(site: Site) -> None:
    feed = FakeFeed(DOCUMENTS[:4])
    with site.database.write() as session:
        remember(session, site.followed(), head(feed, 4, odd=True), site.now)
    with pytest.raises(SplitViewError):
        site.pull(feed)
    with site.database.write() as session:
        FollowedLogs(session).release(site.peer)
    assert site.pull(feed).trusted.proven.size == 4


class Told:
    """What others saw of the log, held against it at each look."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.heads = ReportedHeads(site.means, site.peer)

    def hear(self, signed: SignedCheckpoint, witness: str = "mp-y.example") -> None:
        self.heads.hear(signed.note.to_bytes(), witness)

    def look(self, feed: FakeFeed, *heard: SignedCheckpoint) -> None:
        for one in heard:
            self.hear(one)
        followed = self.site.pull(feed)
        try:
            if self.heads.hold(followed, self.site.log_pull):
                self.heads.hold_old(followed, self.site.log_pull, feed)
        except IntegrityError as error:
            self.site.log_pull.quarantine(followed, error)
            raise

    def evidence(self) -> list[PeerContradiction]:
        with self.site.database.read() as session:
            return FollowedLogs(session).evidence(self.site.peer.id)

    def alerts(self) -> list[str]:
        statuses = PeerAdministration(self.site.database, "test", lambda: self.site.now).all()
        return [one.code for one in alerts([public_peer(status) for status in statuses], self.site.now)]


def restart(site: Site) -> None:
    """Forget what only memory holds: the hashes of the last rows."""
    site.log_pull = LogPull(site.means, site.peer, PUBLIC)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("restarted", [False, True], ids=["lately", "long ago"])
def test_a_witness_that_saw_another_tree_gives_a_split_view_away(
    site: Site, size: int, restarted: bool
) -> None:
    feed, told = FakeFeed(DOCUMENTS[:5]), Told(site)
    told.look(feed)
    if restarted:
        restart(site)
    told.look(feed, head(feed, size), *(head(feed, n) for n in range(5)))
    assert (site.followed().state, told.evidence()) == (PullState.TAILING, [])
    forked = head(feed, size, odd=True)
    with pytest.raises(SplitViewError):
        told.look(feed, forked)
    assert (site.followed().state, site.followed().error_code) == (
        PullState.QUARANTINED,
        "integrity.split-view",
    )
    (evidence,) = told.evidence()
    assert (evidence.first, evidence.second) == (
        head(feed, 5).note.to_bytes().decode(),
        forked.note.to_bytes().decode(),
    )
    assert told.alerts() == ["peer.quarantined"]


def test_rows_must_pass_what_others_saw_of_them(site: Site) -> None:
    feed, told = FakeFeed(DOCUMENTS[:5]), Told(site)
    feed.covered = feed.rows_held[:2]
    told.look(feed, head(feed, 3), head(feed, 4, odd=True))  # kept, as their rows are not here yet
    told = Told(site)
    feed.covered = None
    with pytest.raises(SplitViewError):
        told.look(feed)
    (evidence,) = told.evidence()
    assert ("\n4\n" in evidence.first, "\n5\n" in evidence.second) == (True, True)
    with site.database.write() as session:
        FollowedLogs(session).release(site.peer)
    told.look(feed)  # the operator has looked at it
    assert site.followed().trusted.proven.size == 5


def test_nobody_makes_an_honest_log_look_like_a_liar(site: Site) -> None:
    feed, told = FakeFeed(DOCUMENTS[:3]), Told(site)
    told.look(feed)
    other = SigningKey(SITE, Ed25519PrivateKey.generate())
    for size in (0, 2, 3, 9):
        checkpoint = Checkpoint(ORIGIN, size, bytes(32))
        elsewhere = Checkpoint(f"{ORIGIN}/e2", size, bytes(32))
        for note in (
            sign_checkpoint(checkpoint, other).to_bytes(),
            sign_checkpoint(checkpoint, OTHER_KEY).to_bytes(),
            sign_checkpoint(elsewhere, KEY).to_bytes(),
            checkpoint.text.encode(),
            b"\xff\x00",
            b"",
        ):
            told.heads.hear(note, "mp-y.example")
            told.look(feed)
    assert (site.followed().state, told.evidence(), told.alerts()) == (PullState.TAILING, [], [])
    with site.database.read() as session:
        assert [one.size for one in newest_seen(session, site.followed().id, 9)] == [3]


def test_tiles_that_prove_nothing_are_a_fault_and_no_evidence(site: Site) -> None:
    feed, told = FakeFeed(DOCUMENTS[:5]), Told(site)
    told.look(feed)
    restart(site)
    feed.tiles_held = [bytes(32)] * 5
    for _ in range(2):  # it goes on waiting
        with pytest.raises(MalformedError, match="the tiles do not give the root of 5 rows"):
            told.look(feed, head(feed, 3))
    assert told.evidence() == []
    feed.tiles_held = None
    told.look(feed)
    assert (site.followed().state, told.evidence()) == (PullState.TAILING, [])


def test_of_many_that_tell_nobody_pushes_another_away(site: Site) -> None:
    feed, told = FakeFeed(DOCUMENTS[:5]), Told(site)
    told.look(feed)
    told.hear(head(feed, 3, odd=True), "mp-x.example")
    for size in range(5):
        for flood in range(200):
            told.heads.hear(b"%d %d" % (size, flood), "mp-y.example")
        told.hear(head(feed, size), "mp-y.example")
    with pytest.raises(SplitViewError, match=r"mp-x\.example saw another tree of 3 rows"):
        told.look(feed)


def test_a_log_that_shows_less_than_it_signed_elsewhere_is_frozen_until_it_moves(site: Site) -> None:
    feed, told = FakeFeed(DOCUMENTS[:5]), Told(site)
    feed.covered = feed.rows_held[:2]
    larger = head(feed, 5)
    told.look(feed, larger)
    assert told.alerts() == []  # it may just have been signed
    site.now += PATIENCE
    for _ in range(2):
        told.look(feed, larger)
    assert told.alerts() == ["peer.frozen"]
    (evidence,) = told.evidence()
    assert (evidence.code, "\n5\n" in evidence.first, "\n2\n" in evidence.second) == (
        "integrity.frozen", True, True,
    )  # fmt: skip
    # It is no reason to stop: what it shows is true, and it may show the rest yet.
    feed.covered = None
    assert site.pull(feed).trusted.proven.size == 5
    assert told.alerts() == []


def test_a_log_that_moves_on_in_time_is_not_frozen(site: Site) -> None:
    feed, told = FakeFeed(DOCUMENTS[:5]), Told(site)
    feed.covered = feed.rows_held[:2]
    larger = head(feed, 5)
    told.look(feed, larger)
    feed.covered = None
    site.now += timedelta(minutes=1)
    told.look(feed, larger)
    assert told.evidence() == []
