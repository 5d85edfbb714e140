"""Every checkpoint that was seen of a peer's log: the memory that a log is held against.

Each of the newest is kept, and older ones the thinner the older they are, so a log of
any length costs some hundred small rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session

from marketplace.models import PeerLog, SeenCheckpoint
from marketplace.peers.model import FollowedLog
from marketplace.peers.registry.row_conversion import read_signed
from marketplace.tlog.checkpoint import SignedCheckpoint

#: Checkpoints of which each is kept, and the rows behind the newest for each row between older ones, about.
NEWEST, SPREAD = 64, 16
#: How many may be there until they are thinned out again.
_MOST = 320


@dataclass(frozen=True, slots=True)
class CheckpointSighting:
    """A checkpoint that was seen.

    Args:
        witness: the site that showed it; empty where the log's own did.
        withheld_at: when the log's own site still showed less; None where it did not.
    """

    origin: str
    size: int
    root: bytes
    note: str
    witness: str
    seen_at: datetime
    withheld_at: datetime | None


def remember(
    session: Session, followed: FollowedLog, signed: SignedCheckpoint, now: datetime, witness: str = ""
) -> datetime:
    """Keep a checkpoint whose signature was verified; one that is known stays as it was seen first.

    Returns:
        when it was seen first.
    """
    head = signed.checkpoint
    same = (*_of(followed), SeenCheckpoint.size == head.size, SeenCheckpoint.root == head.root)
    known = session.scalar(select(SeenCheckpoint.seen_at).where(*same))
    if known is not None:
        return known
    session.execute(
        insert(SeenCheckpoint).values(
            peer_log_id=followed.id,
            origin=followed.origin,
            size=head.size,
            root=head.root,
            note=signed.note.to_bytes().decode(),
            witness=witness,
            seen_at=now,
            settled=False,
        )
    )
    if (session.scalar(select(func.count()).where(*_of(followed))) or 0) > _MOST:
        sizes = session.scalars(select(SeenCheckpoint.size).where(*_of(followed)).distinct()).all()
        session.execute(
            delete(SeenCheckpoint).where(
                *_of(followed), SeenCheckpoint.size.in_(thinned(sizes)), SeenCheckpoint.withheld_at.is_(None)
            )
        )
    return now


def find_another(session: Session, followed: FollowedLog, signed: SignedCheckpoint) -> str | None:
    """The note of another tree of the same size that the log's key signed, if one was seen."""
    return session.scalar(
        select(SeenCheckpoint.note)
        .where(
            *_of(followed),
            SeenCheckpoint.size == signed.checkpoint.size,
            SeenCheckpoint.root != signed.checkpoint.root,
            SeenCheckpoint.settled.is_(False),
        )
        .limit(1)
    )


def find_passes(session: Session, followed: FollowedLog, end: int) -> tuple[SignedCheckpoint, ...]:
    """What was seen between the cursor of a log and a size, the smallest first."""
    notes = session.scalars(
        select(SeenCheckpoint.note)
        .where(
            *_of(followed),
            SeenCheckpoint.size > followed.trusted.reached.size,
            SeenCheckpoint.size < end,
            SeenCheckpoint.settled.is_(False),
        )
        .order_by(SeenCheckpoint.size)
    )
    return tuple(read_signed(note) for note in notes)


def mark_withheld(session: Session, followed: FollowedLog, signed: SignedCheckpoint, now: datetime) -> bool:
    """Note that the log's own site shows less than it signed; returns whether that is new."""
    marked = session.scalars(
        update(SeenCheckpoint)
        .where(
            *_of(followed),
            SeenCheckpoint.size == signed.checkpoint.size,
            SeenCheckpoint.withheld_at.is_(None),
        )
        .values(withheld_at=now)
        .returning(SeenCheckpoint.size)
        .execution_options(synchronize_session=False)
    )
    return marked.first() is not None


def settle(session: Session, peer_log_ids: Iterable[int]) -> None:
    """What was seen of some logs contradicts nothing from now on."""
    session.execute(
        update(SeenCheckpoint)
        .where(SeenCheckpoint.peer_log_id.in_(list(peer_log_ids)))
        .values(settled=True, withheld_at=None)
        .execution_options(synchronize_session=False)
    )


def newest_seen(session: Session, peer_log_id: int, most: int) -> list[CheckpointSighting]:
    """What was seen of a log, the largest first."""
    rows = session.execute(
        select(
            SeenCheckpoint.origin,
            SeenCheckpoint.size,
            SeenCheckpoint.root,
            SeenCheckpoint.note,
            SeenCheckpoint.witness,
            SeenCheckpoint.seen_at,
            SeenCheckpoint.withheld_at,
        )
        .where(SeenCheckpoint.peer_log_id == peer_log_id)
        .order_by(SeenCheckpoint.size.desc(), SeenCheckpoint.seen_at.desc())
        .limit(most)
    )
    return [CheckpointSighting(**row._mapping) for row in rows]


def withheld(session: Session) -> dict[int, int]:
    """By the key of the log, the size that its own site signed and does not show."""
    rows = session.execute(
        select(SeenCheckpoint.peer_log_id, func.max(SeenCheckpoint.size))
        .join(PeerLog, PeerLog.id == SeenCheckpoint.peer_log_id)
        .where(
            SeenCheckpoint.withheld_at.is_not(None),
            SeenCheckpoint.origin == PeerLog.origin,
            SeenCheckpoint.size > PeerLog.covered,
        )
        .group_by(SeenCheckpoint.peer_log_id)
    )
    return {key: size for key, size in rows}  # noqa: C416  # rows are no tuples to mypy


def thinned(sizes: Sequence[int]) -> list[int]:
    """Which of these sizes are forgotten: the newest stay, and older ones at growing distances."""
    ordered = sorted(sizes)
    taken: set[tuple[int, int]] = set()
    forgotten = []
    for size in ordered[:-NEWEST]:
        # One stays in each part of a grid whose lines do not move: were each held against its neighbours,
        # every one would sooner or later be too near to one of them.
        bits = ((ordered[-1] - size) // SPREAD).bit_length()
        part = bits, size >> bits
        if part in taken:
            forgotten.append(size)
        taken.add(part)
    return forgotten


def _of(followed: FollowedLog) -> tuple[ColumnElement[bool], ...]:
    return SeenCheckpoint.peer_log_id == followed.id, SeenCheckpoint.origin == followed.origin
