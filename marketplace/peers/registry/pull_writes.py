"""What a pull writes: in the transaction of the entries it brings, or alone where it brings none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, insert, select, update
from sqlalchemy.orm import Session

from marketplace.changes import ChangeLog
from marketplace.events import Happening, Kind, record
from marketplace.ingest import ErasedError, IngestError
from marketplace.ingest.items import IngestResult
from marketplace.models import ChangeRow, Entry, PeerEvidence, PeerLog
from marketplace.peers.errors import PeerError
from marketplace.peers.model import FollowedLog, PullState, Rejected, WantedRow
from marketplace.peers.registry.checkpoints import remember
from marketplace.peers.registry.missing_rows import (
    add_rejected,
    add_wanted,
    forget_left_out,
    forget_wanted,
    printable,
    reject_erased,
)
from marketplace.peers.registry.row_conversion import frontier_bytes
from marketplace.tlog.checkpoint import SignedCheckpoint
from marketplace.tlog.following import IntegrityError, TrustedLog

#: Characters of what a peer sent that are kept as evidence, and of a reason.
_MOST_EVIDENCE = 64 * 1024
_MOST_REASON = 500


class MovedError(PeerError, code="peer.moved"):
    """Somebody else pulled the log, or quarantined it, since it was read: start again from what is there."""


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """The outcome of a page of a followed log.

    Args:
        followed: the log as it was read.
        trusted: the log behind the page.
        wanted: rows whose body did not come.
        rejected: rows that were passed over.
        accepted: ids of the entries that are here now.
        created: how many of them are new.
        received: bytes read over the network for it.
    """

    followed: FollowedLog
    trusted: TrustedLog
    wanted: Sequence[WantedRow]
    rejected: Sequence[Rejected]
    accepted: Sequence[str]
    created: int
    received: int


def known_ids(session: Session, log: str, ids: Sequence[str]) -> set[str]:
    """The entry ids, of those given, that a local log has."""
    log_id = ChangeLog(session).key(log)
    # As a join, SQLite reads the whole log and looks which of its entries are among these.
    stands = exists().where(ChangeRow.log_id == log_id, ChangeRow.entry_key == Entry.id)
    return set(session.scalars(select(Entry.entry_id).where(Entry.entry_id.in_(ids), stands)))


def save_step(session: Session, step: PageOutcome, now: datetime) -> None:
    """Move the cursor and the frontiers, and note what was left out.

    Raises:
        MovedError: the cursor is not where it was.
        WithheldError: too much of what it names is missing here.
    """
    behind = step.trusted.behind
    state = PullState.TAILING if behind == 0 else PullState.BOOTSTRAP
    values = _position(step.trusted) | {
        "state": state.value,
        "entries": PeerLog.entries + step.created,
        "received": PeerLog.received + step.received,
    }
    if behind == 0:
        values |= _success(now)
    _move(session, step.followed, values)
    # What somebody else brought since the page was read is missed no more.
    here = known_ids(session, step.followed.log, [one.entry_id for one in step.wanted]) if step.wanted else ()
    wanted = [one for one in step.wanted if one.entry_id not in here]
    add_wanted(session, step.followed.peer_id, wanted, now)
    add_rejected(session, step.followed.peer_id, step.rejected, now)
    forget_wanted(session, step.followed.log, step.accepted)
    if step.trusted.newest is not None:
        remember(session, step.followed, step.trusted.newest, now)


def save_head(
    session: Session, followed: FollowedLog, trusted: TrustedLog, received: int, now: datetime
) -> None:
    """Note that the log was looked at and that everything it covers is here.

    Raises:
        MovedError: the cursor is not where it was.
    """
    values = _position(trusted) | _success(now)
    _move(
        session,
        followed,
        values | {"state": PullState.TAILING.value, "received": PeerLog.received + received},
    )
    if trusted.newest is not None:
        remember(session, followed, trusted.newest, now)


def save_seen(session: Session, followed: FollowedLog, signed: SignedCheckpoint, now: datetime) -> None:
    """Keep a head whose rows did not come: the log must never go back behind it."""
    size = signed.checkpoint.size
    session.execute(
        update(PeerLog)
        .where(
            PeerLog.id == followed.id,
            PeerLog.origin == followed.origin,
            PeerLog.covered < size,
            PeerLog.state != PullState.QUARANTINED.value,
        )
        .values(covered=size, note=signed.note.to_bytes().decode())
        .execution_options(synchronize_session=False)
    )
    remember(session, followed, signed, now)


def save_failure(
    session: Session, followed: FollowedLog, error: PeerError | IngestError, now: datetime
) -> None:
    """Note that an attempt failed."""
    session.execute(
        update(PeerLog)
        .where(PeerLog.id == followed.id, PeerLog.state != PullState.QUARANTINED.value)
        .values(
            state=PullState.BACKOFF.value,
            failures=PeerLog.failures + 1,
            error_code=error.code,
            error=error.message[:_MOST_REASON],
            failed_at=now,
        )
    )


def save_quarantine(session: Session, followed: FollowedLog, error: IntegrityError, now: datetime) -> None:
    """Stop pulling the log, keep the evidence and go back to what was proven; ask nobody for its rows."""
    proven = followed.trusted.proven
    session.execute(
        update(PeerLog)
        .where(PeerLog.id == followed.id)
        .values(
            state=PullState.QUARANTINED.value,
            reached=proven.size,
            reached_frontier=frontier_bytes(proven),
            failures=PeerLog.failures + 1,
            error_code=error.code,
            error=error.message[:_MOST_REASON],
            failed_at=now,
        )
    )
    forget_left_out(session, [followed.id])
    save_evidence(session, followed, error, now)
    details = {"origin": followed.origin, "code": error.code}
    log_id = ChangeLog(session).key(followed.log)
    record(session, [Happening(Kind.QUARANTINED, log_id, now, details=details)])


def save_evidence(session: Session, followed: FollowedLog, error: IntegrityError, now: datetime) -> None:
    """Keep the evidence that a log contradicts itself."""
    session.execute(
        insert(PeerEvidence).values(
            peer_log_id=followed.id,
            found_at=now,
            code=error.code,
            message=error.message[:_MOST_REASON],
            first=_kept(error.first),
            second=_kept(error.second),
        )
    )


def save_comparison(
    session: Session, followed: FollowedLog, outcomes: Mapping[str, IngestResult | Exception], now: datetime
) -> None:
    """Note that the sets were compared, and what became of what was missing, by the ids of the entries."""
    taken = [one for one in outcomes.values() if isinstance(one, IngestResult)]
    session.execute(
        update(PeerLog)
        .where(PeerLog.id == followed.id)
        .values(compared_at=now, entries=PeerLog.entries + sum(one.outcome == "created" for one in taken))
    )
    forget_wanted(session, followed.log, [one.entry_id for one in taken])
    reject_erased(session, followed.log, erased_of(outcomes), now)


def erased_of(outcomes: Mapping[str, IngestResult | Exception]) -> list[tuple[str, ErasedError]]:
    """Which entries this site does not take because what they say was erased."""
    return [(one, error) for one, error in outcomes.items() if isinstance(error, ErasedError)]


def _move(session: Session, followed: FollowedLog, values: dict[str, Any]) -> None:
    moved = session.scalar(
        update(PeerLog)
        .where(
            PeerLog.id == followed.id,
            PeerLog.reached == followed.trusted.reached.size,
            PeerLog.proven == followed.trusted.proven.size,
            PeerLog.state != PullState.QUARANTINED.value,
        )
        .values(**values)
        .returning(PeerLog.id)
        .execution_options(synchronize_session=False)
    )
    if moved is None:
        raise MovedError("another process pulled or stopped the log")


def _position(trusted: TrustedLog) -> dict[str, Any]:
    newest = trusted.newest
    return {
        "reached": trusted.reached.size,
        "reached_frontier": frontier_bytes(trusted.reached),
        "proven": trusted.proven.size,
        "proven_frontier": frontier_bytes(trusted.proven),
        "covered": trusted.reached.size if newest is None else newest.checkpoint.size,
        "note": None if newest is None else newest.note.to_bytes().decode(),
    }


def _success(now: datetime) -> dict[str, Any]:
    return {"succeeded_at": now, "failures": 0, "error_code": None, "error": None}


def _kept(text: str) -> str:
    return printable(text[:_MOST_EVIDENCE])
