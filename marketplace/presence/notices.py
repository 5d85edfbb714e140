"""Mail about the public log: which sites still have a withdrawn image, and what sites found at a location."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import case, exists, literal, select, update
from sqlalchemy.orm import Session, aliased

from marketplace.access.principal import PUBLIC, Principal
from marketplace.changes import ChangeLog
from marketplace.config import Settings
from marketplace.config.mail import is_address
from marketplace.db import Database
from marketplace.events import Happening, Kind, record
from marketplace.mail import Outbox
from marketplace.models import ChangeRow, Current, Entry, Log, ReminderGiven, SiteReceipt
from marketplace.models.insertion import insert_once
from marketplace.presence.keys import SiteRegistry
from marketplace.presence.letters import Telling, recall_letter
from marketplace.presence.presence_reports import Presence, Recall, SiteCopy
from marketplace.receipts import Finding
from marketplace.reminders.due import Due, Reminded
from marketplace.reminders.letters import location_letter
from marketplace.watch import location_digest

#: Images and locations that are looked up at one time. Images of one time are told of in one mail.
MOST_TOLD: Final = 500
#: Which telling, the log, and the entry there that withdraws an image.
_Place = tuple[Telling, str, str]


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
            told, mails = self._recall(found)
            owed += mails
            left = len(found) == MOST_TOLD and told > 0
        return owed

    def _withdrawn(self) -> Sequence[_Place]:
        """What is to be told of withdrawn images that sites have."""
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

    def _recall(self, places: Sequence[_Place]) -> tuple[int, int]:
        """Tell of images together: an event for each, a mail for each address. How many images and mails.

        Mails may be fewer than addresses: what another process took is told by it.
        """
        with self._database.read() as session:
            found = [(place, recall) for place in places if (recall := _find_recall(session, place))]
        now, told = self._now(), 0
        public: dict[Telling, list[Recall]] = {}
        with self._database.write() as session:
            for (telling, log, entry_id), recall in found:
                if not _take(session, _occasion(telling.value, log, entry_id), now):
                    continue  # another process was quicker
                told += 1
                key = session.scalar(select(Entry.id).where(Entry.entry_id == entry_id))
                details = {
                    "sites": len({copy.site for copy in recall.copies}),
                    "reminder": telling is Telling.REMINDER,
                }
                record(session, [Happening(Kind.RECALL, ChangeLog(session).key(log), now, key, details)])
                if log == PUBLIC and self._settings.mail.host:
                    public.setdefault(telling, []).append(recall)
            owed = sum(self._owe(session, telling, recalls, now) for telling, recalls in public.items())
        return told, owed

    def _owe(self, session: Session, telling: Telling, recalls: Sequence[Recall], now: datetime) -> int:
        """Owe operators, endorsers, and the sites that have the images a mail each; how many that are."""
        outbox, endorsers, letters = Outbox(session), set[str](), dict[str, list[Recall]]()
        admin = self._settings.mail.admin
        sites = _find_contacts(session)
        for recall in recalls:
            for to in admin:
                letters.setdefault(to, []).append(recall)
            entry = _find_warned(session, self._settings, recall.entry_id, now)
            if entry is not None and entry.email not in admin:
                letters.setdefault(entry.email, []).append(recall)
                endorsers.add(entry.email)
            for to, mine in _by_contact(sites, recall).items():
                if to not in {*admin, recall.email}:
                    letters.setdefault(to, []).append(mine)
        return sum(
            outbox.post(recall_letter(to, telling, mine, self._settings, may_stop=to in endorsers), now)
            for to, mine in letters.items()
        )

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


def _find_recall(session: Session, place: _Place) -> Recall | None:
    """Where a withdrawn image is; None where every site removed it meanwhile."""
    _, log, entry_id = place
    found = Presence(session, Principal(None, frozenset({log}))).recalls(entry_id=entry_id)
    return next(iter(found), None)


def _find_contacts(session: Session) -> Mapping[str, str]:
    """The address that the token of each site belongs to."""
    return {one.name: one.bound_by for one in SiteRegistry(session).list() if is_address(one.bound_by)}


def _by_contact(contacts: Mapping[str, str], recall: Recall) -> Mapping[str, Recall]:
    """For each address of a site with copies, what concerns its sites."""
    copies: dict[str, list[SiteCopy]] = {}
    for copy in recall.copies:
        contact = contacts.get(copy.site)
        if contact is not None:
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
