"""Who has endorsed what a scope sees."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from marketplace.entries.query import can_occur
from marketplace.entries.records import EndorserRecord, EndorserRow
from marketplace.models import ChangeRow, Current, Entry, EntryTag, RenewalRow
from marketplace.portions import portions
from marketplace.rules.visibility import Stand, VisibleLogs, unindexed

Name = tuple[str, str, str]

#: Addresses named in one statement.
_NAMED = 500


class EndorserTally:
    """Entries per endorser of one log, counted onwards as the log grows; shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: By log, as it was counted last.
        self._counted: dict[int, tuple[Stand, Counter[Name]]] = {}

    def count(self, session: Session, scope: VisibleLogs) -> Counter[Name]:
        """Entries per e-mail, subject and issuer.

        Over several logs an entry can stand in more than one: what stands in an
        older one too is taken off again.
        """
        parts = [self._count_log(session, stand) for stand in scope.version]
        if len(parts) == 1:
            return parts[0]
        total: Counter[Name] = Counter()
        for part in parts:
            total.update(part)
        again = VisibleLogs(scope.version[1:]).covers(ChangeRow.log_id) & ChangeRow.shown & ~scope.serves()
        total.subtract(_count(session, again))
        return +total

    def _count_log(self, session: Session, stand: Stand) -> Counter[Name]:
        log, nothing = stand.key, (Stand(stand.key), Counter[Name]())
        with self._lock:
            known = self._counted.get(log, nothing)
        before, held = known if known[0].leads_to(stand) else nothing
        rows = (ChangeRow.log_id == log) & ChangeRow.shown
        if before.size < stand.size:
            held = held + _count(session, rows & (ChangeRow.sequence >= before.size))
        if before.size and before.renewals < stand.renewals:
            held = _count_again(session, log, held, _find_renewed(session, log, before.renewals))
        with self._lock:
            if self._counted.get(log, nothing)[0].is_behind(stand):
                self._counted[log] = stand, held
        return held


def _find_renewed(session: Session, log: int, since: int) -> list[str]:
    """The addresses of the renewals of a log from a number on."""
    renewed = RenewalRow.log_id == log, RenewalRow.number >= since
    return list(session.scalars(select(RenewalRow.email).where(*renewed).distinct()))


def _count_again(session: Session, log: int, held: Counter[Name], emails: Sequence[str]) -> Counter[Name]:
    """A count, with the rows of some addresses counted anew."""
    # SQLite has to come by the address, and not walk the log.
    rows = ChangeRow.shown & (unindexed(ChangeRow.log_id) == log)
    again = set(emails)
    found = Counter({name: n for name, n in held.items() if name[0] not in again})
    for portion in portions(emails, _NAMED):
        found.update(_count(session, rows & Entry.email.in_(portion)))
    return found


def _count(session: Session, rows: ColumnElement[bool]) -> Counter[Name]:
    statement = (
        select(Entry.email, Entry.subject, Entry.issuer, func.count())
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .where(rows)
        .group_by(Entry.email, Entry.subject, Entry.issuer)
    )
    return Counter({(email, subject, issuer): n for email, subject, issuer, n in session.execute(statement)})


def list_endorsers(session: Session, scope: VisibleLogs, tally: EndorserTally) -> list[EndorserRow]:
    """Every endorser, by e-mail, subject and issuer."""
    return [EndorserRow(*name, n) for name, n in sorted(tally.count(session, scope).items())]


def find_endorser(session: Session, scope: VisibleLogs, email: str) -> EndorserRecord | None:
    """One endorser with every name it signed under."""
    if not can_occur(email):
        return None
    visible = (
        select(Entry.subject, Entry.issuer, func.count(), func.min(Entry.created), func.max(Entry.created))
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .where(Entry.email == email, scope.serves())
        .group_by(Entry.subject, Entry.issuer)
        .order_by(Entry.subject, Entry.issuer)
    )
    rows = session.execute(visible).all()
    if not rows:
        return None
    names = tuple(EndorserRow(email, subject, issuer, n) for subject, issuer, n, _, _ in rows)
    times: list[datetime] = [moment for row in rows for moment in row[3:]]
    return EndorserRecord(email, names, min(times), max(times))


def find_tags(session: Session, scope: VisibleLogs, email: str) -> list[str]:
    """The tags that name an entry of this endorser, by code point."""
    if not can_occur(email):
        return []
    statement = (
        select(EntryTag.tag)
        .join(Current, Current.entry_key == EntryTag.entry_key)
        .where(scope.current(), Current.email == email, Current.deprecated.is_(False))
        .distinct()
    )
    return sorted(session.scalars(statement))
