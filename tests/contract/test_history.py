"""What was published once: a database that lacks some of it is noticed, halted, and started anew."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update

from marketplace.access import PUBLIC
from marketplace.db import Database
from marketplace.federation.epochs import (
    NeverPublishedError,
    NotHaltedError,
    find_published,
    open_epoch,
    verify_halted,
)
from marketplace.federation.history import find_contradiction, get_evidence, halt
from marketplace.federation.integrator import find_unpublished
from marketplace.federation.trees import PublishedLog, Trees, find_epoch
from marketplace.fsck.trees import verify_trees
from marketplace.models import Tree
from marketplace.tlog.checkpoint import Checkpoint, sign_checkpoint
from marketplace.tlog.leaf import EntryLeaf, EpochLeaf, parse_leaf
from tests.contract.test_integrator import KEYS, NOW, ORIGIN, publish, published, read, take_in, verify_whole
from tests.factories.entries import accepted


def contradiction(database: Database, head: Checkpoint) -> str | None:
    with database.read() as session:
        return find_contradiction(session, published(database), head)


def test_every_head_of_the_log_fits_it_and_no_other_does(database: Database) -> None:
    heads: list[Checkpoint] = []
    for start in range(0, 600, 150):
        publish(database)
        heads.append(Checkpoint(ORIGIN, start, published(database).root))
        take_in(database, *range(start, start + 150))
    publish(database)
    for head in heads:
        assert contradiction(database, head) is None
        assert "another content" in str(contradiction(database, Checkpoint(ORIGIN, head.size, b"\1" * 32)))
    more = Checkpoint(ORIGIN, 601, bytes(32))
    assert "601 rows" in str(contradiction(database, more)) and "has 600" in str(
        contradiction(database, more)
    )


def halted(database: Database, size: int) -> PublishedLog:
    """The public log, halted for a head that somebody has seen."""
    head = Checkpoint(ORIGIN, size, bytes(32))
    with database.write() as session:
        for reason in ("first", "second"):
            note = sign_checkpoint(head, KEYS.log).to_bytes() if reason == "first" else b"later"
            halt(session, published(database), reason, note)
    return published(database)


def test_a_halted_log_stays_so_for_the_first_reason(database: Database) -> None:
    take_in(database, 0)
    publish(database)
    log = halted(database, 9)
    take_in(database, 1)
    with database.read() as session:
        assert find_unpublished(session) == []
        assert (log.halted, get_evidence(session, log) == b"later") == ("first", False)


def open_next(
    database: Database, seen: tuple[Checkpoint, ...] = (), taken: frozenset[str] = frozenset()
) -> PublishedLog:
    with database.write() as session:
        return open_epoch(session, find_published(session, PUBLIC), seen, taken, KEYS, NOW)


def test_a_new_epoch_publishes_everything_again_behind_its_first_leaf(database: Database) -> None:
    take_in(database, *range(300))
    publish(database)
    halted(database, 400)
    opened = open_next(database, (Checkpoint(ORIGIN, 350, bytes(32)), Checkpoint(ORIGIN, 450, b"\2" * 32)))
    assert (opened.origin, opened.epoch, opened.head, opened.size) == (f"{ORIGIN}/e2", 2, 1, 1)
    publish(database)
    take_in(database, 300)
    publish(database)
    first, *others = map(parse_leaf, verify_whole(database, published(database)))
    assert first == EpochLeaf(ORIGIN, 450, b"\2" * 32, int(NOW.timestamp()))
    assert [
        (leaf.entry_id, leaf.origin, leaf.sequence) for leaf in others if isinstance(leaf, EntryLeaf)
    ] == [(accepted(n).entry_id, f"{ORIGIN}/e2", n + 1) for n in range(301)]
    with database.read() as session:
        assert list(verify_trees(session)) == []
    ids = [accepted(n).entry_id for n in (0, 300)]
    assert [body.entry_id for body in read(database, lambda feed: feed.bodies(ids)).found] == ids


def test_the_largest_head_that_anybody_saw_is_named(database: Database) -> None:
    take_in(database, *range(3))
    publish(database)
    halted(database, 7)
    open_next(database)
    (first,) = map(parse_leaf, verify_whole(database, published(database)))
    assert isinstance(first, EpochLeaf) and first.size == 7


def test_names_that_peers_know_already_are_not_used_again(database: Database) -> None:
    publish(database)
    halted(database, 1)
    opened = open_next(database, taken=frozenset({f"{ORIGIN}/e2", f"{ORIGIN}/e3"}))
    assert opened.origin == f"{ORIGIN}/e4"
    with database.write() as session:
        session.execute(update(Tree).where(Tree.epoch == 4).values(halted="again"))
    assert open_next(database).origin == f"{ORIGIN}/e5"


@pytest.mark.parametrize("epoch", [2, 3, 12])
def test_a_later_epoch_that_somebody_saw_halts_the_log_and_is_not_opened_again(
    database: Database, epoch: int
) -> None:
    take_in(database, *range(3))
    publish(database)
    root = published(database).root
    later = Checkpoint(f"{ORIGIN}/e{epoch}", 1, bytes(32))
    reason = contradiction(database, later)
    assert reason is not None and f"{ORIGIN}/e{epoch}" in reason
    for other in (f"{ORIGIN}/x2", f"{ORIGIN}/e", f"{ORIGIN}/e-2", f"{ORIGIN}2/e9"):
        with database.read() as session:
            assert find_epoch(published(database), other) is None, other
    with database.write() as session:
        halt(session, published(database), reason, sign_checkpoint(later, KEYS.log).to_bytes())
    # The evidence is enough: nobody has to answer.
    opened = open_next(database)
    assert (opened.origin, opened.epoch) == (f"{ORIGIN}/e{epoch + 1}", epoch + 1)
    (first,) = map(parse_leaf, verify_whole(database, published(database)))
    assert isinstance(first, EpochLeaf) and (first.size, first.root) == (3, root)
    for earlier in (f"{ORIGIN}/e2", f"{ORIGIN}/e{epoch + 1}"):
        head = Checkpoint(earlier, 1, opened.root)
        assert contradiction(database, head) is None, earlier


def test_epochs_that_only_some_peers_saw_leave_no_gap_to_fall_into(database: Database) -> None:
    publish(database)
    halted(database, 1)
    assert open_next(database, taken=frozenset({f"{ORIGIN}/e3"})).origin == f"{ORIGIN}/e4"


def test_a_log_that_is_published_is_not_broken_off(database: Database) -> None:
    with pytest.raises(NeverPublishedError), database.read() as session:
        find_published(session, PUBLIC)
    publish(database)
    with pytest.raises(NotHaltedError):
        verify_halted(published(database))
    verify_halted(halted(database, 1))
    with database.write() as session:
        session.execute(delete(Tree))
        assert Trees(session).find(PUBLIC) is None
