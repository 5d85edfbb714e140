"""Asks in the background, one after the other, what takes the database longer than a search may wait.

A phrase of words that most entries have is looked for in the vector of each of them. The statement of a
search is cancelled after a moment, and nothing would be known of it the next time. So one thread of the
process asks again and waits longer. It has a connection of its own, runs while there is something to ask, and
where the process ends the server finds out that nobody wants the answer.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, NamedTuple

from sqlalchemy.exc import DBAPIError, OperationalError

from marketplace.db import Database

#: With these it is quick to ask who has words: compiling such a statement takes longer than it saves,
#: and the planner does not know that to read the whole table is to fetch each vector from beside it.
QUICKLY = {"jit": "off", "enable_seqscan": "off"}
#: Milliseconds that the server may take for a statement here.
LATE_LIMIT = 60_000
#: What waits at the most, and seconds after which to try again where that is so much already.
_MOST, _FULL = 32, 30
#: Seconds after which asking again makes sense, at least.
_SOON = 3
#: Milliseconds from one look of the server to the next whether somebody still wants the answer.
_WANTED = 1000
#: SQLSTATE of a statement that reached its time limit.
_CANCELLED = "57014"

_logger = logging.getLogger(__name__)


class LateQuestion(NamedTuple):
    """A statement of one row with one value, and the value that it is asked with."""

    statement: str
    value: str


class LateAnswers:
    """Asks what took too long. Safe to share between threads.

    Args:
        limit: milliseconds for a statement.
    """

    def __init__(self, database: Database, limit: int = LATE_LIMIT) -> None:
        self._database = database
        self._limit = limit
        #: In the order in which they came, each with its time and who is told. The first one is being asked.
        self._waiting: dict[LateQuestion, tuple[float, Callable[[bytes | None], None]]] = {}
        self._lock = threading.Lock()

    def is_waiting(self, question: LateQuestion) -> bool:
        """Whether a question is being asked, or will be."""
        with self._lock:
            return question in self._waiting

    def put(self, question: LateQuestion, learn: Callable[[bytes | None], None]) -> int:
        """Have a question asked, unless it waits already.

        Args:
            learn: is told the answer in another thread; None where that took too long here as well.

        Returns:
            seconds after which the answer may be there.
        """
        with self._lock:
            now = time.monotonic()
            if question not in self._waiting:
                if len(self._waiting) >= _MOST:
                    return _FULL
                if not self._waiting:
                    # Before anything waits: where no thread can be started, the next one tries again.
                    threading.Thread(target=self._run, name="late words", daemon=True).start()
                self._waiting[question] = (now, learn)
            # As long again as it has taken: nobody waits twice as long as is needed.
            return max(_SOON, math.ceil(now - self._waiting[question][0]))

    def _run(self) -> None:
        is_left = True
        while is_left:
            with self._lock:
                question, (_, learn) = next(iter(self._waiting.items()))
            try:
                learn(self._ask(question))
            except Exception:  # logged here; the next search for it has it tried again
                _logger.exception("a search in the background failed")
            finally:
                with self._lock:
                    del self._waiting[question]
                    is_left = bool(self._waiting)

    def _ask(self, question: LateQuestion) -> bytes | None:
        with closing(self._database.glance()) as glance:
            for name, value in {"statement_timeout": self._limit, **QUICKLY}.items():
                glance.ask(f"SET {name} = {value}")
            with suppress(OperationalError):  # its system tells no server that the other side is gone
                glance.ask(f"SET client_connection_check_interval = {_WANTED}")
            try:
                ((told,),) = glance.ask(question.statement, question.value)
            except OperationalError as error:
                if is_cancelled(error):
                    return None
                raise
            return told or b""


def is_cancelled(error: DBAPIError) -> bool:
    """Whether a statement took longer than it may."""
    driver: Any = error.orig
    return getattr(driver, "sqlstate", None) == _CANCELLED
