"""Follows the logs into the search indexes, in batches and never in the way of an upload.

An index knows its own position in its log, committed together with what it
holds. The follower's cursor only says when to look: where it disagrees with
the index, the index is right, and whatever lies between is read from the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import RLock
from typing import NoReturn

from sqlalchemy.orm import Session

from marketplace.changes import Change, ChangeLog, Cursors, LogNotFoundError, Renewals
from marketplace.db import Database
from marketplace.search.engine import START, IndexBatch, Position, SearchEngine, SearchIndex
from marketplace.search.errors import IndexBrokenError, SearchError, SearchUnavailableError
from marketplace.search.loading import changes_among, current_of, load_documents

#: Rows of the log that one commit takes in, while following and while building from the start:
#: a commit costs about the same whatever it holds, but nothing of it is found until it ends.
FOLLOWED_ROWS = 512
BUILT_ROWS = 4096
_AGAIN = "start the server, which builds it, or run `marketplace reindex`"

_logger = logging.getLogger(__name__)

#: Told of log, rows taken in and rows there are.
Progress = Callable[[str, int, int], None]


class SearchIndexer:
    """The indexes of an engine as one process has them open, and the follower that keeps them.

    ``start`` it before it follows; see changes.Follower. Safe to share between threads.
    """

    def __init__(self, database: Database, engine: SearchEngine) -> None:
        self.engine = engine
        self._database = database
        self._name = ""
        self._open: dict[str, SearchIndex] = {}
        self._lock = RLock()

    @property
    def name(self) -> str:
        """The cursor's name: another process with indexes of its own has another one."""
        if not self._name:
            try:
                self._name = ":".join(filter(None, ("search", self.engine.name, self.engine.copy())))
            except OSError:
                # No index can be written there either: the worker tells that, and tries again.
                return f"search:{self.engine.name}"
        return self._name

    @classmethod
    def open(cls, database: Database, engine: SearchEngine) -> SearchIndexer:
        """An indexer that has started; see ``start``."""
        indexer = cls(database, engine)
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
        index = self._verified(session, log)
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
            self._begin_anew(log)

    def get(self, log: str) -> SearchIndex:
        """A log's index, a new one where there is none.

        Raises:
            IndexBrokenError: it cannot be read.
        """
        with self._lock:
            if log not in self._open:
                self._open[log] = self.engine.open(log)
            return self._open[log]

    def asked(self, log: str) -> AskedIndex:
        """A log's index for a block; see AskedIndex."""
        return AskedIndex(self, log)

    def forget(self, log: str) -> None:
        """Close a log's index; the next use opens what is there then."""
        with self._lock:
            opened = self._open.pop(log, None)
            if opened is not None:
                opened.close()

    def mend(self, log: str, broken: SearchIndex | None, reason: str) -> None:
        """Throw a broken index away and have the follower build it again.

        Args:
            broken: None where not even opening it worked.
        """
        with self._lock:
            if broken is not None and self._open.get(log) is not broken:
                return  # another one took its place meanwhile
            self._discard(log, reason)
        with self._database.write() as session:
            Cursors(session).move(self.name, log, 0)

    def advance(self, session: Session, log: str, end: int, progress: Progress | None = None) -> None:
        """Take a log's rows into its index, from where that is up to ``end``, one commit after the other."""
        index = self._verified(session, log)
        try:
            _advance(session, log, index, end, progress)
        except IndexBrokenError as broken:
            # Once more from the start; what breaks a new index too is for the worker to retry and report.
            self._discard(log, str(broken))
            _advance(session, log, self.get(log), end, progress)

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
                self._begin_anew(log)
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
        position = self.get(log).position()
        behind = position.sequence < ChangeLog(session).size(log) or not position.whole
        return behind or Cursors(session).lacks_renewals(self.name, log)

    def close(self) -> None:
        """Close every index."""
        with self._lock:
            for log in list(self._open):
                self.forget(log)

    def _verified(self, session: Session, log: str) -> SearchIndex:
        """A log's index, held against the log: one that does not belong to it is replaced by an empty one."""
        try:
            index = self.get(log)
            if (reason := _mismatch(session, log, index.position())) is None:
                return index
        except IndexBrokenError as broken:
            reason = str(broken)
        self._discard(log, reason)
        return self.get(log)

    def _discard(self, log: str, reason: str) -> None:
        """Throw a log's index away, to be built again from the log, and say so."""
        _logger.warning(
            "the search index is thrown away and built again", extra={"log": log, "reason": reason}
        )
        self._begin_anew(log)

    def _begin_anew(self, log: str) -> None:
        with self._lock:
            self.forget(log)
            self.engine.destroy(log)

    def _try_start(self, session: Session, log: str, size: int) -> Position:
        try:
            return self._start(session, log, size)
        except (SearchError, OSError):
            # Everything else works without a search; the worker tries again, and words get a 503 until then.
            _logger.exception("the search index cannot be opened", extra={"log": log})
            return START

    def _start(self, session: Session, log: str, size: int) -> Position:
        index = self._verified(session, log)
        position = index.position()
        if position.sequence == 0 and not position.whole:
            if size:
                _logger.info("building the search index from the log", extra={"log": log, "rows": size})
            else:
                # Of an empty log an empty index is the whole.
                index.apply(IndexBatch((), (), Position(0, "", True)))
        return position


class ReadOnlyIndexer(SearchIndexer):
    """Indexes as a command reads them beside a running server: it never makes, mends or removes one."""

    def get(self, log: str) -> SearchIndex:
        """A log's index.

        Raises:
            SearchUnavailableError: there is none.
            IndexBrokenError: it cannot be read.
        """
        if not self.engine.has(log):
            raise SearchUnavailableError(f"there is no search index of the log {log}: {_AGAIN}")
        return super().get(log)

    def mend(self, log: str, broken: SearchIndex | None, reason: str) -> NoReturn:
        """Leave a broken index to the server.

        Raises:
            SearchUnavailableError: always.
        """
        raise SearchUnavailableError(f"the search index cannot be read ({reason}): {_AGAIN}")


class AskedIndex:
    """The index of a log for a block; where it turns out broken it is built again, and the search put off.

    A class, because every search asks every log that its reader sees, and a generator takes longer.
    """

    __slots__ = ("_index", "_indexer", "_log")

    def __init__(self, indexer: SearchIndexer, log: str) -> None:
        self._indexer = indexer
        self._log = log
        self._index: SearchIndex | None = None

    def __enter__(self) -> SearchIndex:
        try:
            self._index = self._indexer.get(self._log)
        except IndexBrokenError as broken:
            self._mend(broken)
        return self._index

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, IndexBrokenError):
            self._mend(error)

    def _mend(self, broken: IndexBrokenError) -> NoReturn:
        self._indexer.mend(self._log, self._index, str(broken))
        raise SearchUnavailableError("The search index was damaged and is being built again.") from broken


def _mismatch(session: Session, log: str, position: Position) -> str | None:
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
