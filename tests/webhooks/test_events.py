"""Events: each is noted once, in one order, and seen by whoever sees its entry; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.conflicts import ConflictFollower
from marketplace.db import Database
from marketplace.events import EventNoter, Events, Happened, Kind, Wanted
from marketplace.events.event_list import EventNotFoundError
from marketplace.events.presenters import sentence
from marketplace.ingest.erasing import ErasingService
from marketplace.models import ChangeRow, Event, WebhookDelivery
from marketplace.receipts import Finding
from marketplace.worker import catch_up
from tests.contract.test_verdicts import JIM, ROOT, Site, add, entry
from tests.factories.entries import accepted
from tests.mail.site_receipts import HOUR, NOW, SENDER, URL, notices, receipt, send, withdrawn
from tests.mail.test_reminders import JANE, store
from tests.unit.trust.authorities import crl_bytes
from tests.waiting import HANGING

ASTRO = "group:astro"
EVERYBODY = frozenset({PUBLIC})
MEMBERS = frozenset({PUBLIC, ASTRO})


def note(database: Database, later: timedelta = timedelta()) -> int:
    noter, taken = EventNoter(database, lambda: NOW + later), 0
    while done := noter.note():
        taken += done
    return taken


def seen(database: Database, logs: frozenset[str] = EVERYBODY, *kinds: Kind) -> list[Happened]:
    """What a reader sees, in the order in which it happened."""
    with database.read() as session:
        return Events(session).between(Wanted(logs, kinds), 0, 2**60, 1000)


def add_log(database: Database, name: str) -> None:
    with database.write() as session:
        ChangeLog(session).create(name)


def kinds(events: Sequence[Happened]) -> list[str]:
    return [one.kind.value for one in events]


def test_each_row_is_noted_once_and_in_order_however_many_note(database: Database) -> None:
    entries = [accepted(n, title=f"Image {n}") for n in range(30)]
    store(database, *entries)
    store(database, *[accepted(f"p{n}") for n in range(5)], log=ASTRO)
    start = threading.Barrier(3)

    def note_all(_: int) -> int:
        start.wait(HANGING)
        return note(database)

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(note_all, range(3))) == 35
    assert [one.subject.title for one in seen(database) if one.subject] == [f"Image {n}" for n in range(30)]
    assert len(seen(database, MEMBERS)) == 35
    with database.read() as session:
        assert session.scalars(select(Event.number).order_by(Event.number)).all() == list(range(35))
    assert note(database) == 0


def test_who_sees_the_entry_sees_the_event(database: Database) -> None:
    public, private = accepted("public"), accepted("private")
    store(database, public)
    store(database, private, log=ASTRO)
    note(database)
    assert [one.entry_id for one in seen(database)] == [public.entry_id]
    (mine,) = [one for one in seen(database, MEMBERS) if one.log == ASTRO]
    assert mine.entry_id == private.entry_id
    with database.read() as session:
        events = Events(session)
        assert events.find(Wanted(EVERYBODY), mine.event_id) is None
        with pytest.raises(EventNotFoundError):
            events.newest(Wanted(EVERYBODY), 10, before=mine.event_id)
    with database.write() as session:
        session.execute(update(ChangeRow).values(shown=False))
    assert seen(database, MEMBERS) == []


def test_a_reader_misses_nothing_between_two_pages(database: Database) -> None:
    store(database, *[accepted(n) for n in range(5)])
    note(database)
    with database.read() as session:
        events, wanted = Events(session), Wanted(EVERYBODY)
        newest = events.newest(wanted, 2)
        rest = events.newest(wanted, 10, before=newest[-1].event_id)
        assert [*newest, *rest] == seen(database)[::-1]
        assert events.after(wanted, 10, rest[-1].event_id) == seen(database)[1:]


def test_withdrawals_and_filters(database: Database) -> None:
    store(database, accepted("a", JANE, tags=("lts",)), accepted("b", "bob@example.org"))
    store(database, accepted("a", JANE, created=NOW, deprecated="CVE-2026-1"))
    note(database)
    assert kinds(seen(database)) == ["entry.accepted", "entry.accepted", "entry.deprecated"]
    assert sentence(seen(database)[-1]).endswith(": CVE-2026-1")

    def found(wanted: Wanted) -> int:
        with database.read() as session:
            return len(Events(session).newest(wanted, 10))

    assert found(Wanted(EVERYBODY, email=JANE)) == 2
    assert found(Wanted(EVERYBODY, tag="lts")) == 1
    assert found(Wanted(EVERYBODY, kinds=[Kind.DEPRECATED])) == 1
    assert found(Wanted(EVERYBODY, identifier=accepted("b").identifier)) == 1
    assert found(Wanted(frozenset())) == 0


def test_ends_are_told_once_and_not_those_of_long_ago(database: Database) -> None:
    ends = {"gone": -1.0, "soon": 0.5, "week": 7.5, "far": 60.0}
    store(
        database, *[accepted(one, title=one, valid=NOW + timedelta(days=days)) for one, days in ends.items()]
    )
    note(database)
    assert kinds(seen(database)) == ["entry.accepted"] * 4
    note(database, timedelta(days=1))
    note(database, timedelta(days=1))
    told = [(one.kind, one.subject and one.subject.title, one.details) for one in seen(database)[4:]]
    assert told == [(Kind.EXPIRED, "soon", {}), (Kind.EXPIRING, "week", {"days": 7})]
    assert sentence(seen(database)[-1]).endswith("about week expires in 7 days.")


def test_what_sites_find_is_told_when_it_is_new_and_without_their_names(database: Database) -> None:
    one = accepted("one", JANE, locations=(URL,))
    store(database, one)
    assert send(database, receipt(one, Finding.MISMATCH)) == ["kept"]
    assert send(database, receipt(one, Finding.MISMATCH, at=NOW)) == ["kept"]
    assert send(database, receipt(one, Finding.UNREACHABLE, at=NOW + timedelta(minutes=1))) == ["kept"]
    told = seen(database)
    assert kinds(told) == ["receipt.mismatch", "receipt.unreachable"]
    assert told[0].details == {"location": URL, "reason": None}
    assert not any("orsay" in str(one) for one in told)


def test_a_recall_is_an_event_also_without_a_mail_server(database: Database) -> None:
    withdrawn(database)
    for hours in (0, 0, 2, 3):
        moment = NOW + hours * HOUR
        assert notices(database, moment, **{"mail.host": "", "reminders.enabled": "false"}) == 0
    told = seen(database)
    assert kinds(told) == ["image.recalled"] * 2
    assert [one.details for one in told] == [{"sites": 1, "reminder": said} for said in (False, True)]
    assert ["still" in sentence(one) for one in told] == [False, True]


def test_a_withdrawal_asks_for_the_recall_at_once_and_nothing_else_does(database: Database) -> None:
    asked: list[str] = []
    noter = EventNoter(database, lambda: NOW, lambda: asked.append("recall"))
    store(database, accepted("one", JANE), accepted("two", JANE))
    while noter.note():
        pass
    assert asked == []
    store(database, accepted("one", JANE, created=NOW - HOUR, deprecated="bad"))
    while noter.note():
        pass
    assert asked == ["recall"]


def test_a_recall_in_a_group_is_for_its_members(database: Database) -> None:
    one = accepted("one", JANE, created=NOW - 3 * HOUR)
    store(database, one, log=ASTRO)
    member = replace(SENDER, logs=MEMBERS)
    assert send(database, receipt(one), by=member) == ["kept"]
    store(database, accepted("one", JANE, created=NOW - 2 * HOUR, deprecated="bad"), log=ASTRO)
    assert notices(database, NOW + 2 * HOUR) == 0  # no mail about a group
    assert seen(database) == []
    assert kinds(seen(database, MEMBERS)) == ["image.recalled"]


def test_trust_and_conflicts_are_noted_with_what_changes_them(database: Database, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(ROOT.certificate_pem)
    site = Site(database, tmp_path)
    add(database, entry(JIM), entry(JIM, "hidden"))
    add_log(database, ASTRO)
    add(database, entry(JIM, "private"), log=ASTRO)
    site.follow()
    assert seen(database, MEMBERS) == []  # the first verdict is no change
    (tmp_path / "root.r0").write_bytes(crl_bytes(ROOT, JIM))
    site.reload()
    told = seen(database, MEMBERS)
    assert [(one.kind, one.log) for one in told] == [(Kind.TRUST, PUBLIC), (Kind.TRUST, ASTRO)]
    assert told[0].details == {"before": "chained", "after": "revoked"}
    assert sentence(told[0]) == "The certificate of jim@example.org was trusted and is revoked now."
    add(database, accepted("twice", JANE), accepted("twice", JANE, title="otherwise"))
    catch_up(database, ConflictFollower(database, lambda: NOW))
    assert kinds(seen(database))[-1] == "entry.conflict"


def test_erasing_leaves_the_id_and_no_word(database: Database) -> None:
    one = accepted("one", "somebody@example.org", title="Secret title")
    store(database, one)
    note(database)
    with database.write() as session:
        session.execute(update(Event).values(details='{"reason": "somebody said"}'))
    ErasingService(database, lambda: NOW).erase(one.entry_id, "asked", "cli:me")
    (left,) = seen(database)
    assert (left.kind, left.entry_id, left.subject, left.details) == (Kind.ERASED, one.entry_id, None, {})
    with database.read() as session:
        assert session.scalars(select(WebhookDelivery)).all() == []


def test_old_events_go_and_those_behind_keep_their_numbers(database: Database) -> None:
    store(database, accepted("old"))
    note(database)
    store(database, accepted("new"))
    with database.write() as session:
        session.execute(update(Event).values(at=NOW - timedelta(days=91)))
    note(database)
    EventNoter(database, lambda: NOW).forget_old()
    assert [one.number for one in seen(database)] == [1]
