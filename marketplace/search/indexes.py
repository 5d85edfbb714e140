"""The open indexes of a process: opened when needed, held against their logs, thrown away when broken."""

from __future__ import annotations

import logging
from threading import RLock

from sqlalchemy.orm import Session

from marketplace.changes import ChangeLog, LogNotFoundError
from marketplace.search.engine import Position, SearchEngine, SearchIndex
from marketplace.search.errors import IndexBrokenError

_logger = logging.getLogger(__name__)


class Indexes:
    """One index a log. Safe to share between threads."""

    def __init__(self, engine: SearchEngine) -> None:
        self.engine = engine
        self._open: dict[str, SearchIndex] = {}
        self._lock = RLock()

    def get(self, log: str) -> SearchIndex:
        """A log's index, a new one where there is none.

        Raises:
            IndexBrokenError: it cannot be read.
        """
        with self._lock:
            if log not in self._open:
                self._open[log] = self.engine.open(log)
            return self._open[log]

    def discard(self, log: str, reason: str, broken: SearchIndex | None = None) -> bool:
        """Throw a log's index away, to be built again from the log, and say so.

        Args:
            broken: the index that was found broken; one that took its place meanwhile is kept.

        Returns:
            whether anything was thrown away.
        """
        with self._lock:
            if broken is not None and self._open.get(log) is not broken:
                return False
            _logger.warning(
                "the search index is thrown away and built again", extra={"log": log, "reason": reason}
            )
            self.renew(log)
            return True

    def renew(self, log: str) -> None:
        """Put a new and empty index in the place of a log's index, because somebody asked for it."""
        with self._lock:
            self.forget(log)
            self.engine.destroy(log)

    def forget(self, log: str) -> None:
        """Close a log's index; the next use opens what is there then."""
        with self._lock:
            opened = self._open.pop(log, None)
            if opened is not None:
                opened.close()

    def verified(self, session: Session, log: str) -> SearchIndex:
        """A log's index, held against the log: one that does not belong to it is replaced by an empty one."""
        try:
            index = self.get(log)
            if (reason := mismatch(session, log, index.position())) is None:
                return index
        except IndexBrokenError as broken:
            reason = str(broken)
        self.discard(log, reason)
        return self.get(log)

    def close(self) -> None:
        """Close every index."""
        with self._lock:
            for log in list(self._open):
                self.forget(log)


def mismatch(session: Session, log: str, position: Position) -> str | None:
    """Why an index of that position was not made of this log; None where it was."""
    if position.sequence == 0:
        return None
    try:
        size = ChangeLog(session).size(log)
        before = ChangeLog(session).page(log, position.sequence - 1, 1)
    except LogNotFoundError:
        return "the log does not exist here"
    if position.sequence > size:
        return f"it is at row {position.sequence} of a log of {size}: it was made of another database"
    if [row.entry_id for row in before] != [position.entry_id]:
        return "the log has another entry where it ended: it was made of another database"
    return None
