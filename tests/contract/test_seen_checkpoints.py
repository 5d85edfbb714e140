"""What a site remembers of a peer's heads, and what it finds out by that."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.peers.administration import PeerAdministration
from marketplace.peers.checkpoints import NEWEST, remember, thinned
from marketplace.peers.errors import UnreachableError
from marketplace.peers.followed_logs import FollowedLogs
from marketplace.peers.gossip import PATIENCE, HeadGossip
from marketplace.peers.overview import alerts, public_peer
from marketplace.peers.registry import Peers
from marketplace.peers.sites import State
from marketplace.tlog.checkpoint import SignedCheckpoint
from marketplace.tlog.following import RollbackError, SplitViewError
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


@contextmanager
def gossip(site: Site, monkeypatch: pytest.MonkeyPatch, shown: FakeFeed) -> Iterator[HeadGossip]:
    """Another peer that tells what it saw, and the log's own site, which shows something."""
    with site.database.write() as session:
        witness = Peers(session).add("http://127.0.0.1:2", OTHER_KEY.verifier, None, site.now)
    monkeypatch.setattr(FakeFeed, "close", lambda self: None, raising=False)
    monkeypatch.setattr("marketplace.peers.gossip.PeerFeed", lambda url: shown)
    yield HeadGossip(site.means, witness)


def test_a_witness_that_saw_another_tree_gives_a_split_view_away(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = FakeFeed(DOCUMENTS[:3])
    site.pull(feed)
    with gossip(site, monkeypatch, feed) as told:
        told.hold(site.followed(), site.peer, head(feed, 3))
        assert site.followed().state is State.TAILING
        told.hold(site.followed(), site.peer, head(feed, 3, odd=True))
    assert (site.followed().state, site.followed().error_code) == (State.QUARANTINED, "integrity.split-view")
    with site.database.read() as session:
        (evidence,) = FollowedLogs(session).evidence(site.peer.id)
    assert evidence.first != evidence.second
    assert ORIGIN in evidence.first and ORIGIN in evidence.second


def test_a_log_that_shows_less_than_it_signed_elsewhere_is_frozen_until_it_moves(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = FakeFeed(DOCUMENTS[:5])
    feed.covered = feed.rows_held[:2]
    site.pull(feed)
    larger = head(feed, 5)

    def told_alerts() -> list[str]:
        statuses = PeerAdministration(site.database, "test", lambda: site.now).all()
        return [one.code for one in alerts([public_peer(status) for status in statuses], site.now)]

    with gossip(site, monkeypatch, feed) as told:
        told.hold(site.followed(), site.peer, larger)
        assert told_alerts() == []  # it may just have been signed
        site.now += PATIENCE
        for _ in range(2):
            told.hold(site.followed(), site.peer, larger)
    assert told_alerts() == ["peer.frozen"]
    with site.database.read() as session:
        (evidence,) = FollowedLogs(session).evidence(site.peer.id)
    assert (evidence.code, "\n5\n" in evidence.first, "\n2\n" in evidence.second) == (
        "integrity.frozen", True, True,
    )  # fmt: skip
    # It is no reason to stop: what it shows is true, and it may show the rest yet.
    feed.covered = None
    assert site.pull(feed).trusted.proven.size == 5
    assert told_alerts() == []


def test_a_log_that_moves_on_in_time_is_not_frozen(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = FakeFeed(DOCUMENTS[:5])
    feed.covered = feed.rows_held[:2]
    site.pull(feed)
    larger = head(feed, 5)
    feed.covered = None
    with gossip(site, monkeypatch, feed) as told:
        told.hold(site.followed(), site.peer, larger)
        site.now += timedelta(minutes=1)
        told.hold(site.followed(), site.peer, larger)
    with site.database.read() as session:
        assert FollowedLogs(session).evidence(site.peer.id) == []
