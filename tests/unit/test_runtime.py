"""What a process says of itself while it starts."""

from __future__ import annotations

import logging
import threading
import time

import pytest
from sqlalchemy import text

from marketplace.access import ANONYMOUS
from marketplace.catalogue import Catalogue
from marketplace.catalogue.snapshot import NAME
from marketplace.cli.erase import erase
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.entries import EntryQuery, VisibleEntries
from marketplace.following import Following
from marketplace.runtime import Runtime, build
from marketplace.runtime.parts import RunningPart, RunningParts
from marketplace.trust.watch import TrustWatch
from tests.contract.search_store import add
from tests.databases import upgrade
from tests.factories.entries import accepted
from tests.functional.sites import until
from tests.waiting import HANGING


@pytest.fixture
def runtime(tmp_path) -> Runtime:
    settings = Settings.from_mapping(
        {"data": str(tmp_path), "query.enabled": "false", "search.engine": "off"}
    )
    upgrade(settings.database_url)
    made = build(settings)
    yield made
    made.close()


def test_a_process_is_not_ready_before_lists_can_be_answered_at_once(runtime, monkeypatch):
    may_read = threading.Event()
    read = Catalogue.warm_up

    def slow(catalogue: Catalogue, database: Database) -> None:
        assert may_read.wait(HANGING)
        read(catalogue, database)

    monkeypatch.setattr(Catalogue, "warm_up", slow)
    runtime.start()
    assert runtime.health().faults == ("search.warming-up",)
    may_read.set()
    deadline = time.monotonic() + HANGING
    while runtime.health().faults:
        assert time.monotonic() < deadline
        time.sleep(0.01)  # between two looks at another thread


def test_followers_begin_when_a_database_that_was_out_of_order_is_mended(runtime):
    with runtime.database.write() as session:
        session.execute(text("ALTER TABLE log RENAME TO out_of_order"))
    runtime.start()
    assert "followers.waiting" in runtime.health().faults
    with runtime.database.write() as session:
        session.execute(text("ALTER TABLE out_of_order RENAME TO log"))
    until(lambda: runtime.health().faults == (), "the process is ready")
    assert {lag.follower for lag in runtime.health().lags} == {"verdicts", "conflicts"}


def test_a_process_starts_and_ends_without_a_usable_database(tmp_path):
    (tmp_path / "marketplace.sqlite").write_bytes(b"this is no database " * 100)
    settings = Settings.from_mapping(
        {"data": str(tmp_path), "query.enabled": "false", "search.engine": "off"}
    )
    runtime = build(settings)
    runtime.start()
    assert runtime.health().faults == ("store.unreachable",)
    runtime.close()


def test_a_triple_store_that_cannot_be_opened_keeps_nothing_else_from_working(tmp_path, monkeypatch):
    follow, told = Following._follow, []

    def following(self, followers):
        told.append(self.degraded([]))
        follow(self, followers)

    monkeypatch.setattr(Following, "_follow", following)
    (tmp_path / "sparql").write_text("a file where a directory should be")
    settings = Settings.from_mapping({"data": str(tmp_path), "search.engine": "off"})
    upgrade(settings.database_url)
    runtime = build(settings)
    try:
        runtime.start()
        until(lambda: runtime.health().faults == (), "the process is ready")
        assert runtime.health().degraded == {"queries": "Not a directory"}
        assert {lag.follower for lag in runtime.health().lags} == {"verdicts", "conflicts"}
        (tmp_path / "sparql").unlink()
        until(lambda: runtime.health().degraded == {}, "queries are answered")
        assert len(runtime.health().lags) == 3
        # Nobody hears that queries are answered before their copy follows the log.
        assert told == [{"queries": "Not a directory"}]
    finally:
        runtime.close()


def test_a_process_leaves_its_catalogue_to_the_next_one_and_nothing_that_was_erased(
    tmp_path, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("marketplace.runtime.storage.LEAST_ROWS", 1)
    settings = Settings.from_mapping(
        {"data": str(tmp_path), "query.enabled": "false", "search.engine": "off"}
    )
    upgrade(settings.database_url)

    def started() -> Runtime:
        runtime = build(settings)
        runtime.start()
        until(lambda: runtime.health().faults == (), "the process is ready")
        return runtime

    first = started()
    entry = accepted("image", title="A kept title")
    add(first.database, [entry])
    with first.database.read() as session:
        VisibleEntries(session, ANONYMOUS, first.list_caches).list(EntryQuery(now=first.now()))
    first.close()
    assert b"a kept title" in (tmp_path / NAME).read_bytes()
    second = started()
    assert "the catalogue was read from disk" in caplog.text
    erase.main([entry.entry_id, "--reason", "asked for", "--data", str(tmp_path)], standalone_mode=False)
    assert not (tmp_path / NAME).exists()
    second.close()
    assert not (tmp_path / NAME).exists()


def recorded(told: list[str], name: str, failing: str = "") -> RunningPart:
    """A part that notes its start and its stop in ``told``, and fails at one of the two."""

    def tell(word: str) -> None:
        told.append(f"{word} {name}")
        if word == failing:
            raise OSError(f"{name} does not {word}")

    return RunningPart(start=lambda: tell("start"), stop=lambda: tell("stop"))


def test_parts_start_in_order_and_stop_in_the_opposite_one():
    told: list[str] = []
    parts = RunningParts(recorded(told, name) for name in "abc")
    parts.start()
    parts.stop()
    assert told == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]


def test_a_part_that_does_not_start_stops_those_before_it_and_none_behind_it_starts():
    told: list[str] = []
    parts = RunningParts([recorded(told, "a"), recorded(told, "b", failing="start"), recorded(told, "c")])
    with pytest.raises(OSError, match="b does not start"):
        parts.start()
    assert told == ["start a", "start b", "stop c", "stop b", "stop a"]


def test_a_part_that_does_not_stop_keeps_no_other_one_from_stopping():
    told: list[str] = []
    parts = RunningParts([recorded(told, "a"), recorded(told, "b", failing="stop"), recorded(told, "c")])
    with pytest.raises(OSError, match="b does not stop"):
        parts.stop()
    assert told == ["stop c", "stop b", "stop a"]


def test_a_process_that_fails_to_start_leaves_the_work_to_another_one(tmp_path, monkeypatch):
    settings = Settings.from_mapping(
        {"data": str(tmp_path), "query.enabled": "false", "search.engine": "off"}
    )
    upgrade(settings.database_url)
    before = set(threading.enumerate())

    def fail(watch: TrustWatch) -> None:
        raise OSError("no thread")

    with monkeypatch.context() as patch:
        # By then the followers run, and the process does the background work.
        patch.setattr(TrustWatch, "start", fail)
        first = build(settings)
        with pytest.raises(OSError, match="no thread"):
            first.start()
    until(lambda: set(threading.enumerate()) <= before, "the threads of the failed process end")
    second = build(settings)
    second.start()
    assert second.background.is_here
    second.close()
