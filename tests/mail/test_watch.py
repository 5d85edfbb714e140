"""Locations: which are looked at and when, what is kept, and who is told once, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from marketplace.accounts import GroupService
from marketplace.changes import ChangeLog
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.locations import Look, Reach
from marketplace.models import WatchedLocation
from marketplace.watch import WatchService, look_soon
from marketplace.watch.service import find_host
from tests.factories.entries import accepted
from tests.mail.test_reminders import JANE, know, mails, store

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
URL = "https://images.example.org/image.qcow2"
GONE = Look(Reach.ANSWERED_OTHERWISE, reason="the server answers with 404")
THERE = Look(Reach.THERE, 77)

LOGS = frozenset({"public"})

Watch = Callable[..., WatchService]


@pytest.fixture
def watch(database: Database) -> Watch:
    """Makes the service as one of several processes would."""

    def make(now: datetime = NOW, reminders: str = "true") -> WatchService:
        settings = Settings.from_mapping(
            {
                "site.url": "https://mp.example.org",
                "mail.host": "127.0.0.1",
                "mail.sender": "mp@example.org",
                "reminders.enabled": reminders,
                "watch.enabled": "true",
            }
        )
        return WatchService(database, settings, lambda: now)

    return make


def looked(watch: Watch, look: Look, now: datetime) -> None:
    service = watch(now)
    due = service.take()
    assert due is not None
    service.keep(due, look)


def test_locations_of_current_public_entries_are_looked_at_by_one_at_a_time(
    database: Database, watch: Watch
) -> None:
    store(
        database, accepted("one", locations=(URL, "pdisk:1", "ftp://a/b", "https://images.example.org/other"))
    )
    service, other = watch(), watch()
    assert not service.learn()
    assert not other.learn()
    first, second = service.take(), other.take()
    assert first is not None and second is not None
    assert {first.uri, second.uri} == {URL, "https://images.example.org/other"}
    assert service.take() is None
    assert watch(NOW + timedelta(hours=1)).take() is not None  # who took it never came back


def test_a_host_that_was_just_asked_rests_while_others_are_looked_at(
    database: Database, watch: Watch
) -> None:
    store(database, accepted("one", locations=(URL, f"{URL}/2", "https://other.example.org:8443/image")))
    service = watch()
    service.learn()
    resting = {"images.example.org"}
    due = service.take(resting)
    assert due is not None
    assert (due.uri, due.host) == ("https://other.example.org:8443/image", "other.example.org:8443")
    assert service.take({*resting, due.host}) is None
    assert service.take({due.host}) is not None


def found_group(database: Database, name: str) -> None:
    with database.write() as session:
        GroupService(session).create(name, by="cli:test", at=NOW)


def test_a_groups_entries_are_looked_at_for_the_group_alone(database: Database, watch: Watch) -> None:
    found_group(database, "astro")
    store(database, accepted("one", JANE, locations=(URL,)), log="group:astro")
    know(database)
    watch().learn()
    for number in range(4):
        looked(watch, GONE, NOW + timedelta(days=2 * number))
    assert watch().find([URL], {"group:astro"})[URL].reach is GONE.reach
    assert watch().find([URL], LOGS) == {}
    assert mails(database) == []
    # A public entry with the same location begins with nothing known.
    store(database, accepted("two", locations=(URL,)))
    watch().learn()
    assert watch().find([URL], LOGS) == {}
    looked(watch, THERE, NOW + timedelta(days=6))
    assert watch().find([URL], LOGS)[URL].reach is Reach.THERE
    assert watch().find([URL], {"group:astro"})[URL].reach is GONE.reach


def test_what_a_group_publishes_is_looked_at_for_everybody(database: Database, watch: Watch) -> None:
    found_group(database, "astro")
    entry = accepted("one", locations=(URL,))
    store(database, entry, log="group:astro")
    store(database, accepted("two", locations=()))
    service = watch()
    while service.learn():
        pass
    store(database, entry)
    service.learn()
    assert {due.log_id for due in (service.take(), service.take()) if due is not None} == keys_of(
        database, "group:astro", "public"
    )


def keys_of(database: Database, *logs: str) -> set[int]:
    with database.read() as session:
        return {ChangeLog(session).key(log) for log in logs}


def test_the_log_of_a_closed_group_is_looked_at_no_more(database: Database, watch: Watch) -> None:
    found_group(database, "astro")
    store(database, accepted("one", locations=(URL,)), log="group:astro")
    service = watch()
    service.learn()
    with database.write() as session:
        GroupService(session).delete("astro", by="cli:test", at=NOW)
    assert service.take() is None
    assert watch().learn() is False


@pytest.mark.parametrize(("ago", "soon"), [(timedelta(hours=1), True), (timedelta(minutes=1), False)])
def test_a_report_brings_the_next_look_forward(
    database: Database, watch: Watch, ago: timedelta, soon: bool
) -> None:
    store(database, accepted("one", locations=(URL, f"{URL}/other")))
    watch(NOW - ago).learn()
    for _ in range(2):
        looked(watch, THERE, NOW - ago)
    with database.write() as session:
        key = session.scalars(select(WatchedLocation.entry_key)).first()
        assert key is not None
        look_soon(session, URL, key, NOW)
    due = watch(NOW).take()
    assert (None if due is None else due.uri) == (URL if soon else None)
    assert watch(NOW).take() is None


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        (URL, "images.example.org"),
        ("http://Images.example.org:8080/a", "images.example.org:8080"),
        ("https://user@images.example.org/a", "images.example.org"),
        ("https://[2001:db8::1]:8443/a", "2001:db8::1:8443"),
        ("ftp://images.example.org/a", None),
        ("https:///a", None),
        ("https://[/a", None),
        ("https://images.example.org:port/a", None),
        ("https://images.example.org/\u00e9", None),
        ("https://images.example.org/" + "a" * 2000, None),
        ("pdisk:1", None),
    ],
)
def test_who_is_asked_for_a_location(uri: str, host: str | None) -> None:
    assert find_host(uri) == host


def test_what_is_found_is_kept_and_looked_at_again_after_the_interval(
    database: Database, watch: Watch
) -> None:
    store(database, accepted("one", locations=(URL,)))
    watch().learn()
    assert watch().find([URL], LOGS) == {}
    looked(watch, THERE, NOW)
    found = watch().find([URL, "https://unknown.example.org/"], LOGS)[URL]
    assert (found.reach, found.size, found.looked_at, found.good_at) == (Reach.THERE, 77, NOW, NOW)
    assert watch(NOW + timedelta(hours=23)).take() is None
    looked(watch, GONE, NOW + timedelta(hours=25))
    found = watch().find([URL], LOGS)[URL]
    assert (found.reach, found.reason, found.good_at) == (GONE.reach, GONE.reason, NOW)
    assert watch(NOW + timedelta(hours=25, minutes=20)).take() is None
    assert watch(NOW + timedelta(hours=25, minutes=40)).take() is not None


def test_an_entry_that_is_withdrawn_is_looked_at_no_more(database: Database, watch: Watch) -> None:
    store(database, accepted("one", created=NOW - timedelta(days=2), locations=(URL,)))
    watch().learn()
    store(database, accepted("one", created=NOW - timedelta(days=1), deprecated="broken", locations=(URL,)))
    watch().learn()
    assert watch().take() is None
    with database.read() as session:
        assert session.scalars(select(WatchedLocation)).all() == []


def test_a_later_entry_with_the_same_location_keeps_it_watched(database: Database, watch: Watch) -> None:
    store(database, accepted("one", created=NOW - timedelta(days=2), locations=(URL,)))
    service = watch()
    service.learn()
    store(database, accepted("one", created=NOW - timedelta(days=1), title="Again", locations=(URL,)))
    service.learn()
    assert service.take() is not None


def test_the_endorser_is_told_once_until_the_content_was_there_again(
    database: Database, watch: Watch
) -> None:
    store(database, accepted("one", JANE, locations=(URL,)))
    know(database)
    watch().learn()
    now = NOW
    for number in range(6):
        looked(watch, GONE, now)
        now += timedelta(days=2)
        assert len(mails(database)) == (number >= 2)
    (letter,) = mails(database)
    assert letter.recipient == JANE
    assert URL in letter.body
    assert "404" in letter.body
    assert "marketplace publish --endpoint" in letter.body
    looked(watch, THERE, now)
    for number in range(3):
        looked(watch, GONE, now + timedelta(days=2 * number + 2))
    assert len(mails(database)) == 2


def test_strangers_are_not_told(database: Database, watch: Watch) -> None:
    store(database, accepted("one", JANE, locations=(URL,)))
    watch().learn()
    for number in range(4):
        looked(watch, GONE, NOW + timedelta(days=2 * number))
    assert mails(database) == []


def test_many_entries_are_taken_in_by_and_by(
    database: Database, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.watch.service._BATCH", 3)
    many = [accepted(f"image {n}", locations=(f"{URL}/{n}/a", f"{URL}/{n}/b")) for n in range(5)]
    store(database, *many)
    service = watch()
    while service.learn():
        pass
    with database.read() as session:
        assert len(session.scalars(select(WatchedLocation.digest)).all()) == 10
