"""Publishing a log: every row once, in order, under heads that continue each other, by whoever is first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, update

from marketplace.access import PUBLIC
from marketplace.changes import ChangeLog, Provenance
from marketplace.db import Database
from marketplace.federation.errors import HaltedError, TreeDamagedError, UnknownLogError, UnknownPartError
from marketplace.federation.integrator import BATCH, Integrator, Unpublished, find_unpublished
from marketplace.federation.keys import SiteKeys
from marketplace.federation.published_logs import PublishedLogs
from marketplace.federation.trees import PublishedLog, Trees
from marketplace.fsck.trees import verify_trees
from marketplace.models import ChangeRow, Leaf, Tile, Tree
from marketplace.tlog.checkpoint import verify_checkpoint
from marketplace.tlog.leaf import EntryLeaf, parse_leaf
from marketplace.tlog.merkle import Frontier, hash_leaf
from marketplace.tlog.note import SigningKey
from marketplace.tlog.tiles import TileName, split_bundle, tile_names
from tests.factories.entries import accepted, moment
from tests.factories.storing import imports, take_all

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEYS = SiteKeys(
    SigningKey("mp-a.example", Ed25519PrivateKey.from_private_bytes(bytes(32))),
    SigningKey("mp-a.example/auth", Ed25519PrivateKey.from_private_bytes(bytes(31) + b"1")),
)
ORIGIN = "mp-a.example/public"
T = TypeVar("T")
EVERYTHING = frozenset({PUBLIC, "group:a"})


def take_in(database: Database, *names: object, log: str = PUBLIC, claim: Provenance | None = None) -> None:
    with database.write() as session:
        take_all(session, imports(map(accepted, names), log, claim), moment(0))


def integrator(database: Database, **options: object) -> Integrator:
    return Integrator(database, KEYS, lambda: NOW, **options)


def publish(database: Database) -> None:
    one = integrator(database)
    while one.step():
        pass


def published(database: Database, log: str = PUBLIC) -> PublishedLog:
    with database.read() as session:
        found = Trees(session).find(log)
    assert found is not None
    return found


def read(database: Database, ask: Callable[[PublishedLogs], T], visible: frozenset[str] = EVERYTHING) -> T:
    with database.read() as session:
        return ask(PublishedLogs(session, visible))


def verify_whole(database: Database, log: PublishedLog) -> list[bytes]:
    """The leaves, after everything published was checked against the signed root."""
    with database.read() as session:
        leaves = Trees(session).leaves(log.tree_id, 0, log.size + 10)
        head = verify_checkpoint(log.note, KEYS.verifier(log.origin)).checkpoint
        frontier = Frontier().extended(map(hash_leaf, leaves))
        assert (head.size, head.root) == (len(leaves), frontier.root) == (log.size, log.root)
        for level, name in tile_names(log.size):
            assert Trees(session).tile(log, level, name.number, name.width) is not None
        assert Trees(session).right_edge(log).root == head.root
    return leaves


def test_an_empty_log_has_a_signed_head(database: Database) -> None:
    publish(database)
    log = published(database)
    assert (log.origin, log.slug, log.size, log.epoch) == (ORIGIN, "public", 0, 1)
    assert verify_whole(database, log) == []


def test_every_row_is_published_once_and_in_order(database: Database) -> None:
    take_in(database, *range(3))
    publish(database)
    first = published(database)
    take_in(database, *range(3, 300))
    publish(database)
    leaves = verify_whole(database, published(database))
    with database.read() as session:
        rows = ChangeLog(session).page(PUBLIC, 0)
    said = [parse_leaf(leaf) for leaf in leaves]
    assert all(isinstance(leaf, EntryLeaf) for leaf in said)
    assert [(leaf.entry_id, leaf.origin, leaf.sequence) for leaf in said] == [
        (row.entry_id, ORIGIN, row.sequence) for row in rows
    ]
    assert [leaf.size for leaf in said] == [len(accepted(n).data) for n in range(300)]
    # The older head is a head of the same tree.
    assert Frontier().extended(map(hash_leaf, leaves[:3])).root == first.root
    with database.read() as session:
        assert find_unpublished(session) == []


def test_more_rows_than_a_batch_are_published_in_several_heads(database: Database) -> None:
    take_in(database, *range(BATCH + 200))
    heads: list[PublishedLog] = []
    one = integrator(database, on_publish=heads.append)
    while one.step():
        pass
    assert [head.size for head in heads] == [0, BATCH, BATCH + 200]
    assert len(verify_whole(database, heads[-1])) == BATCH + 200


def test_what_came_in_here_is_told_from_what_other_sites_have(database: Database) -> None:
    publish(database)
    theirs = Provenance("mp-b.example/public", 41, 1_700_000_000)
    with database.write() as session:
        ChangeLog(session).create("group:a")
    take_in(database, *range(BATCH), claim=theirs)
    take_in(database, "ours")
    take_in(database, "group's", log="group:a")
    with database.read() as session:
        assert find_unpublished(session) == [Unpublished("group:a", True), Unpublished(PUBLIC, False)]
    integrator(database).step()  # a batch of the public log; ours is among the next
    with database.read() as session:
        assert Unpublished(PUBLIC, True) in find_unpublished(session)


def test_a_leaf_tells_where_its_entry_was_first_accepted(database: Database) -> None:
    take_in(database, "theirs", claim=Provenance("mp-b.example/public", 41, 1_700_000_000))
    publish(database)
    (leaf,) = map(parse_leaf, verify_whole(database, published(database)))
    assert isinstance(leaf, EntryLeaf)
    assert (leaf.origin, leaf.sequence, leaf.time) == ("mp-b.example/public", 41, 1_700_000_000)


def test_a_log_of_its_own_has_a_name_that_tells_nothing(database: Database) -> None:
    with database.write() as session:
        ChangeLog(session).create("group:a")
    take_in(database, "private", log="group:a")
    publish(database)
    log = published(database, "group:a")
    assert log.origin == f"mp-a.example/g/{log.slug}" and len(bytes.fromhex(log.slug)) == 16
    assert len(verify_whole(database, log)) == 1
    assert published(database).size == 0
    assert read(database, lambda feed: feed.log(log.slug)) == log
    with pytest.raises(UnknownLogError):
        read(database, lambda feed: feed.log(log.slug), frozenset({PUBLIC}))
    assert [one.name for one in read(database, PublishedLogs.logs, frozenset({PUBLIC}))] == [PUBLIC]


def test_nothing_beyond_the_checkpoint_is_shown(database: Database) -> None:
    take_in(database, *range(5))
    publish(database)
    take_in(database, *range(5, 9))
    log = published(database)
    assert len(read(database, lambda feed: feed.leaves(log, 0, 1000))) == 5
    assert read(database, lambda feed: feed.leaves(log, 3, 1)) == [verify_whole(database, log)[3]]
    assert read(database, lambda feed: feed.leaves(log, 2**62, 10)) == []
    for ask in (
        lambda feed: feed.tile(log, 0, TileName(0, 6)),
        lambda feed: feed.tile(log, 1, TileName(0, 1)),
        lambda feed: feed.tile(log, 9, TileName(0, 1)),
        lambda feed: feed.entry_bundle(log, TileName(0, 256)),
        lambda feed: feed.body_keys(log, TileName(1, 1)),
    ):
        with pytest.raises(UnknownPartError):
            read(database, ask)
    ids = [accepted(n).entry_id for n in range(9)]
    assert [body.entry_id for body in read(database, lambda feed: feed.bodies(ids)).found] == ids[:5]


def test_bundles_hold_the_leaves_and_the_bodies_of_the_tile(database: Database) -> None:
    take_in(database, *range(260))
    publish(database)
    log, leaves = published(database), verify_whole(database, published(database))
    assert (
        split_bundle(read(database, lambda feed: feed.entry_bundle(log, TileName(0, 256))), 256)
        == leaves[:256]
    )
    assert (
        split_bundle(read(database, lambda feed: feed.entry_bundle(log, TileName(1, 3))), 3)
        == leaves[256:259]
    )
    keys = read(database, lambda feed: feed.body_keys(log, TileName(1, 4)))
    assert [size for _, size in keys] == [len(accepted(n).data) for n in range(256, 260)]


def test_bodies_by_id_come_in_the_order_asked_and_only_from_visible_logs(database: Database) -> None:
    with database.write() as session:
        ChangeLog(session).create("group:a")
    take_in(database, "open")
    take_in(database, "closed", log="group:a")
    publish(database)
    ids = [accepted(name).entry_id for name in ("closed", "absent", "open", "open")]
    found = read(database, lambda feed: feed.bodies(ids))
    assert [(body.entry_id, body.data) for body in found.found] == [
        (accepted(name).entry_id, accepted(name).data) for name in ("closed", "open")
    ]
    assert found.left == 0
    found = read(database, lambda feed: feed.bodies(ids), frozenset({PUBLIC}))
    assert [body.entry_id for body in found.found] == [ids[2]]
    assert read(database, lambda feed: feed.bodies(ids), frozenset()).found == ()


def test_of_several_processes_one_publishes_each_row(database_url: str) -> None:
    with ThreadPoolExecutor(5) as pool, closing(Database.open(database_url)) as writing:
        opened = [Database.open(database_url) for _ in range(4)]
        done = threading.Event()

        def run(database: Database) -> None:
            one = integrator(database)
            while True:
                last = done.is_set()
                one.step()
                if last:
                    return

        try:
            running = [pool.submit(run, database) for database in opened]
            try:
                for n in range(30):
                    take_in(writing, *range(n * 10, n * 10 + 10))
            finally:
                done.set()
            for one in running:
                one.result(60)
        finally:
            for database in opened:
                database.close()
        publish(writing)
        assert len(verify_whole(writing, published(writing))) == 300


def test_the_thread_publishes_when_it_is_nudged_and_when_nobody_says_a_word(database: Database) -> None:
    seen: list[int] = []
    grown = threading.Condition()

    def note(log: PublishedLog) -> None:
        with grown:
            seen.append(log.size)
            grown.notify_all()

    one = integrator(database, poll=0.05, on_publish=note)
    one.start()
    try:
        for n in range(3):
            take_in(database, n)
            if n == 1:
                one.nudge()
            with grown:
                assert grown.wait_for(lambda: seen and seen[-1] == n + 1, 30)  # noqa: B023 - waits in the loop
    finally:
        one.stop()


def test_nothing_is_signed_over_tiles_that_were_changed(database: Database) -> None:
    take_in(database, *range(3))
    publish(database)
    before = published(database)
    with database.write() as session:
        session.execute(update(Tile).values(data=bytes(96)))
    take_in(database, 3)
    with pytest.raises(TreeDamagedError, match="do not give the signed root"):
        integrator(database).step()
    assert published(database) == before
    with database.write() as session:
        session.execute(delete(Tile))
    with pytest.raises(TreeDamagedError, match="does not fit"):
        integrator(database).step()


def test_nothing_is_signed_over_a_gap(database: Database) -> None:
    take_in(database, *range(3))
    with database.write() as session:
        session.execute(delete(ChangeRow).where(ChangeRow.sequence == 1))
    integrator(database).step()
    with pytest.raises(TreeDamagedError, match="lacks rows"):
        integrator(database).step()


def test_a_damaged_log_keeps_no_other_from_being_published(database: Database) -> None:
    with database.write() as session:
        ChangeLog(session).create("group:a")
    take_in(database, 0, log="group:a")
    publish(database)
    with database.write() as session:
        session.execute(update(Tree).where(Tree.slug != PUBLIC).values(root=bytes(32)))
    take_in(database, 1, log="group:a")
    take_in(database, 2)
    with pytest.raises(TreeDamagedError):
        integrator(database).step()
    assert published(database).size == 1


def test_a_halted_log_is_neither_published_nor_shown(database: Database) -> None:
    publish(database)
    with database.write() as session:
        session.execute(update(Tree).values(halted="a peer saw more"))
    take_in(database, 1)
    publish(database)
    assert published(database).size == 0
    with pytest.raises(HaltedError):
        read(database, lambda feed: feed.log("public"))
    assert read(database, PublishedLogs.logs) == []
    assert read(database, lambda feed: feed.bodies([accepted(1).entry_id])).found == ()


def test_a_leaf_changed_after_it_was_signed_is_not_signed_again(database: Database) -> None:
    """The tree goes on from the hashes; `fsck` is who compares old leaves with them."""
    take_in(database, *range(3))
    publish(database)
    root = published(database).root
    with database.write() as session:
        session.execute(update(Leaf).where(Leaf.position == 0).values(data=b"{}"))
    publish(database)
    assert published(database).root == root


def damage(database: Database) -> list[str]:
    with database.read() as session:
        return [found.code for found in verify_trees(session)]


@pytest.mark.parametrize(
    ("spoil", "codes"),
    [
        (update(Leaf).where(Leaf.position == 7).values(data=b"{}"), {"tree.leaf", "tree.tile", "tree.root"}),
        (delete(Leaf).where(Leaf.position == 299), {"tree.tile", "tree.root"}),
        (update(Tile).where(Tile.level == 1).values(data=bytes(32)), {"tree.tile"}),
        (delete(Tile).where(Tile.number == 1), {"tree.tile"}),
        (update(Tree).values(root=bytes(32)), {"tree.root", "tree.note"}),
        (update(Tree).values(note=b"nothing"), {"tree.note"}),
        (update(ChangeRow).where(ChangeRow.sequence == 250).values(body_id=1), {"tree.leaf"}),
    ],
)
def test_fsck_finds_what_is_not_as_it_was_signed(database: Database, spoil: Any, codes: set[str]) -> None:
    take_in(database, *range(299), "a longer name than the others have")
    publish(database)
    assert damage(database) == []
    with database.write() as session:
        session.execute(spoil)
    assert set(damage(database)) == codes
