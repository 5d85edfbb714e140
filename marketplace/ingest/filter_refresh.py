"""Applies the site's filter again to the rows of each log: at a start, and when verdicts change."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.db import Database
from marketplace.ingest.row_visibility import switch
from marketplace.ingest.site_filter import FilterFacts, SiteFilter
from marketplace.models import ChangeRow, Entry, EntryTag, Erasure, Log, PeerLog, TrustState, VerdictRow
from marketplace.portions import portions

#: Rows judged at a time, and rows changed in one transaction.
_PAGE, _SWITCHED = 1000, 200

_logger = logging.getLogger(__name__)


class FilterRefresh:
    """Applies the site's filter again to rows of logs. Safe to call from several threads and processes."""

    def __init__(self, database: Database, filter_: SiteFilter) -> None:
        self._database = database
        self._filter = filter_

    def refresh(self) -> int:
        """Judge every row again whose verdict may have changed.

        Returns:
            how many rows are shown now that were not, or the other way round.

        Raises:
            SQLAlchemyError: the database cannot be read or written; what is left is done the next time.
        """
        with self._database.read() as session:
            # Verdicts that come meanwhile count the next time.
            revision = session.scalar(select(TrustState.revision)) or 0
            due = [log for log in session.scalars(select(Log)) if self._is_due(log, revision)]
            wrong = {log.id: self._judge(session, log) for log in due}
            names = {log.id: log.name for log in due}
        changed = 0
        for log_id, (shown, hidden) in wrong.items():
            # What must not be seen goes first.
            counts = [self._switch(log_id, keys, shown=to) for keys, to in ((hidden, False), (shown, True))]
            if any(counts):
                extra = {"log": names[log_id], "hidden": counts[0], "shown": counts[1]}
                _logger.warning("the site's filter shows other entries than before", extra=extra)
            changed += sum(counts)
            # One log a transaction: an upload to several locks them in another order.
            with self._database.write() as session:
                done = {"filtered_by": self._filter.digest, "judged_at": revision}
                session.execute(update(Log).where(Log.id == log_id).values(**done))
        return changed

    def _is_due(self, log: Log, revision: int) -> bool:
        if log.filtered_by != self._filter.digest:
            return True
        return self._filter.looks_at_trust and log.judged_at != revision

    def _switch(self, log_id: int, keys: Sequence[int], *, shown: bool) -> int:
        """Change rows a few at a time: uploads wait for each transaction, and it locks what it is about."""
        changed = 0
        for portion in portions(keys, _SWITCHED):
            with self._database.write() as session:
                changed += switch(session, log_id, portion, shown=shown)
        return changed

    def _judge(self, session: Session, log: Log) -> tuple[list[int], list[int]]:
        """The keys of the entries to show and to hide."""
        from_peer = session.scalar(select(PeerLog.id).where(PeerLog.log_id == log.id).limit(1)) is not None
        taken = log.name == PUBLIC or not from_peer or self._filter.takes_log(log.name)
        # With the same conditions only what changed about a certificate can change anything.
        same = log.filtered_by == self._filter.digest
        pages = _signed_since(session, log.judged_at) if same else _all_of(session, log.id)
        shown, hidden = [], []
        for page in pages:
            for key, is_shown, judged in _rows(session, log.id, page):
                wanted = taken and self._filter.find_reason_of(judged) is None
                if wanted and not is_shown:
                    shown.append(key)
                elif is_shown and not wanted:
                    hidden.append(key)
        return shown, hidden


def _all_of(session: Session, log_id: int) -> Iterator[Sequence[int]]:
    """The keys of the entries of a log, some at a time."""
    since = 0
    while page := session.execute(
        select(ChangeRow.sequence, ChangeRow.entry_key)
        .where(ChangeRow.log_id == log_id, ChangeRow.sequence >= since)
        .order_by(ChangeRow.sequence)
        .limit(_PAGE)
    ).all():
        yield [row.entry_key for row in page]
        since = page[-1].sequence + 1


def _signed_since(session: Session, revision: int) -> Iterator[Sequence[int]]:
    """The keys of the entries, in whatever log, of certificates with a newer verdict; some at a time.

    Asked step by step: joined, SQLite walks the whole log and looks up the verdict of each row.
    """
    certificates = session.scalars(
        select(VerdictRow.certificate_id).where(VerdictRow.revision > revision)
    ).all()
    for chunk in portions(certificates, _PAGE):
        keys = session.scalars(select(Entry.id).where(Entry.certificate_id.in_(chunk))).all()
        yield from portions(keys, _PAGE)


def _rows(
    session: Session, log_id: int, entry_keys: Sequence[int]
) -> Iterator[tuple[int, bool, FilterFacts]]:
    """Those of some entries that a log holds and that were not erased, as the filter looks at them."""
    held = session.execute(
        select(Entry.id, ChangeRow.shown, Entry.email, VerdictRow.standing)
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
        .outerjoin(Erasure, Erasure.entry_key == Entry.id)
        .where(ChangeRow.log_id == log_id, Entry.id.in_(entry_keys), Erasure.entry_key.is_(None))
    ).all()
    tags: defaultdict[int, set[str]] = defaultdict(set)
    for key, tag in session.execute(
        select(EntryTag.entry_key, EntryTag.tag).where(EntryTag.entry_key.in_([row.id for row in held]))
    ):
        tags[key].add(tag)
    for row in held:
        yield row.id, row.shown, FilterFacts(row.email, tags[row.id], row.standing or "")
