"""Who has endorsed what a scope sees."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from marketplace.entries.query import can_occur
from marketplace.entries.records import EndorserRecord, EndorserRow
from marketplace.models import ChangeRow, Current, Entry, EntryTag
from marketplace.rules.visibility import VisibleLogs

Name = tuple[str, str, str]


class EndorserTally:
    """Entries per endorser of one log, counted onwards as the log grows; shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: By log: its revision, the rows that were counted, and what came out.
        self._counted: dict[int, tuple[int, int, Counter[Name]]] = {}

    def count(self, session: Session, scope: VisibleLogs) -> Counter[Name]:
        """Entries per e-mail, subject and issuer.

        Over several logs an entry can stand in more than one: what stands in an
        older one too is taken off again.
        """
        parts = [
            self._count_log(session, log, size, revision)
            for (log, size), revision in zip(scope.sizes, scope.revisions, strict=True)
        ]
        if len(parts) == 1:
            return parts[0]
        total: Counter[Name] = Counter()
        for part in parts:
            total.update(part)
        again = VisibleLogs(scope.sizes[1:]).covers(ChangeRow.log_id) & ChangeRow.shown & ~scope.serves()
        total.subtract(_count(session, again))
        return +total

    def _count_log(self, session: Session, log: int, size: int, revision: int) -> Counter[Name]:
        with self._lock:
            known, counted, held = self._counted.get(log, (revision, 0, Counter()))
        if known != revision or counted > size:  # other rows are shown, or somebody else's snapshot is newer
            counted, held = 0, Counter()
        if counted < size:
            rows = (ChangeRow.log_id == log) & (ChangeRow.sequence >= counted) & ChangeRow.shown
            held = held + _count(session, rows)
            with self._lock:
                if self._counted.get(log, (0, 0, None))[:2] < (revision, size):
                    self._counted[log] = revision, size, held
        return held


def _count(session: Session, rows: ColumnElement[bool]) -> Counter[Name]:
    statement = (
        select(Entry.email, Entry.subject, Entry.issuer, func.count())
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .where(rows)
        .group_by(Entry.email, Entry.subject, Entry.issuer)
    )
    return Counter({(email, subject, issuer): n for email, subject, issuer, n in session.execute(statement)})


class Endorsers:
    """The endorsers of a scope, in one transaction."""

    def __init__(self, session: Session, scope: VisibleLogs, tally: EndorserTally) -> None:
        self._session = session
        self._scope = scope
        self._tally = tally

    def all(self) -> list[EndorserRow]:
        """Every endorser, by e-mail, subject and issuer."""
        return [
            EndorserRow(*name, n) for name, n in sorted(self._tally.count(self._session, self._scope).items())
        ]

    def find(self, email: str) -> EndorserRecord | None:
        """One endorser with every name it signed under."""
        if not can_occur(email):
            return None
        visible = (
            select(
                Entry.subject,
                Entry.issuer,
                func.count(),
                func.min(Entry.created),
                func.max(Entry.created),
            )
            .join(ChangeRow, ChangeRow.entry_key == Entry.id)
            .where(Entry.email == email, self._scope.serves())
            .group_by(Entry.subject, Entry.issuer)
            .order_by(Entry.subject, Entry.issuer)
        )
        rows = self._session.execute(visible).all()
        if not rows:
            return None
        names = tuple(EndorserRow(email, subject, issuer, n) for subject, issuer, n, _, _ in rows)
        times: list[datetime] = [moment for row in rows for moment in row[3:]]
        return EndorserRecord(email, names, min(times), max(times))

    def tags(self, email: str) -> list[str]:
        """The tags that name an entry of this endorser, by code point."""
        if not can_occur(email):
            return []
        statement = (
            select(EntryTag.tag)
            .join(Current, Current.entry_key == EntryTag.entry_key)
            .where(self._scope.current(), Current.email == email, Current.deprecated.is_(False))
            .distinct()
        )
        return sorted(self._session.scalars(statement))
