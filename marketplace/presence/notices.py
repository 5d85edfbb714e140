"""Mail about the public log: which sites still have a withdrawn image, and what sites found at a location."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import case, exists, literal, select, update
from sqlalchemy.orm import Session, aliased

from marketplace.access.principal import PUBLIC, Principal
from marketplace.changes import ChangeLog
from marketplace.config import Settings
from marketplace.config.mail import is_address
from marketplace.db import Database
from marketplace.events import Happening, Kind, record
from marketplace.mail import LINK, Letter, LinkPurpose, Outbox, one_line
from marketplace.mail.once import insert_once
from marketplace.models import ChangeRow, Current, Entry, Log, ReminderGiven, SiteReceipt
from marketplace.moments import exact
from marketplace.presence.keys import SiteRegistry
from marketplace.presence.reading import Presence, Recall, SiteCopy
from marketplace.receipts import Finding
from marketplace.reminders.due import Due, Reminded
from marketplace.reminders.letters import location_letter
from marketplace.watch import location_digest

#: Sites named in one mail; the API has all of them.
MOST_NAMED: Final = 200
#: Images and locations that are looked up at one time.
MOST_TOLD: Final = 50


class Telling(StrEnum):
    """The times at which people are told of a withdrawn image that sites have. They begin an occasion."""

    #: At once: who has the image.
    AT_ONCE = "withdrawn"
    #: ``recall.after`` later: who has it still.
    REMINDER = "recall"


class PresenceNotices:
    """Owes mail about what sites said, each once. Any number of processes may do so at once.

    Args:
        nudge: called when mail is owed.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        now: Callable[[], datetime],
        *,
        nudge: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._now = now
        self._nudge = nudge

    def run(self) -> int:
        """Note recalls as events and owe the mail that is due; returns how many mails that are."""
        owed = self._recall_all()
        if self._settings.mail.host:
            owed += sum(map(self._report, self._reported()))
        if owed:
            self._nudge()
        return owed

    def _recall_all(self) -> int:
        """Tell of every withdrawn image that is to be told of; how many mails that are."""
        owed, left = 0, True
        while left:
            found = self._withdrawn()
            told = [one for one in (self._recall(*place) for place in found) if one is not None]
            owed += sum(told)
            left = len(found) == MOST_TOLD and bool(told)
        return owed

    def _withdrawn(self) -> Sequence[tuple[Telling, str, str]]:
        """What is to be told of withdrawn images that sites have: which telling, the log, the entry there."""
        ripe = self._now() - timedelta(seconds=self._settings.recall.after)
        told, theirs = aliased(ChangeRow), aliased(ChangeRow)
        telling = case(
            (told.accepted_at <= ripe, literal(Telling.REMINDER.value)), else_=literal(Telling.AT_ONCE.value)
        )
        with self._database.read() as session:
            statement = (
                select(telling.label("telling"), Log.name, Current.entry_id)
                .join(Log, Log.id == Current.log_id)
                .join(Entry, (Entry.identifier == Current.identifier) & (Entry.email == Current.email))
                .join(SiteReceipt, SiteReceipt.entry_key == Entry.id)
                .join(told, (told.log_id == Current.log_id) & (told.entry_key == Current.entry_key))
                # What sites have they have by an entry of this log: nobody hears of what others keep.
                .join(theirs, (theirs.log_id == Current.log_id) & (theirs.entry_key == Entry.id))
                .where(
                    SiteReceipt.finding == Finding.AVAILABLE.value,
                    theirs.shown,
                    Current.deprecated,
                    ~exists().where(ReminderGiven.occasion == _occasion(telling, Log.name, Current.entry_id)),
                )
                .distinct()
                .limit(MOST_TOLD)
            )
            return [(Telling(row.telling), row.name, row.entry_id) for row in session.execute(statement)]

    def _recall(self, telling: Telling, log: str, entry_id: str) -> int | None:
        """Tell of one image; how many mails that are, or None where there is nothing to tell any more."""
        now = self._now()
        with self._database.write() as session:
            key = session.scalar(select(Entry.id).where(Entry.entry_id == entry_id))
            recall = next(
                iter(Presence(session, Principal(None, frozenset({log}))).recalls(entry_id=entry_id)), None
            )
            if recall is None or not _take(session, _occasion(telling.value, log, entry_id), now):
                return None  # removed meanwhile, or another process was quicker
            letters = log == PUBLIC and self._settings.mail.host
            owed = self._owe(session, telling, recall, now) if letters else 0
            details = {
                "sites": len({copy.site for copy in recall.copies}),
                "reminder": telling is Telling.REMINDER,
            }
            record(session, [Happening(Kind.RECALL, ChangeLog(session).key(log), now, key, details)])
        return owed

    def _owe(self, session: Session, telling: Telling, recall: Recall, now: datetime) -> int:
        """Owe operators, the endorser, and the sites that have the image a mail; how many that are."""
        outbox, key = Outbox(session), f"{telling} {recall.entry_id}"
        owed = sum(
            outbox.enqueue(
                to, self._subject(telling, recall), self._body(telling, recall), f"{key} {to}", now=now
            )
            for to in self._settings.mail.admin
        )
        entry = _find_warned(session, self._settings, recall.entry_id, now)
        if entry is not None:
            body = self._body(telling, recall) + "\n".join(
                [
                    "--",
                    f"No more reminders to {entry.email}: open this page and press its button.",
                    f"{LINK}/stop",
                    "",
                ]
            )
            letter = Letter(
                entry.email,
                self._subject(telling, recall),
                body,
                f"{key} {entry.email}",
                link=LinkPurpose.STOP,
            )
            owed += outbox.post(letter, now)
        told = {*self._settings.mail.admin, recall.email}
        return owed + sum(
            outbox.enqueue(
                to, self._subject(telling, mine), self._body(telling, mine), f"{key} {to}", now=now
            )
            for to, mine in _by_contact(session, recall).items()
            if to not in told
        )

    def _subject(self, telling: Telling, recall: Recall) -> str:
        sites = len({copy.site for copy in recall.copies})
        still = "still " if telling is Telling.REMINDER else ""
        has = f"1 site {still}has" if sites == 1 else f"{sites} sites {still}have"
        return f"{one_line(self._settings.site.title, 80)}: {has} a withdrawn image"

    def _body(self, telling: Telling, recall: Recall) -> str:
        named = [
            f"    {copy.site}, store {copy.store} ({copy.kind}), since {exact(copy.at)}"
            for copy in recall.copies[:MOST_NAMED]
        ]
        more = len(recall.copies) - len(named)
        title, url = one_line(self._settings.site.title, 80), self._settings.site.url
        lines = [
            f"An image was withdrawn at {title} ({url}):",
            "",
            f"    {one_line(recall.title or 'no title', 70)}",
            f"      {recall.identifier}",
            f"      by {recall.email} at {exact(recall.created)}",
            f"      {one_line(recall.reason or 'no reason given', 200)}",
            "",
            "These sites reported that they offer it, and have not reported that they removed it:",
            "",
            *named,
            *([f"    and {more} more"] if more else []),
            "",
            *self._announce(telling),
            f"All of them, with a token: {url}/api/v1/recalls",
            "",
        ]
        return "\n".join(lines)

    def _announce(self, telling: Telling) -> Sequence[str]:
        """What the first mail says of the second one."""
        if telling is Telling.REMINDER:
            return []
        minutes = round(self._settings.recall.after / 60)
        later = "a minute" if minutes <= 1 else f"{minutes} minutes"
        return [f"A second mail lists the sites that still have the image {later} after its withdrawal.", ""]

    def _reported(self) -> Sequence[tuple[int, str]]:
        """Entries and locations of which sites said something that nobody was told of.

        The watch, where it is on, looks itself whether a location is there, and tells.
        """
        if not self._settings.reminders.enabled:
            return []
        findings = [Finding.MISMATCH.value]
        if not self._settings.watch.enabled:
            findings.append(Finding.UNREACHABLE.value)
        with self._database.read() as session:
            public = ChangeLog(session).key(PUBLIC)
            rows = session.execute(
                select(SiteReceipt.entry_key, SiteReceipt.location)
                .join(Current, (Current.log_id == public) & (Current.entry_key == SiteReceipt.entry_key))
                .where(
                    SiteReceipt.finding.in_(findings),
                    SiteReceipt.told_at.is_(None),
                    Current.deprecated.is_(False),
                )
                .distinct()
                .limit(MOST_TOLD)
            ).all()
        return [(row.entry_key, row.location) for row in rows]

    def _report(self, place: tuple[int, str]) -> int:
        entry_key, location = place
        now = self._now()
        here = (SiteReceipt.entry_key == entry_key, SiteReceipt.location == location)
        about = (*here, SiteReceipt.about.like("location:%"))
        with self._database.write() as session:
            rows = session.scalars(select(SiteReceipt).where(*about).order_by(SiteReceipt.at.desc())).all()
            fresh = [row for row in rows if row.told_at is None]
            if not fresh:
                return 0
            told = len(fresh) < len(rows)
            said = [(row.finding, row.reason) for row in fresh]
            session.execute(update(SiteReceipt).where(*about).values(told_at=now))
            entry = Due(session, now, self._settings.reminders.warn).find_warned(entry_key)
            if told or entry is None:
                return 0
            before = "Cloud sites report to this marketplace what they find when they import images."
            letter = location_letter(
                entry,
                location,
                _reason(*said[0]),
                before,
                now,
                self._settings.site,
                location_digest(location),
            )
            return int(Outbox(session).post(letter, now))


def _occasion(telling: Any, log: Any, entry_id: Any) -> Any:
    """What a recall is known by, of a telling, a log's name and an entry's id, as values or as columns."""
    return telling + "/" + log + "/" + entry_id


def _by_contact(session: Session, recall: Recall) -> Mapping[str, Recall]:
    """For each address that a token of a site with copies belongs to, what concerns its sites."""
    bound = {one.name: one.bound_by for one in SiteRegistry(session).list()}
    copies: dict[str, list[SiteCopy]] = {}
    for copy in recall.copies:
        contact = bound.get(copy.site, "")
        if is_address(contact):
            copies.setdefault(contact, []).append(copy)
    return {contact: replace(recall, copies=tuple(mine)) for contact, mine in sorted(copies.items())}


def _reason(finding: str, reason: str | None) -> str:
    what = "bytes that differ from the entry" if finding == Finding.MISMATCH else "nothing"
    return f"a cloud site found {what} there" + (f": {reason}" if reason else "")


def _find_warned(session: Session, settings: Settings, entry_id: str, now: datetime) -> Reminded | None:
    key = session.scalar(select(Entry.id).where(Entry.entry_id == entry_id))
    return None if key is None else Due(session, now, settings.reminders.warn).find_warned(key)


def _take(session: Session, occasion: str, now: datetime) -> bool:
    """Mark an occasion as given; whether nobody had."""
    row = {"occasion": occasion, "given_at": now}
    return bool(
        session.execute(insert_once(session, ReminderGiven, row).returning(ReminderGiven.occasion)).all()
    )
