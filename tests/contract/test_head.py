"""The newest head of the public log: what one process showed, no other one takes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, update
from sqlalchemy.exc import OperationalError

from marketplace.access import PUBLIC
from marketplace.changes import ChangeLog
from marketplace.db import Database, Glance, upgrade
from marketplace.db.errors import StalledError
from marketplace.federation.head import Head, HeadReader
from marketplace.federation.integrator import Integrator
from marketplace.federation.keys import SiteKeys
from marketplace.federation.published_logs import PublishedLogs
from marketplace.federation.trees import Trees
from marketplace.models import Cosignature, Tree
from marketplace.tlog.checkpoint import verify_checkpoint
from marketplace.tlog.note import SigningKey
from tests.factories.entries import accepted, moment
from tests.factories.storing import imports, take_all
from tests.waiting import HANGING

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEYS = SiteKeys(
    SigningKey("mp-a.example", Ed25519PrivateKey.from_private_bytes(bytes(32))),
    SigningKey("mp-a.example/auth", Ed25519PrivateKey.from_private_bytes(bytes(31) + b"1")),
)
HEADS = 15


def publish(database: Database, name: object) -> None:
    """A further entry, and the head that covers it."""
    with database.write() as session:
        take_all(session, imports([accepted(name)], PUBLIC), moment(0))
    integrator = Integrator(database, KEYS, lambda: NOW)
    while integrator.step():
        pass


@pytest.fixture
def heads(database: Database) -> Iterator[HeadReader]:
    with closing(HeadReader(database)) as reader:
        yield reader


def test_it_is_the_head_that_peers_are_shown(database: Database, heads: HeadReader) -> None:
    assert heads.read() is None  # nothing was ever published
    publish(database, 1)
    with database.write() as session:
        log = Trees(session).find(PUBLIC)
        assert log is not None
        for witness, size in (("w2", 1), ("w1", 1), ("w3", 0)):
            lines = f"\u2014 {witness} AAAA\n".encode()
            session.execute(
                insert(Cosignature).values(tree_id=log.tree_id, witness=witness, size=size, lines=lines)
            )
        # The newest tree of another log is nobody's business here.
        ChangeLog(session).create("group:a")
        Trees(session).open("group:a", KEYS, NOW)
    seen = heads.read()
    with database.read() as session:
        shown = PublishedLogs(session, frozenset({PUBLIC})).checkpoint(log)
    assert seen is not None
    assert (seen.size, seen.root, seen.note) == (1, log.root, shown)
    assert [line.split()[1] for line in shown.splitlines()[-2:]] == [b"w1", b"w2"]

    with database.write() as session:
        session.execute(update(Tree).values(halted="a peer saw more"))
    assert heads.read() is None


def test_the_newest_epoch_counts(database: Database, heads: HeadReader) -> None:
    publish(database, 1)
    old = heads.read()
    assert old is not None
    with database.write() as session:
        trees = Trees(session)
        log = trees.find(PUBLIC)
        assert log is not None
        head = verify_checkpoint(old.note, KEYS.verifier(log.origin)).checkpoint
        trees.open_epoch(log, 2, head, KEYS, NOW)
    seen = heads.read()
    assert seen is not None and seen.note.startswith(b"mp-a.example/public/e2\n1\n")


def test_no_head_is_older_than_one_that_any_process_showed_before(
    database: Database, database_url: str
) -> None:
    """Several threads of two processes read, while a third one publishes."""
    publish(database, 0)
    newest, lock, ended, back = [0], threading.Lock(), threading.Event(), []

    def follow(heads: HeadReader) -> int:
        read = 0
        while not ended.is_set():
            shown = newest[0]
            head = heads.read()
            assert head is not None
            if head.size < shown:
                back.append((shown, head.size))
            with lock:
                newest[0] = max(newest[0], head.size)
            read += 1
        return read

    with ExitStack() as stack:
        processes = [stack.enter_context(closing(Database.open(database_url))) for _ in range(2)]
        readers = [stack.enter_context(closing(HeadReader(one))) for one in processes]
        pool = stack.enter_context(ThreadPoolExecutor(6))
        followers = [pool.submit(follow, readers[number % 2]) for number in range(6)]
        try:
            for name in range(1, HEADS):
                publish(database, name)
        finally:
            ended.set()
        assert all(one.result(HANGING) for one in followers)
        assert back == []
        assert [head and head.size for head in (one.read() for one in readers)] == [HEADS, HEADS]


def test_those_who_wait_share_a_look_that_began_after_they_came(database: Database) -> None:
    publish(database, 0)
    looks, holding, came = [], threading.Event(), threading.Semaphore(0)
    heads = HeadReader(database)
    plain = heads._look

    def look() -> Head | None:
        looks.append(1)
        if len(looks) == 1:
            holding.wait(HANGING)
        return plain()

    heads._look = look

    def ask() -> int:
        came.release()
        head = heads.read()
        assert head is not None
        return head.size

    with closing(heads), ThreadPoolExecutor(9) as pool:
        first = pool.submit(ask)
        came.acquire()
        others = [pool.submit(ask) for _ in range(8)]
        for _ in others:
            came.acquire()
        # What the first look sees may be older than what the others must see.
        publish(database, 1)
        holding.set()
        assert first.result(HANGING) in (1, 2)
        assert [one.result(HANGING) for one in others] == [2] * 8
    assert 2 <= len(looks) < 9


def test_a_look_that_hangs_keeps_one_thread_and_no_other(
    database: Database, heads: HeadReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(database, 0)
    hanging, ended = threading.Event(), threading.Event()
    plain = heads._look

    def look() -> Head | None:
        hanging.set()
        ended.wait(HANGING)
        return plain()

    monkeypatch.setattr(heads, "_look", look)
    monkeypatch.setattr("marketplace.federation.head.PATIENCE", 0.01)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(heads.read)
        assert hanging.wait(HANGING)
        for _ in range(3):
            with pytest.raises(StalledError):
                heads.read()
        ended.set()
        head = first.result(HANGING)
    assert head is not None and head == heads.read()


def test_a_server_that_was_started_anew_is_asked_by_another_connection(postgres_url: str) -> None:
    upgrade(postgres_url)
    plain = postgres_url.replace("postgresql+psycopg:", "postgresql:")
    with closing(Database.open(postgres_url)) as database, closing(HeadReader(database)) as heads:
        publish(database, 1)
        assert heads.read() is not None
        with psycopg.connect(plain, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        head = heads.read()
        assert head is not None and head.size == 1


def test_a_database_that_does_not_answer_is_told(
    database: Database, heads: HeadReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(database, 1)

    def refuse() -> Glance:
        raise OperationalError("connect", None, Exception("away"))

    with monkeypatch.context() as away:
        away.setattr(database, "glance", refuse)
        for _ in range(2):
            with pytest.raises(OperationalError):
                heads.read()
    assert heads.read() is not None
