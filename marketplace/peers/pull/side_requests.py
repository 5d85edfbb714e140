"""What a peer is asked beside its rows: a wrong answer holds up no row, and does not go unseen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from marketplace.peers.errors import ContactError, UnreachableError
from marketplace.peers.model import Peer, Question
from marketplace.peers.pull.log_pull import PullTools
from marketplace.peers.registry.answer_faults import AnswerFaults
from marketplace.peers.schedule import LONGEST, backoff_pause

#: Wrong answers in a row from which on they are shown: one alone may be bad luck.
PERSISTENT = 3

_logger = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")
_Key = tuple[Question, str]


@dataclass(slots=True)
class _Pause:
    """How a question fares: failures in a row, and when it may be put again, on the monotonic clock."""

    failures: int = 0
    again_at: float = 0.0
    #: As far as the peer itself asked for it.
    put_off_until: float = 0.0


class Questions:
    """Asks one peer the questions beside its rows; each pauses separately after failures."""

    def __init__(self, means: PullTools, peer: Peer) -> None:
        self._means = means
        self._peer = peer
        self._pauses: dict[_Key, _Pause] = {}
        #: What is shown as a fault in the database; None where that was not read yet.
        self._noted: set[_Key] | None = None

    def may_ask(self, question: Question, origin: str = "") -> bool:
        """Whether the pause after the last failure is over."""
        return time.monotonic() >= self._pause((question, origin)).again_at

    def is_put_off(self, question: Question) -> bool:
        """Whether the peer asked to wait with a question that is about no log."""
        return time.monotonic() < self._pause((question, "")).put_off_until

    def ask(
        self,
        question: Question,
        asking: Callable[[], _Answer],
        judge: Callable[[_Answer], ContactError | None] = lambda answer: None,
        origin: str = "",
    ) -> _Answer | None:
        """Put a question.

        Args:
            asking: puts it; what it raises as ContactError is noted.
            judge: what is wrong with an answer that can be used all the same.
            origin: the log that it is about; empty where it is about the site.

        Returns:
            the answer; None where there is none.
        """
        standing = self._pause((question, origin))
        try:
            answer = asking()
        except ContactError as error:
            standing.failures += 1
            now = time.monotonic()
            standing.again_at = now + backoff_pause(standing.failures, error.retry_after)
            standing.put_off_until = now + min(error.retry_after or 0.0, LONGEST)
            # A peer that is not there at all shows by its logs.
            if standing.failures >= PERSISTENT and not isinstance(error, UnreachableError):
                self._show(question, origin, error)
            return None
        standing.failures, standing.again_at = 0, 0.0
        wrong = judge(answer)
        if wrong is None:
            self._hide(question, origin)
        else:
            self._show(question, origin, wrong)
        return answer

    def _show(self, question: Question, origin: str, error: ContactError) -> None:
        shown = self._read_noted()
        if (question, origin) not in shown:
            _logger.warning(
                "a peer does not answer as it should: %s",
                error,
                extra={"peer": self._peer.name, "code": error.code, "question": question.value},
            )
        with self._means.database.write() as session:
            AnswerFaults(session).note(self._peer.id, question, origin, error, self._means.clock())
        shown.add((question, origin))

    def _hide(self, question: Question, origin: str) -> None:
        shown = self._read_noted()
        if (question, origin) in shown:
            with self._means.database.write() as session:
                AnswerFaults(session).forget(self._peer.id, question, origin)
            shown.remove((question, origin))

    def _read_noted(self) -> set[_Key]:
        if self._noted is None:
            with self._means.database.read() as session:
                self._noted = {(one.question, one.origin) for one in AnswerFaults(session).of(self._peer.id)}
        return self._noted

    def _pause(self, key: _Key) -> _Pause:
        return self._pauses.setdefault(key, _Pause())
