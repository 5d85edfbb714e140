"""The same set gives the same answer, in whatever order and however often it was delivered.

First on the pure functions, with ten thousand schedules of several sites that pull from each
other; then some of these schedules through the real writer and reader of a database.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from marketplace.access.principal import ANONYMOUS
from marketplace.changes import PUBLIC
from marketplace.db import Database
from marketplace.entries import EntryQuery, EntryRow, StatusFilter, VisibleEntries
from marketplace.ingest import IngestService, Page, UploadPolicy
from marketplace.rules import current as rules
from tests.databases import upgrade
from tests.entry_rules import conflicting, current, status, tag_target, timeline
from tests.factories.stated import Stated
from tests.factories.storing import Beside
from tests.federation.stories import MOMENTS, STORIES
from tests.soaking import Tell
from validators.document import AcceptedEntry

SCHEDULES = 10_000
STORED_SCHEDULES, SOAK_STORED_SCHEDULES = 12, 1_000
SITES = 3


@dataclass
class Site:
    """A marketplace as a log in its own order, and what it shows, kept up entry by entry."""

    log: list[Stated] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    shown: dict[tuple[str, str], list[Stated]] = field(default_factory=dict)
    cursors: dict[int, int] = field(default_factory=dict)

    def take(self, entry: Stated) -> None:
        """Take in an entry, or leave it where its id is known already."""
        if entry.entry_id in self.held:
            return
        self.held.add(entry.entry_id)
        self.log.append(entry)
        self.shown = current([entry, *(one for found in self.shown.values() for one in found)])

    def pull(self, name: int, other: Site, most: int) -> None:
        """Take the next rows of another site's log."""
        start = self.cursors.get(name, 0)
        for entry in other.log[start : start + most]:
            self.take(entry)
        self.cursors[name] = min(start + most, len(other.log))


def answer(entries: Sequence[Stated], shown: dict[tuple[str, str], list[Stated]]) -> dict[str, Any]:
    """Everything readers can ask, with entries named by their ids."""
    emails = {entry.email for entry in entries}
    tags = {tag for entry in entries for tag in entry.tags}
    named = {(e, t): tag_target(entries, e, t) for e in emails for t in tags}
    return {
        "current": {key: [e.entry_id for e in found] for key, found in shown.items()},
        "status": [{k: [status(e, now) for e in found] for k, found in shown.items()} for now in MOMENTS],
        "timelines": {
            image: [e.entry_id for e in timeline(entries, image)]
            for image in {entry.identifier for entry in entries}
        },
        "tags": {key: found and found.entry_id for key, found in named.items()},
        "conflicting": conflicting(entries),
    }


def expected(story: Iterable[AcceptedEntry]) -> dict[str, Any]:
    """The answer of the set alone."""
    unique = list({entry.entry_id: Stated(entry) for entry in story}.values())
    return answer(unique, current(unique))


def play(story: Sequence[AcceptedEntry], chance: random.Random) -> list[Site]:
    """Upload each entry somewhere, perhaps several times, and let the sites pull until nothing is new."""
    sites = [Site() for _ in range(SITES)]
    waiting = [Stated(entry) for entry in story for _ in range(chance.choice((1, 1, 2, 3)))]
    chance.shuffle(waiting)
    while waiting or any(site.held != sites[0].held for site in sites):
        if waiting and chance.random() < 0.5:
            chance.choice(sites).take(waiting.pop())
            continue
        one, other = chance.sample(range(SITES), 2)
        if chance.random() < 0.1:
            # A backup was restored, or a peer begins anew: everything comes again.
            sites[one].cursors[other] = 0
        sites[one].pull(other, sites[other], chance.choice((1, 2, 8)))
    return sites


@pytest.mark.parametrize("name", STORIES)
def test_ten_thousand_schedules_end_in_the_same_answer(name: str) -> None:
    story = STORIES[name]
    wanted = expected(story)
    chance = random.Random(f"schedules of {name}")
    for schedule in range(SCHEDULES // len(STORIES)):
        for site in play(story, chance):
            assert answer(site.log, site.shown) == wanted, f"schedule {schedule} of {name}"


def test_the_comparison_sees_a_merge_that_goes_by_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the old system did: of equal times the one that came last is shown."""
    monkeypatch.setattr(rules, "precedence", lambda created, deprecated, entry_id: (created, 0))
    story, chance = STORIES["equivocation"], random.Random(1)
    answers = [answer(site.log, site.shown)["current"] for _ in range(20) for site in play(story, chance)]
    assert any(one != answers[0] for one in answers)


def by_image(rows: Iterable[EntryRow], told: Callable[[EntryRow], Any]) -> dict[tuple[str, str], list[Any]]:
    """What is told of the current entries of each image and endorser, newest first."""
    found: dict[tuple[str, str], list[Any]] = {}
    for row in sorted(rows, key=EntryRow.rank, reverse=True):
        found.setdefault((row.identifier, row.email), []).append(told(row))
    return found


def stored_answer(database: Database) -> dict[str, Any]:
    """What the database's reader says, with entries named by their ids."""
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS)
        listed = [visible.list(EntryQuery(now=now, status=StatusFilter.ALL)).rows for now in MOMENTS]
        rows = {row.entry_id: row for rows in listed for row in rows}.values()
        lines = {row.identifier: visible.timeline(row.identifier) for row in rows}
        emails = {row.email for row in rows}
        tags = {tag for email in emails for tag in visible.tags(email)}
        named = {(e, t): visible.tagged(e, t) for e in emails for t in tags}
        return {
            "current": by_image(rows, lambda row: row.entry_id),
            "status": [
                by_image(rows, lambda row, now=now: row.status(now))
                for rows, now in zip(listed, MOMENTS, strict=True)
            ],
            "timelines": {image: [row.entry_id for row in line] for image, line in lines.items()},
            "tags": {key: found.entry_id for key, found in named.items() if found is not None},
            "conflicting": {row.entry_id for line in lines.values() for row in line if row.conflicting},
        }


def deliver(url: str, deliveries: Sequence[AcceptedEntry], chance: random.Random) -> dict[str, Any]:
    """Hand the deliveries to a new database, one by one and in pages, and ask it."""
    upgrade(url)
    database = Database.open(url)
    ingest = IngestService(database, UploadPolicy())
    try:
        rest = list(deliveries)
        while rest:
            size = chance.choice((1, 1, 3, 7))
            page, rest = rest[:size], rest[size:]
            waiting = ingest.enqueue_page(Page(page, PUBLIC, Beside()))
            for outcome in waiting.result(60):
                assert not isinstance(outcome, Exception), outcome
        return stored_answer(database)
    finally:
        ingest.close()
        database.close()


@pytest.mark.parametrize(
    "schedules", [STORED_SCHEDULES, pytest.param(SOAK_STORED_SCHEDULES, marks=pytest.mark.soak)]
)
def test_the_database_gives_the_same_answer(schedules: int, tmp_path: Path, tell: Tell) -> None:
    names = list(STORIES)
    chance = random.Random("schedules of the database")
    for schedule in range(schedules):
        name = names[schedule % len(names)]
        deliveries = [entry for entry in STORIES[name] for _ in range(chance.choice((1, 2)))]
        chance.shuffle(deliveries)
        found = deliver(f"sqlite:///{tmp_path}/{schedule}.sqlite", deliveries, chance)
        wanted = expected(STORIES[name])
        wanted["tags"] = {key: entry for key, entry in wanted["tags"].items() if entry is not None}
        assert found == wanted, f"schedule {schedule} of {name}"
    tell(schedules)
