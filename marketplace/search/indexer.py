"""Follows the logs into the search indexes, in batches and never in the way of an upload.

An index knows its own position in its log, committed together with what it
holds. The follower's cursor only says when to look: where it disagrees with
the index, the index is right, and whatever lies between is read from the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from marketplace.changes import Change, ChangeLog, Cursors, Renewals
from marketplace.db import Database
from marketplace.search.engine import START, IndexBatch, Position, SearchEngine, SearchIndex
from marketplace.search.errors import IndexBrokenError, SearchError
from marketplace.search.indexes import Indexes
from marketplace.search.loading import changes_among, current_of, load_documents

#: Rows of the log that one commit takes in, while following and while building from the start:
#: a commit costs about the same whatever it holds, but nothing of it is found until it ends.
FOLLOWED_ROWS = 512
BUILT_ROWS = 4096

_logger = logging.getLogger(__name__)

#: Told of log, rows taken in and rows there are.
Progress = Callable[[str, int, int], None]


class SearchIndexer:
    """The follower that keeps the indexes of one engine; see changes.Follower. ``start`` it first."""

    def __init__(self, database: Database, indexes: Indexes) -> None:
        self._database = database
        self.indexes = indexes
        self._name = ""

    @property
    def name(self) -> str:
        """The cursor's name: another process with indexes of its own has another one."""
        if not self._name:
            engine = self.indexes.engine
            try:
                self._name = ":".join(filter(None, ("search", engine.name, engine.copy())))
            except OSError:
                # No index can be written there either: the worker tells that, and tries again.
                return f"search:{engine.name}"
        return self._name

    @classmethod
    def open(cls, database: Database, engine: SearchEngine) -> SearchIndexer:
        """An indexer that has started; see ``start``."""
        indexer = cls(database, Indexes(engine))
        indexer.start()
        return indexer

    def start(self) -> None:
        """Hold every index against its log, and put the cursors where the indexes are.

        An index that is missing, damaged, made by another engine or version,
        or made of another database is built again from the log; a warning
        says which and why.
        """
        with self._database.read() as session:
            logs = ChangeLog(session)
            found = {log: self._try_start(session, log, logs.size(log)) for log in logs.names()}
        with self._database.write() as session:
            cursors = Cursors(session)
            for log, position in found.items():
                # An index from another time may lack renewals that the cursor counts.
                other = cursors.position(self.name, log) != position.sequence
                cursors.move(self.name, log, position.sequence, renewals=0 if other else None)

    def apply(self, session: Session, log: str, changes: Sequence[Change]) -> None:
        """Bring a log's index to behind the last of some rows; see changes.Follower."""
        if changes:
            self.advance(session, log, changes[-1].sequence + 1)

    def renew(self, session: Session, log: str, renewals: Renewals) -> None:
        """Look again at what is current of some images; see changes.RenewedFollower."""
        index = self.indexes.verified(session, log)
        position = index.position()
        if position.sequence == 0:
            return
        log_id = ChangeLog(session).key(log)
        current, superseded = current_of(session, log_id, renewals.images, position.sequence)
        index.apply(IndexBatch(list(load_documents(session, log_id, current)), superseded, position))

    def reset(self) -> None:
        """Throw every index away: the logs are about to come again from 0."""
        with self._database.read() as session:
            names = ChangeLog(session).names()
        for log in names:
            self.indexes.renew(log)

    def mend(self, log: str, broken: SearchIndex | None, reason: str) -> None:
        """Throw a broken index away and have the follower build it again.

        Args:
            broken: None where not even opening it worked.
        """
        if self.indexes.discard(log, reason, broken):
            with self._database.write() as session:
                Cursors(session).move(self.name, log, 0)

    def advance(self, session: Session, log: str, end: int, progress: Progress | None = None) -> None:
        """Take a log's rows into its index, from where that is up to ``end``, one commit after the other."""
        index = self.indexes.verified(session, log)
        try:
            _advance(session, log, index, end, progress)
        except IndexBrokenError as broken:
            # Once more from the start; what breaks a new index too is for the worker to retry and report.
            self.indexes.discard(log, str(broken))
            _advance(session, log, self.indexes.get(log), end, progress)

    def rebuild(self, progress: Progress) -> int:
        """Build every index anew on the calling thread.

        Returns:
            the rows of all logs.
        """
        with self._database.read() as session:
            logs = ChangeLog(session)
            sizes = {log: logs.size(log) for log in logs.names()}
            shown = {log: (logs.revision(log), logs.renewals(log)) for log in sizes}
            for log, size in sizes.items():
                self.indexes.renew(log)
                self._start(session, log, size)
                self.advance(session, log, size, progress)
        with self._database.write() as session:
            for log, size in sizes.items():
                Cursors(session).move(self.name, log, size, *shown[log])
        return sum(sizes.values())

    def is_behind(self, session: Session, log: str) -> bool:
        """Whether the index of a log does not have all yet that the log shows now.

        Raises:
            IndexBrokenError: it cannot be read.
        """
        position = self.indexes.get(log).position()
        behind = position.sequence < ChangeLog(session).size(log) or not position.whole
        return behind or Cursors(session).lacks_renewals(self.name, log)

    def close(self) -> None:
        """Close every index."""
        self.indexes.close()

    def _try_start(self, session: Session, log: str, size: int) -> Position:
        try:
            return self._start(session, log, size)
        except (SearchError, OSError):
            # Everything else works without a search; the worker tries again, and words get a 503 until then.
            _logger.exception("the search index cannot be opened", extra={"log": log})
            return START

    def _start(self, session: Session, log: str, size: int) -> Position:
        index = self.indexes.verified(session, log)
        position = index.position()
        if position.sequence == 0 and not position.whole:
            if size:
                _logger.info("building the search index from the log", extra={"log": log, "rows": size})
            else:
                # Of an empty log an empty index is the whole.
                index.apply(IndexBatch((), (), Position(0, "", True)))
        return position


def _advance(session: Session, log: str, index: SearchIndex, end: int, progress: Progress | None) -> None:
    logs = ChangeLog(session)
    log_id, size = logs.key(log), logs.size(log)
    position = index.position()
    while position.sequence < end:
        rows = FOLLOWED_ROWS if position.whole else BUILT_ROWS
        since, until = position.sequence, min(size, position.sequence + rows)
        current, superseded = changes_among(session, log_id, since, until)
        (last,) = logs.page(log, until - 1, 1)
        documents = list(load_documents(session, log_id, current))
        position = Position(until, last.entry_id, position.whole or until == size)
        index.apply(IndexBatch(documents, superseded, position))
        if progress is not None:
            progress(log, until, size)
