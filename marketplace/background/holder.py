"""The thread that holds the background work for this process, or waits for its turn."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from marketplace.background.lease import (
    Holding,
    Lease,
    LeaseLostError,
    ask_for_look,
    open_lease,
    read_holding,
)
from marketplace.db import Database
from marketplace.service_thread import ServiceThread

#: Seconds between two looks.
BEAT = 1.0

_logger = logging.getLogger(__name__)


class Duty(Protocol):
    """A part of the background work."""

    def start(self) -> None:
        """Begin; also again, after ``stop``."""

    def stop(self) -> None:
        """End. Later calls do nothing."""


class Background(ServiceThread):
    """Does the background work in this process, whenever it is this process's turn.

    Args:
        node: what this process is called.
        duties: the parts of the work, in the order in which they start.
        takes_turns: whether this process does the work at all.
        hurry: called where some process asked for a look at everything.
        beat: seconds between two looks.
    """

    def __init__(
        self,
        database: Database,
        node: str,
        duties: Sequence[Duty],
        *,
        takes_turns: bool,
        hurry: Callable[[], None],
        beat: float = BEAT,
    ) -> None:
        super().__init__("background")
        self._database = database
        self._node = node
        self._lease: Lease = open_lease(database, node)
        self._duties = duties
        self._takes_turns = takes_turns
        self._hurry = hurry
        self._beat = beat
        #: The term of this process; None while it is not its turn.
        self._term: int | None = None
        self._asked = 0
        #: Whether some process does the work, as of the last look.
        self._held = True
        self._failing = False
        self._wants_look = threading.Event()
        database.fence = self._verify

    def start(self) -> None:
        """Do the work, if it is nobody's; from then on look whose turn it is."""
        self._try_step()
        super().start()

    def stop(self) -> None:
        """End the work and let another process begin at once. Later calls do nothing."""
        super().stop()
        if self._term is None:
            return
        # What the work still has to write down is written under its term.
        self._end_duties()
        term, self._term = self._term, None
        try:
            self._lease.release(term)
        except SQLAlchemyError:
            _logger.warning(
                "the background work cannot be handed over: another process begins in some seconds"
            )

    @property
    def is_here(self) -> bool:
        """Whether this process does the background work now."""
        return self._term is not None and self._lease.is_held()

    @property
    def is_done(self) -> bool:
        """Whether any process does the background work, as far as this one knows."""
        return self.is_here or self._held

    def holding(self, session: Session) -> Holding:
        """Who does the work, or did last."""
        return read_holding(session)

    def look(self) -> None:
        """Have whoever does the work look at everything soon. Cheap, callable from any thread."""
        if self.is_here:
            self._hurry()
        else:
            self._wants_look.set()

    def _verify(self, session: Session) -> None:
        term = self._term
        if term is None:
            raise LeaseLostError("another process does the background work")
        self._lease.verify(session, term)

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.wait(self._beat):
            self._try_step()

    def _try_step(self) -> None:
        try:
            self._step()
            self._failing = False
        except (SQLAlchemyError, OSError) as error:
            self._held = False
            if not self._failing:
                reason = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
                _logger.warning("nobody knows who does the background work", extra={"reason": reason})
            self._failing = True

    def _step(self) -> None:
        if self._term is not None:
            self._hold_on(self._term)
        elif self._takes_turns:
            self._try_to_begin()
        else:
            self._held = not self._lease.is_free()
        if self._wants_look.is_set() and self._term is None:
            self._wants_look.clear()
            with self._database.write() as session:
                ask_for_look(session)

    def _hold_on(self, term: int) -> None:
        if not self._lease.renew(term):
            _logger.warning("another process does the background work now", extra={"term": term})
            self._term = None
            self._end_duties()
            return
        with self._database.read() as session:
            asked = read_holding(session).asked
        if asked != self._asked:
            self._asked = asked
            self._hurry()

    def _try_to_begin(self) -> None:
        term = self._lease.take()
        self._held = True
        if term is None:
            return
        _logger.info("this process does the background work", extra={"term": term, "node": self._node})
        with self._database.read() as session:
            self._asked = read_holding(session).asked
        self._term = term
        for duty in self._duties:
            duty.start()

    def _end_duties(self) -> None:
        for duty in reversed(self._duties):
            duty.stop()
