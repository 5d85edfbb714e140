"""Sums of what is used, on both databases: who adds, what is kept of old days, and who sees what."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, insert, select, text

from marketplace.access import ANONYMOUS, Principal
from marketplace.config.usage import UsageSettings
from marketplace.db import Database
from marketplace.ingest.erasing import ErasingService
from marketplace.models import Entry, EntryUse, ViewUse
from marketplace.usage import By, Span, Usage, UsageRecorder, Use, UseKind, add_imports, last_days
from marketplace.usage.sums import number_of
from marketplace.usage.tally import Tally
from marketplace.views.definitions import Definition
from marketplace.views.registry import ViewRegistry
from tests.factories.entries import accepted
from tests.mail.test_reminders import store
from validators.document import AcceptedEntry

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
TODAY, YESTERDAY = date(2026, 3, 14), date(2026, 3, 13)
JANE, BOB = "jane@example.org", "bob@example.org"
FIRST, SECOND, OTHER = accepted("first", JANE), accepted("second", JANE), accepted("other", BOB)
PRIVATE = accepted("private", JANE)
GROUP = "group:astro"
MEMBER = Principal("mia@example.org", frozenset({"public", GROUP}))
Record = Callable[..., UsageRecorder]


def verdict(entry: AcceptedEntry = FIRST) -> Use:
    return Use(UseKind.VERDICT, entry.entry_id)


@pytest.fixture
def record(database: Database) -> Record:
    """Makes the counting of one of several processes, which writes when it is told to."""
    store(database, FIRST, SECOND, OTHER)
    store(database, PRIVATE, log=GROUP)

    def make(now: datetime = NOW, **settings: object) -> UsageRecorder:
        return UsageRecorder(database, UsageSettings(**settings), lambda: now)

    return make


def counted(recorder: UsageRecorder, use: Use, times: int) -> None:
    for _ in range(times):
        recorder.count(use)


def figures(
    database: Database,
    entry: AcceptedEntry = FIRST,
    reader: Principal = ANONYMOUS,
    by: By = By.DAY,
    exact: bool = True,
    today: date = TODAY,
) -> dict[str, tuple[int, ...]]:
    with database.read() as session:
        found = Usage(session, reader, today).of_entry(
            entry.entry_id, entry.coordinates.email, last_days(by, today), exact=exact
        )
    return {one.name: tuple(one.sums.values()) for one in found.periods}


def of_endorser(database: Database, reader: Principal, *, exact: bool = True) -> dict[str, tuple[int, ...]]:
    with database.read() as session:
        found = Usage(session, reader, TODAY).of_endorser(JANE, last_days(By.DAY, TODAY), exact=exact)
    return {one.name: tuple(one.sums.values()) for one in found.periods}


def test_processes_add_up_and_a_second_write_adds_nothing(database: Database, record: Record) -> None:
    one, other = record(), record()
    counted(one, verdict(), 3)
    counted(other, verdict(), 4)
    counted(other, Use(UseKind.DOWNLOAD, FIRST.entry_id), 2)
    for recorder in (one, other, one, other):
        recorder.flush()
    with database.write() as session:
        add_imports(session, TODAY, {session.scalars(select(EntryUse.entry_key)).one(): 5})
    assert figures(database) == {"2026-03-14": (7, 2, 5)}
    assert figures(database, SECOND) == {}


def test_many_threads_lose_nothing(database: Database, record: Record) -> None:
    recorder = record()

    def count() -> None:
        for _ in range(200):
            recorder.count(verdict())
            recorder.count(verdict(SECOND))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        recorder.flush()
    for thread in threads:
        thread.join()
    recorder.flush()
    assert figures(database) == figures(database, SECOND) == {"2026-03-14": (1600, 0, 0)}
    assert recorder.totals()[UseKind.VERDICT, False] == 3200


def test_a_process_that_stops_writes_what_it_counted(database: Database, record: Record) -> None:
    recorder = record(interval=3600.0)
    recorder.start()
    recorder.count(verdict())
    recorder.stop()
    recorder.stop()
    assert figures(database) == {"2026-03-14": (1, 0, 0)}


def test_what_the_database_did_not_take_is_kept_for_its_day(database: Database, record: Record) -> None:
    moments = [NOW]
    recorder = UsageRecorder(database, UsageSettings(), lambda: moments[-1])
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE entry_use RENAME TO away"))
    counted(recorder, verdict(), 2)
    recorder.flush()
    recorder.count(verdict())
    recorder.flush()
    moments.append(NOW + timedelta(days=1))
    recorder.count(verdict())
    recorder.flush()
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO entry_use"))
    recorder.flush()
    assert figures(database, today=date(2026, 3, 15)) == {"2026-03-14": (3, 0, 0), "2026-03-15": (1, 0, 0)}


def test_what_is_not_there_is_not_kept(database: Database, record: Record) -> None:
    recorder = record()
    recorder.count(Use(UseKind.VERDICT, "f" * 64))
    recorder.count(Use(UseKind.DOCUMENT, "gone"))
    recorder.count(None)
    recorder.flush()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(EntryUse)) == 0
        assert session.scalar(select(func.count()).select_from(ViewUse)) == 0


def test_memory_is_bounded_and_what_is_lost_is_told() -> None:
    full = []
    tally = Tally(lambda: full.append(1), most=10)
    for number in range(1000):
        tally.add(Use(UseKind.VERDICT, str(number)), known=False)
    tally.add(Use(UseKind.VERDICT, "3"), known=False)
    assert len(tally.take()) == 10 and tally.lost == 990 and full == [1]


def test_nothing_is_counted_where_the_site_says_so(database: Database, record: Record) -> None:
    recorder = record(enabled=False)
    recorder.count(verdict())
    recorder.flush()
    assert figures(database) == {} and not any(recorder.totals().values())


def test_strangers_see_tens_and_not_today(database: Database, record: Record) -> None:
    yesterday = record(NOW - timedelta(days=1))
    counted(yesterday, verdict(), 29)
    counted(yesterday, Use(UseKind.DOWNLOAD, FIRST.entry_id), 9)
    counted(yesterday, verdict(SECOND), 9)
    yesterday.flush()
    today = record()
    counted(today, verdict(), 50)
    today.flush()
    assert figures(database, exact=False) == {"2026-03-13": (20, 0, 0)}
    assert figures(database, exact=False, by=By.MONTH) == {"2026-03": (20, 0, 0)}
    assert figures(database, by=By.MONTH) == {"2026-03": (79, 9, 0)}
    assert figures(database, SECOND, exact=False) == {}
    # What is small by itself is told with the rest.
    assert of_endorser(database, ANONYMOUS, exact=False) == {"2026-03-13": (30, 0, 0)}


def test_sums_of_private_entries_are_for_who_sees_them(database: Database, record: Record) -> None:
    recorder = record()
    counted(recorder, verdict(), 1)
    counted(recorder, verdict(PRIVATE), 2)
    recorder.flush()
    assert figures(database, PRIVATE) == {}
    assert figures(database, PRIVATE, MEMBER) == {"2026-03-14": (2, 0, 0)}
    assert of_endorser(database, ANONYMOUS) == {"2026-03-14": (1, 0, 0)}
    assert of_endorser(database, MEMBER) == {"2026-03-14": (3, 0, 0)}


def test_the_sums_of_an_erased_entry_go_and_never_come_back(database: Database, record: Record) -> None:
    recorder = record()
    for entry in (FIRST, SECOND):
        recorder.count(verdict(entry))
    recorder.flush()
    recorder.count(verdict())
    ErasingService(database, lambda: NOW).erase(FIRST.entry_id, "asked for", "cli:me")
    recorder.flush()
    with database.read() as session:
        assert [row.verdicts for row in session.scalars(select(EntryUse))] == [1]
    assert figures(database, SECOND) == {"2026-03-14": (1, 0, 0)}


def use_daily(database: Database, days: int, *entries: AcceptedEntry) -> None:
    """One verdict on each entry on each of the last days."""
    dates = [number_of(TODAY - timedelta(days=back)) for back in range(days)]
    with database.write() as session:
        known = select(Entry.id, Entry.email).where(Entry.entry_id.in_([one.entry_id for one in entries]))
        found = session.execute(known).all()
        none = {"downloads": 0, "imports": 0}
        session.execute(
            insert(EntryUse),
            [
                {"email": email, "period": day, "entry_key": key, "verdicts": 1, **none}
                for key, email in found
                for day in dates
            ],
        )


def rows(database: Database) -> dict[int, int]:
    with database.read() as session:
        found = session.execute(
            select(EntryUse.period, func.sum(EntryUse.verdicts))
            .group_by(EntryUse.period)
            .order_by(EntryUse.period)
        ).all()
    return {period: int(count) for period, count in found}


def test_old_days_become_months_and_old_months_go(database: Database, record: Record) -> None:
    use_daily(database, 420, FIRST)
    recorder = record(days=31, months=12)
    recorder.fold()
    kept = rows(database)
    days = [period for period in kept if period % 100]
    months = [period for period in kept if period % 100 == 0]
    assert days[-1] == 20260314 and len(days) == 31
    assert min(months) == 20250300 and len(months) == 12 and kept[20250300] == 31
    # 12.2. was folded, 12 days of February are in the month, the others are days.
    assert kept[20260200] == 11
    recorder.fold()
    assert rows(database) == kept
    assert figures(database, by=By.MONTH)["2026-02"] == (28, 0, 0)


def test_several_processes_fold_at_once_and_nothing_counts_twice(database: Database, record: Record) -> None:
    use_daily(database, 60, FIRST, SECOND, OTHER)
    recorders = [record(days=31) for _ in range(3)]
    threads = [threading.Thread(target=one.fold) for one in recorders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorders[0].fold()
    kept = rows(database)
    assert sum(kept.values()) == 180 and sum(1 for period in kept if period % 100) == 31


@pytest.mark.parametrize("wrong", [datetime(1970, 1, 2, tzinfo=UTC), datetime(2199, 5, 5, tzinfo=UTC)])
def test_a_clock_that_jumps_throws_nothing_away(database: Database, record: Record, wrong: datetime) -> None:
    for now in (NOW - timedelta(days=1), wrong, NOW):
        recorder = record(now, days=31, months=12)
        recorder.count(verdict())
        recorder.flush()
        recorder.fold()
    assert figures(database) == {"2026-03-13": (1, 0, 0), "2026-03-14": (1, 0, 0)}


def test_uses_of_a_view_go_with_it(database: Database, record: Record) -> None:
    with database.write() as session:
        ViewRegistry(session).create(Definition("lab"), by="me", at=NOW)
    recorder = record()
    for name in ("lab", "default"):
        counted(recorder, Use(UseKind.DOCUMENT, name), 12)
        counted(recorder, Use(UseKind.VIEW_DOWNLOAD, name), 3)
    recorder.flush()

    def of(name: str, exact: bool, today: date = TODAY) -> list[tuple[int, ...]]:
        with database.read() as session:
            span = Span(By.DAY, date(2026, 3, 1), date(2026, 3, 31))
            found = Usage(session, ANONYMOUS, today).of_view(name, span, exact=exact)
        return [tuple(one.sums.values()) for one in found.periods]

    assert of("lab", exact=True) == of("default", exact=True) == [(12, 3)]
    assert of("lab", exact=False) == [] and of("lab", exact=False, today=date(2026, 3, 15)) == [(10, 0)]
    with database.write() as session:
        ViewRegistry(session).delete("lab", by="me", at=NOW)
    counted(recorder, Use(UseKind.DOCUMENT, "lab"), 12)
    recorder.flush()
    assert of("lab", exact=True) == [] and of("default", exact=True) == [(12, 3)]


def test_days_are_written_as_numbers_that_sort() -> None:
    assert number_of(date(2026, 3, 4)) == 20260304
    assert last_days(By.MONTH, date(2026, 3, 31)).first == date(2025, 4, 1)
    assert last_days(By.MONTH, date(2024, 2, 29)).first == date(2023, 3, 1)
