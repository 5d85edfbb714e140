"""What peers answer otherwise than they should, to questions beside their rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from marketplace.models import PeerFault
from marketplace.peers.errors import PeerError
from marketplace.peers.model import Question, UnansweredQuestion

#: Characters of a reason that are kept.
_MOST_REASON = 500


class AnswerFaults:
    """The faults as one transaction sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def note(self, peer_id: int, question: Question, origin: str, error: PeerError, now: datetime) -> None:
        """Remember a wrong answer; since when stays, as long as nothing right came."""
        said = {"code": error.code, "reason": error.message[:_MOST_REASON].replace("\x00", "")}
        here = (
            PeerFault.peer_id == peer_id,
            PeerFault.question == question.value,
            PeerFault.origin == origin,
        )
        known = self._session.scalar(update(PeerFault).where(*here).values(said).returning(PeerFault.code))
        if known is None:
            row = {"peer_id": peer_id, "question": question.value, "origin": origin, "since": now}
            self._session.execute(insert(PeerFault).values(row | said))

    def forget(self, peer_id: int, question: Question, origin: str) -> None:
        """Remove a fault, because the peer answered correctly."""
        self._session.execute(
            delete(PeerFault).where(
                PeerFault.peer_id == peer_id,
                PeerFault.question == question.value,
                PeerFault.origin == origin,
            )
        )

    def of(self, peer_id: int) -> list[UnansweredQuestion]:
        """The faults of a peer, by question and log."""
        return list(self.all().get(peer_id, ()))

    def all(self) -> Mapping[int, tuple[UnansweredQuestion, ...]]:
        """All faults, by the key of the peer."""
        rows = self._session.execute(
            select(
                PeerFault.peer_id,
                PeerFault.question,
                PeerFault.origin,
                PeerFault.code,
                PeerFault.reason,
                PeerFault.since,
            ).order_by(PeerFault.peer_id, PeerFault.question, PeerFault.origin)
        )
        found: dict[int, tuple[UnansweredQuestion, ...]] = {}
        for row in rows:
            fault = UnansweredQuestion(
                question=Question(row.question),
                origin=row.origin,
                code=row.code,
                reason=row.reason,
                since=row.since,
            )
            found[row.peer_id] = (*found.get(row.peer_id, ()), fault)
        return found
