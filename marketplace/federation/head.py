"""The newest head of the public log, for those who ask again and again whether it grew.

Nothing is remembered: another node may have shown a newer head a moment ago, and whoever follows the log
would take an older one for a log that went back. A look costs one statement, without a session, and all
who came before it began share it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from marketplace.access import PUBLIC
from marketplace.db import Database, Glance
from marketplace.db.errors import StalledError

#: Seconds that a look may take while others wait for their turn; it takes a millisecond.
PATIENCE = 3.0

_NEWEST = (
    "SELECT tree.size, tree.root, tree.note, tree.halted, cosignature.lines FROM tree"  # noqa: S608  # no input in it
    " LEFT JOIN cosignature ON cosignature.tree_id = tree.id AND cosignature.size = tree.size"
    f" WHERE tree.log_id = (SELECT id FROM log WHERE name = '{PUBLIC}')"
    " AND tree.epoch = (SELECT max(epoch) FROM tree AS other WHERE other.log_id = tree.log_id)"
    " ORDER BY cosignature.witness"
)


@dataclass(frozen=True, slots=True)
class Head:
    """What a log is known by.

    Args:
        size: leaves that it covers.
        root: of the tree at that size.
        note: the signed checkpoint, with the signatures of witnesses that saw this very head.
    """

    size: int
    root: bytes
    note: bytes


class HeadReader:
    """Reads the head of the public log. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = threading.Lock()
        self._glance: Glance | None = None
        #: Looks that began so far, and what came of the newest of them.
        self._begun = 0
        self._outcome: Head | SQLAlchemyError | None = None
        #: When the look that is under way began.
        self._since: float | None = None

    def read(self) -> Head | None:
        """The head as it is after this call began; None where nothing is published now.

        Raises:
            SQLAlchemyError: the database does not answer, or a look that others wait for takes too long.
        """
        came = self._begun
        if not self._turn.acquire(timeout=self._patience()):
            raise StalledError("the database does not answer at the moment: try again later")
        try:
            if self._begun == came:
                # No look began while this thread waited for its turn.
                self._begun += 1
                self._since = time.monotonic()
                try:
                    self._outcome = self._look()
                except SQLAlchemyError as error:
                    self._outcome = error
                self._since = None
            outcome = self._outcome
        finally:
            self._turn.release()
        if isinstance(outcome, SQLAlchemyError):
            raise outcome
        return outcome

    def close(self) -> None:
        """Give the connection up; the next look opens another one."""
        with self._turn:
            self._leave()

    def _patience(self) -> float:
        """Seconds to wait for a turn: a look that hangs must not take the threads of all who ask."""
        since = self._since
        return PATIENCE if since is None else max(0.0, PATIENCE - (time.monotonic() - since))

    def _look(self) -> Head | None:
        if self._glance is not None:
            try:
                return _read(self._glance)
            except SQLAlchemyError:
                self._leave()  # the server may have been started anew since: another connection is tried
        self._glance = self._database.glance()
        try:
            return _read(self._glance)
        except SQLAlchemyError:
            self._leave()
            raise

    def _leave(self) -> None:
        if self._glance is not None:
            self._glance.close()
            self._glance = None


def _read(glance: Glance) -> Head | None:
    rows = glance.ask(_NEWEST)
    if not rows or rows[0][3] is not None:
        return None
    size, root, note, *_ = rows[0]
    return Head(size, bytes(root), b"".join((note, *(row[4] for row in rows if row[4] is not None))))
