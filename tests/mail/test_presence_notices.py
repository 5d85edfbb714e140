"""Mail about what cloud sites said: withdrawn images that they have, and locations that fail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.access import ANONYMOUS
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.models import WatchedLocation
from marketplace.presence import (
    Presence,
)
from marketplace.presence.letters import MOST_IMAGES
from marketplace.receipts import Finding
from marketplace.watch import WatchService
from tests.factories.entries import accepted
from tests.mail.site_receipts import (
    HOUR,
    LYON,
    MEMBER,
    NOW,
    OTHER,
    URL,
    notices,
    recalls,
    receipt,
    send,
    withdrawn,
)
from tests.mail.test_reminders import JANE, know, mails, store
from tests.mail.test_watch import THERE


@pytest.mark.parametrize(
    ("minutes", "subject", "announced"),
    [(0, "1 site has a withdrawn image", True), (61, "1 site still has a withdrawn image", False)],
)
def test_who_has_a_withdrawn_image_is_told_at_once_and_an_hour_later(
    database: Database, minutes: int, subject: str, announced: bool
) -> None:
    """Each is told once: whoever was away for the first one gets the second alone."""
    entry = withdrawn(database)
    (recall,) = recalls(database)
    assert (recall.identifier, recall.email, recall.reason) == (entry.identifier, JANE, "backdoor")
    assert [(one.site, one.store, one.kind) for one in recall.copies] == [("lab-orsay", "main", "directory")]
    moment = NOW + timedelta(minutes=minutes)
    assert [notices(database, moment) for _ in "12"] == [3, 0]
    told = {JANE, "root@mp.example.org", "ops@orsay.example"}
    assert {letter.recipient for letter in mails(database)} == told
    for letter in mails(database):
        assert subject in letter.subject
        assert ("60 minutes after its withdrawal" in letter.body) is announced
        assert "lab-orsay, store main (directory), since 2026-03-14 11:00 UTC" in letter.body
        assert "backdoor" in letter.body
    later = [notices(database, NOW + timedelta(hours=2)), notices(database, NOW + timedelta(days=3))]
    assert later == [3 if announced else 0, 0]
    send(database, receipt(entry, Finding.WITHDRAWN, at=NOW))
    assert recalls(database) == []


def test_whoever_removed_the_image_is_not_reminded(database: Database) -> None:
    entry = withdrawn(database)
    assert notices(database) == 3
    send(database, receipt(entry, Finding.WITHDRAWN, at=NOW))
    assert notices(database, NOW + 2 * HOUR) == 0


def test_one_telling_where_nothing_lies_between(database: Database) -> None:
    withdrawn(database)
    assert [notices(database, **{"recall.after": "0"}) for _ in "12"] == [3, 0]
    assert notices(database, NOW + timedelta(days=3), **{"recall.after": "0"}) == 0


def test_images_that_are_withdrawn_together_are_one_mail_for_each_address(database: Database) -> None:
    know(database)
    entries = [accepted(f"image {n}", JANE, created=NOW - 3 * HOUR, title=f"Image {n}") for n in range(4)]
    bobs = accepted("bob's", "bob@example.org", created=NOW - 3 * HOUR, title="Bob's")
    store(database, *entries, bobs)
    assert set(send(database, *map(receipt, (*entries, bobs)))) == {"kept"}
    assert send(database, receipt(entries[0], site="lab-lyon"), key=LYON, by=OTHER) == ["kept"]
    gone = [
        accepted(f"image {n}", JANE, created=NOW - 2 * HOUR, deprecated="bad", title=f"Image {n}")
        for n in range(4)
    ]
    store(
        database, *gone,
        accepted("bob's", "bob@example.org", created=NOW - 2 * HOUR, deprecated="bad", title="Bob's"),
    )  # fmt: skip
    assert notices(database) == 4
    found = {one.recipient: one for one in mails(database)}
    root, jane, orsay, lyon = (
        found[to] for to in ("root@mp.example.org", JANE, "ops@orsay.example", "ops@lyon.example")
    )
    assert "2 sites have 5 withdrawn images" in root.subject and "Bob's" in root.body
    assert "2 sites have 4 withdrawn images" in jane.subject and "Bob's" not in jane.body
    assert all(f"Image {n}\n" in jane.body for n in range(4)) and "/stop" in jane.body
    assert "1 site has 5 withdrawn images" in orsay.subject and "lyon" not in orsay.body
    assert "1 site has a withdrawn image" in lyon.subject and "orsay" not in lyon.body
    assert "/stop" not in orsay.body + lyon.body + root.body
    send(database, receipt(entries[1], Finding.WITHDRAWN, at=NOW))
    assert [notices(database, NOW + 2 * HOUR) for _ in "12"] == [4, 0]
    assert "2 sites still have 4 withdrawn images" in mails(database)[-4].subject


def test_no_withdrawn_image_is_left_out_where_there_are_more_than_are_looked_up_at_one_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.presence.notices.MOST_TOLD", 2)
    entries = [accepted(f"image {n}", created=NOW - 3 * HOUR, title=f"Image {n}") for n in range(5)]
    store(database, *entries)
    assert set(send(database, *map(receipt, entries))) == {"kept"}
    store(
        database,
        *(
            accepted(f"image {n}", created=NOW - 2 * HOUR, deprecated="bad", title=f"Image {n}")
            for n in range(5)
        ),
    )
    assert [notices(database) for _ in "12"] == [2 * 3, 0]  # administrators and the site, in three mails each
    said = "".join(one.body for one in mails(database))
    assert all(said.count(f"Image {n}\n") == 2 for n in range(5))


def test_a_mail_of_very_many_images_names_some_and_says_how_many_there_are(database: Database) -> None:
    know(database)
    count = MOST_IMAGES + 2
    entries = [accepted(f"image {n}", JANE, created=NOW - 3 * HOUR) for n in range(count)]
    store(database, *entries)
    assert set(send(database, *map(receipt, entries))) == {"kept"}
    store(
        database,
        *(accepted(f"image {n}", JANE, created=NOW - 2 * HOUR, deprecated="bad") for n in range(count)),
    )
    assert notices(database) == 3
    for one in mails(database):
        assert f"{count} withdrawn images" in one.subject
        assert "and 2 more images" in one.body and one.body.count("lab-orsay, store main") == MOST_IMAGES


def test_nobody_is_told_of_an_image_that_every_site_took_back(database: Database) -> None:
    entry = withdrawn(database)
    send(database, receipt(entry, Finding.WITHDRAWN, at=NOW))
    assert notices(database, NOW + 2 * HOUR) == 0


def test_another_endorser_does_not_learn_who_has_an_image(database: Database) -> None:
    """Whoever withdraws an image that somebody else endorsed gets no list of the sites that have it."""
    entry = accepted("one", "bob@example.org", created=NOW - 3 * HOUR)
    store(database, entry)
    know(database)
    send(database, receipt(entry))
    store(database, accepted("one", JANE, created=NOW - 2 * HOUR, deprecated="curious"))
    assert recalls(database) == []
    assert notices(database, NOW + 2 * HOUR) == 0


def test_no_mail_tells_of_what_a_group_has(database: Database) -> None:
    entry = accepted("one", JANE, created=NOW - 3 * HOUR, locations=(URL,))
    store(database, entry, log="group:astro")
    know(database)
    send(database, receipt(entry), receipt(entry, Finding.MISMATCH), by=MEMBER)
    assert notices(database) == 0
    store(database, accepted("one", JANE, created=NOW - 2 * HOUR, deprecated="x"), log="group:astro")
    assert notices(database, NOW + 2 * HOUR) == 0
    # Also where the withdrawal alone is public.
    store(database, accepted("one", JANE, created=NOW - HOUR, deprecated="y"))
    assert notices(database, NOW + 2 * HOUR) == 0


@pytest.mark.parametrize(
    ("finding", "watched", "told"),
    [
        (Finding.MISMATCH, "true", 1),
        (Finding.MISMATCH, "false", 1),
        (Finding.UNREACHABLE, "true", 0),  # the watch looks itself
        (Finding.UNREACHABLE, "false", 1),
    ],
)
def test_the_endorser_is_told_once_what_sites_found_at_a_location(
    database: Database, finding: Finding, watched: str, told: int
) -> None:
    entry = accepted("one", JANE, locations=(URL,))
    store(database, entry)
    know(database)
    said = receipt(entry, finding, reason="has 7 bytes, endorsed are 8")
    send(database, said)
    assert notices(database, **{"watch.enabled": watched}) == told
    send(database, said, key=LYON, by=OTHER)
    send(database, replace(said, at=NOW))
    assert notices(database, **{"watch.enabled": watched}) == 0
    for letter in mails(database):
        assert letter.recipient == JANE
        assert URL in letter.body
        assert "a cloud site found" in letter.body
        assert "has 7 bytes" in letter.body
        assert "lab-" not in letter.body
    # It was there in between.
    send(database, receipt(entry, location=URL, at=NOW + timedelta(minutes=1)))
    send(database, receipt(entry, location=URL, at=NOW + timedelta(minutes=1)), key=LYON, by=OTHER)
    with database.read() as session:
        assert Presence(session, ANONYMOUS).reports(entry.entry_id) == []
    send(database, replace(said, at=NOW + timedelta(minutes=2)))
    assert notices(database, **{"watch.enabled": watched}) == told


def test_a_report_has_the_watch_look_sooner(database: Database) -> None:
    entry = accepted("one", locations=(URL,))
    store(database, entry)
    settings = Settings.from_mapping({"watch.enabled": "true"})
    watch = WatchService(database, settings, lambda: NOW - HOUR)
    watch.learn()
    due = watch.take()
    assert due is not None
    watch.keep(due, THERE)
    assert WatchService(database, settings, lambda: NOW).take() is None
    send(database, receipt(entry, Finding.UNREACHABLE))
    with database.read() as session:
        assert session.scalars(select(WatchedLocation.next_at)).all() == [NOW]
    assert WatchService(database, settings, lambda: NOW).take() is not None
