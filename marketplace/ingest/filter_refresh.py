"""Applies the site's filter again to the rows of each log: at a start, and when verdicts change."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import ColumnElement, select, true, update
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.db import Database
from marketplace.ingest.row_visibility import hide, show
from marketplace.ingest.site_filter import FilterFacts, SiteFilter
from marketplace.models import ChangeRow, Entry, EntryTag, Log, PeerLog, TrustState, VerdictRow

#: Rows judged at a time.
_PAGE = 2000

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
            SQLAlchemyError: the database cannot be read or written.
        """
        with self._database.read() as session:
            due = [log.id for log in session.scalars(select(Log)) if self._is_due(session, log)]
        return sum(self._refresh(log_id) for log_id in due)

    def _is_due(self, session: Session, log: Log) -> bool:
        if log.filtered_by != self._filter.digest:
            return True
        return self._filter.looks_at_trust and log.judged_at != _revision(session)

    def _refresh(self, log_id: int) -> int:
        with self._database.write() as session:
            log = session.get_one(Log, log_id)
            if not self._is_due(session, log):
                return 0
            revision = _revision(session)
            # With the same conditions only what changed about a certificate can change anything.
            changed = log.filtered_by == self._filter.digest
            among = VerdictRow.revision > log.judged_at if changed else true()
            shown, hidden = self._judge(session, log, among)
            show(session, log_id, shown)
            hide(session, log_id, hidden)
            session.execute(
                update(Log)
                .where(Log.id == log_id)
                .values(filtered_by=self._filter.digest, judged_at=revision)
            )
            name = log.name
        if shown or hidden:
            extra = {"log": name, "shown": len(shown), "hidden": len(hidden)}
            _logger.warning("the site's filter shows other entries than before", extra=extra)
        return len(shown) + len(hidden)

    def _judge(self, session: Session, log: Log, among: ColumnElement[bool]) -> tuple[list[int], list[int]]:
        """The keys of the entries to show and to hide."""
        from_peer = session.scalar(select(PeerLog.id).where(PeerLog.log_id == log.id).limit(1)) is not None
        taken = log.name == PUBLIC or not from_peer or self._filter.takes_log(log.name)
        shown, hidden = [], []
        for key, is_shown, judged in _rows(session, log.id, among):
            wanted = taken and self._filter.find_reason_of(judged) is None
            if wanted and not is_shown:
                shown.append(key)
            elif is_shown and not wanted:
                hidden.append(key)
        return shown, hidden


def _rows(
    session: Session, log_id: int, among: ColumnElement[bool]
) -> Iterator[tuple[int, bool, FilterFacts]]:
    """Rows of a log, as the filter looks at them."""
    since = 0
    while True:
        page = session.execute(
            select(ChangeRow.sequence, Entry.id, ChangeRow.shown, Entry.email, VerdictRow.standing)
            .join(Entry, Entry.id == ChangeRow.entry_key)
            .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
            .where(ChangeRow.log_id == log_id, ChangeRow.sequence >= since, among)
            .order_by(ChangeRow.sequence)
            .limit(_PAGE)
        ).all()
        if not page:
            return
        tags: defaultdict[int, set[str]] = defaultdict(set)
        for start in range(0, len(page), 500):
            keys = [row.id for row in page[start : start + 500]]
            for key, tag in session.execute(
                select(EntryTag.entry_key, EntryTag.tag).where(EntryTag.entry_key.in_(keys))
            ):
                tags[key].add(tag)
        for row in page:
            yield row.id, row.shown, FilterFacts(row.email, tags[row.id], row.standing or "")
        since = page[-1].sequence + 1


def _revision(session: Session) -> int:
    return session.scalar(select(TrustState.revision)) or 0
