"""Rows whose entries did not come in: those that are wanted, and those that were passed over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from marketplace.access.principal import PUBLIC
from marketplace.changes import ChangeLog
from marketplace.ingest import ErasedError
from marketplace.models import PeerLog, PeerRejected, PeerRow, PeerWanted
from marketplace.peers.errors import WithheldError
from marketplace.peers.limits import MOST_LEFT_OUT
from marketplace.peers.model import FollowedLog, Rejected, WantedRow
from marketplace.peers.schedule import wanted_pause

#: Version of the rules that reject: raised when acceptance changes, so that old verdicts can be told apart.
RULES = 1
#: Characters of a reason that are kept.
_MOST_REASON = 500
#: Time until others are asked for what a peer said that it erased: all that was said in that second is known.
SETTLED = timedelta(seconds=5)
#: Time in which nobody but a row's own site is asked for its body first.
OWN_TURN = timedelta(seconds=60)


def add_wanted(session: Session, peer_id: int, rows: Sequence[WantedRow], now: datetime) -> None:
    """Note rows whose bodies did not come.

    Args:
        rows: of logs of the peer.

    Raises:
        WithheldError: so many are missing from the peer's logs that no further rows are taken in.
    """
    if not rows:
        return
    missing = _count(session, PeerWanted.peer_log_id, peer_id)
    if missing + len(rows) > MOST_LEFT_OUT:
        raise WithheldError(
            f"{missing} entries of its logs are missing already: reading continues when some of them arrive"
        )
    session.execute(
        insert(PeerWanted),
        [_columns(one) | {"since": now, "retry_at": _later(now, one.attempts)} for one in rows],
    )


def add_rejected(session: Session, peer_id: int, rows: Sequence[Rejected], now: datetime) -> None:
    """Note rows that were passed over; of very many the last ones stay.

    Args:
        rows: of logs of the peer.
    """
    if not rows:
        return
    _insert_rejected(session, rows, now)
    if _count(session, PeerRejected.peer_log_id, peer_id) > MOST_LEFT_OUT:
        kept = MOST_LEFT_OUT - MOST_LEFT_OUT // 8
        row = aliased(PeerRejected)
        older = (
            select(row.peer_log_id, row.sequence)
            .where(row.peer_log_id.in_(_logs_of(peer_id)))
            .order_by(row.rejected_at.desc(), row.sequence.desc())
            .offset(kept)
        )
        session.execute(
            delete(PeerRejected)
            .where(tuple_(PeerRejected.peer_log_id, PeerRejected.sequence).in_(older))
            .execution_options(synchronize_session=False)
        )


def forget_left_out(session: Session, peer_log_ids: Sequence[int]) -> None:
    """Know nothing any more of rows of some logs that were left out.

    Nobody is asked for them. Where the logs are read again the rows come again, or comparing the sets
    finds what is missing.
    """
    for table in (PeerWanted, PeerRejected):
        session.execute(
            delete(table)
            .where(table.peer_log_id.in_(peer_log_ids))
            .execution_options(synchronize_session=False)
        )
    session.execute(
        update(PeerLog)
        .where(PeerLog.id.in_(peer_log_ids))
        .values(compared_at=None)
        .execution_options(synchronize_session=False)
    )


def _insert_rejected(session: Session, rows: Sequence[Rejected], now: datetime) -> None:
    said = {"rules": RULES, "rejected_at": now}
    if rows:
        kept = [_columns(one) | {"reason": printable(one.reason)[:_MOST_REASON]} | said for one in rows]
        session.execute(insert(PeerRejected), kept)


def _logs_of(peer_id: int) -> Select[tuple[int]]:
    return select(PeerLog.id).where(PeerLog.peer_id == peer_id)


def _count(session: Session, key: InstrumentedAttribute[int], peer_id: int) -> int:
    return session.scalar(select(func.count()).where(key.in_(_logs_of(peer_id)))) or 0


def due_wanted(session: Session, followed: FollowedLog, now: datetime, most: int) -> list[WantedRow]:
    """Missing bodies that the site of a log may be asked for; those that their own site erased are not
    among them.

    What is missing from the public log may be anywhere, but first its own site is asked: nobody else can
    say that it erased it. What another log lacks is nobody's business but that of its own site.
    """
    own = PeerWanted.peer_log_id == followed.id
    elsewhere = (PeerWanted.attempts > 0) | (PeerWanted.since <= now - OWN_TURN)
    query = (
        select(PeerWanted)
        .join(PeerLog, PeerLog.id == PeerWanted.peer_log_id)
        .where(
            PeerLog.log_id == ChangeLog(session).key(followed.log),
            PeerWanted.erased_at.is_(None),
            PeerWanted.retry_at <= now,
            (own | elsewhere) if followed.log == PUBLIC else own,
        )
        .order_by(PeerWanted.retry_at)
        .limit(most)
    )
    return [_wanted(row) for row in session.scalars(query)]


def postpone_wanted(session: Session, rows: Sequence[WantedRow], now: datetime) -> None:
    """Note another attempt in vain."""
    for one in rows:
        session.execute(
            update(PeerWanted)
            .where(PeerWanted.peer_log_id == one.peer_log_id, PeerWanted.sequence == one.sequence)
            .values(attempts=one.attempts + 1, retry_at=_later(now, one.attempts + 1))
        )


def forget_wanted(session: Session, log: str, ids: Sequence[str]) -> None:
    """Forget that entries are wanted: they are in a local log now."""
    if ids:
        followed = select(PeerLog.id).where(PeerLog.log_id == ChangeLog(session).key(log))
        session.execute(
            delete(PeerWanted)
            .where(PeerWanted.entry_id.in_(ids), PeerWanted.peer_log_id.in_(followed))
            .execution_options(synchronize_session=False)
        )


def reject_erased(
    session: Session, log: str, errors: Sequence[tuple[str, ErasedError]], now: datetime
) -> None:
    """What these entries say was erased here: whoever's row is wanted is passed over, and nobody is asked."""
    followed = select(PeerLog.id).where(PeerLog.log_id == ChangeLog(session).key(log))
    for entry_id, error in errors:
        said = {"code": error.code, "reason": error.message}
        found = session.scalars(
            select(PeerWanted).where(PeerWanted.entry_id == entry_id, PeerWanted.peer_log_id.in_(followed))
        )
        rows = [Rejected(row.peer_log_id, row.sequence, row.entry_id, **said) for row in found]
        # As many as were wanted before, at most.
        _insert_rejected(session, rows, now)
        # It may have been passed over for another reason before.
        session.execute(
            update(PeerRejected)
            .where(PeerRejected.entry_id == entry_id, PeerRejected.peer_log_id.in_(followed))
            .values(said)
            .execution_options(synchronize_session=False)
        )
    forget_wanted(session, log, [entry_id for entry_id, _ in errors])


def mark_erased(session: Session, peer_log_id: int, ids: Sequence[str], now: datetime) -> None:
    """The site of a log said that it erased these entries of it."""
    if ids:
        session.execute(
            update(PeerWanted)
            .where(PeerWanted.peer_log_id == peer_log_id, PeerWanted.entry_id.in_(ids))
            .values(erased_at=now)
            .execution_options(synchronize_session=False)
        )


def first_wanted(session: Session, peer_log_id: int, most: int) -> list[WantedRow]:
    """Rows of a log that are wanted, or that its own site erased, in their order."""
    query = select(PeerWanted).where(PeerWanted.peer_log_id == peer_log_id)
    return [_wanted(row) for row in session.scalars(query.order_by(PeerWanted.sequence).limit(most))]


def last_rejected(session: Session, peer_log_id: int, most: int) -> list[Rejected]:
    """Rows of a log that were passed over, the last ones first."""
    query = select(PeerRejected).where(PeerRejected.peer_log_id == peer_log_id)
    rows = session.scalars(query.order_by(PeerRejected.sequence.desc()).limit(most))
    return [Rejected(row.peer_log_id, row.sequence, row.entry_id, row.code, row.reason) for row in rows]


def newest_erased(session: Session) -> datetime | None:
    """When a peer last said of an entry that is missing here that it erased it."""
    return session.scalar(select(func.max(PeerWanted.erased_at)))


def due_elsewhere(session: Session, peer_id: int, now: datetime) -> list[WantedRow]:
    """What other peers said at one moment that they erased, and this one was not asked for since; all of it.

    Of public logs only: what another log holds is nobody's business but that of its own site.
    """
    marks = (
        select(PeerWanted)
        .join(PeerLog, PeerLog.id == PeerWanted.peer_log_id)
        .join(PeerRow, PeerRow.id == peer_id)
        .where(
            PeerLog.log_id == ChangeLog(session).key(PUBLIC),
            PeerLog.peer_id != peer_id,
            PeerRow.asked_until.is_(None) | (PeerWanted.erased_at > PeerRow.asked_until),
            PeerWanted.erased_at <= now - SETTLED,
        )
    )
    first = session.scalar(marks.with_only_columns(func.min(PeerWanted.erased_at)))
    return [_wanted(row) for row in session.scalars(marks.where(PeerWanted.erased_at == first))]


def note_asked(session: Session, peer_id: int, until: datetime) -> None:
    """Note that a peer was asked for all entries that other peers had reported as erased."""
    session.execute(update(PeerRow).where(PeerRow.id == peer_id).values(asked_until=until))


def printable(text: str) -> str:
    """A text that every database keeps: PostgreSQL takes no NUL."""
    return text.replace("\x00", "\N{SYMBOL FOR NULL}")


def _wanted(row: PeerWanted) -> WantedRow:
    return WantedRow(
        row.peer_log_id,
        row.sequence,
        row.entry_id,
        row.origin,
        row.origin_sequence,
        row.origin_time,
        row.attempts,
        row.erased_at,
    )


def _columns(one: WantedRow | Rejected) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def _later(now: datetime, attempts: int) -> datetime:
    return now + timedelta(seconds=wanted_pause(attempts))
