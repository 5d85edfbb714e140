"""The logs of peers as one transaction sees them: followed, renamed, released, read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from marketplace.access.principal import PUBLIC
from marketplace.changes import ChangeLog
from marketplace.models import Log, PeerEvidence, PeerLog, PeerRejected, PeerWanted
from marketplace.peers.errors import PeerAddressError, PeerNotFoundError
from marketplace.peers.model import (
    FollowedLog,
    FollowingState,
    Peer,
    PeerContradiction,
    PullState,
    Standings,
    Trouble,
)
from marketplace.peers.registry import checkpoints
from marketplace.peers.registry.missing_rows import forget_left_out, newest_erased
from marketplace.peers.registry.row_conversion import read_followed
from marketplace.tlog.note import is_key_name

#: A log of which nothing was read.
_START: Mapping[str, Any] = {
    "state": PullState.NEW.value,
    "failures": 0,
    "error_code": None,
    "error": None,
    "note": None,
    "covered": 0,
    "reached": 0,
    "reached_frontier": b"",
    "proven": 0,
    "proven_frontier": b"",
}


class FollowedLogs:
    """The logs that this site follows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def all(self) -> list[FollowedLog]:
        """All followed logs."""
        return self._select()

    def of(self, peer_id: int) -> list[FollowedLog]:
        """The followed logs of a peer."""
        return self._select(PeerLog.peer_id == peer_id)

    def standings(self) -> Standings:
        """How all the logs stand that are followed."""
        rows = self._session.execute(
            select(PeerLog.peer_id, PeerLog.id, PeerLog.origin, PeerLog.state, PeerLog.reached)
        )
        logs: dict[int, set[FollowingState]] = {}
        for peer_id, key, origin, state, reached in rows:
            logs.setdefault(peer_id, set()).add(FollowingState(key, origin, PullState(state), reached))
        missing = select(PeerWanted.peer_log_id).where(PeerWanted.erased_at.is_(None)).limit(1)
        return Standings(
            {key: frozenset(found) for key, found in logs.items()},
            self._session.scalar(missing) is not None,
            newest_erased(self._session),
        )

    def get(self, peer_log_id: int) -> FollowedLog:
        """One followed log.

        Raises:
            PeerNotFoundError: it is not followed any more.
        """
        for followed in self._select(PeerLog.id == peer_log_id):
            return followed
        raise PeerNotFoundError("the log is not followed any more")

    def follow(self, peer: Peer, origin: str, log: str) -> FollowedLog:
        """Begin to follow a log of a peer; one that is followed stays as it is.

        Args:
            log: name of the local log that its entries go into.
        """
        for known in self.of(peer.id):
            if known.origin == origin:
                return known
        created = self._session.execute(
            insert(PeerLog)
            .values(
                peer_id=peer.id,
                origin=origin,
                log_id=ChangeLog(self._session).key(log),
                entries=0,
                received=0,
                **_START,
            )
            .returning(PeerLog.id)
        ).scalar_one()
        return self.get(created)

    def meet_public(self, peer: Peer, origin: str) -> None:
        """Learn the name of a peer's public log, as long as nothing was read of it.

        Later another name is a new epoch, which only the operator can accept.
        """
        for known in self.of(peer.id):
            unread = known.trusted.newest is None and known.trusted.proven.size == 0
            if known.log == PUBLIC and unread and known.state is not PullState.QUARANTINED:
                self.rename(known, origin)

    def accept_epoch(self, peer: Peer, origin: str) -> None:
        """Go on with a peer's public log under another name, from its first row.

        Raises:
            PeerAddressError: the name is none of a log of this peer.
        """
        if not origin.startswith(f"{peer.name}/{PUBLIC}/e") or not is_key_name(origin):
            raise PeerAddressError(f"{origin[:80]!r} is not an epoch of {peer.name}/{PUBLIC}")
        for known in self.of(peer.id):
            if known.log == PUBLIC:
                forget_left_out(self._session, [known.id])
                self.rename(known, origin)

    def rename(self, followed: FollowedLog, origin: str) -> None:
        """Follow a log under another name, from its first row; nothing happens where it has that name."""
        if followed.origin == origin:
            return
        self._session.execute(
            update(PeerLog).where(PeerLog.id == followed.id).values(origin=origin, **_START)
        )

    def release(self, peer: Peer) -> list[FollowedLog]:
        """Let a quarantined peer be pulled again, from what was proven last.

        The checkpoint that was believed is forgotten with the rows behind the
        proven ones: the operator has looked at the evidence, which stays.
        """
        released = []
        for followed in self.of(peer.id):
            if followed.state is PullState.QUARANTINED:
                values = {
                    "state": PullState.NEW.value,
                    "failures": 0,
                    "error_code": None,
                    "error": None,
                    "note": None,
                    "covered": followed.trusted.proven.size,
                }
                self._session.execute(update(PeerLog).where(PeerLog.id == followed.id).values(**values))
                released.append(self.get(followed.id))
        checkpoints.settle(self._session, [one.id for one in released])
        return released

    def restart(self, peer: Peer) -> None:
        """Read every log of a peer again from its first row; what is here already costs nothing."""
        keys = [followed.id for followed in self.of(peer.id)]
        forget_left_out(self._session, keys)
        checkpoints.settle(self._session, keys)
        self._session.execute(update(PeerLog).where(PeerLog.peer_id == peer.id).values(**_START))

    def trouble(self) -> dict[int, Trouble]:
        """What is wanted and rejected, and what its own site erased, by the key of the log."""
        wanted = self._counts(PeerWanted.peer_log_id, PeerWanted.erased_at.is_(None))
        erased = self._counts(PeerWanted.peer_log_id, PeerWanted.erased_at.is_not(None))
        rejected = self._counts(PeerRejected.peer_log_id)
        return {
            key: Trouble(wanted.get(key, 0), rejected.get(key, 0), erased.get(key, 0))
            for key in wanted.keys() | rejected.keys() | erased.keys()
        }

    def evidence(self, peer_id: int) -> list[PeerContradiction]:
        """Everything kept against a peer, the newest first."""
        rows = self._session.execute(
            select(
                PeerLog.origin,
                PeerEvidence.found_at,
                PeerEvidence.code,
                PeerEvidence.message,
                PeerEvidence.first,
                PeerEvidence.second,
            )
            .join(PeerLog, PeerLog.id == PeerEvidence.peer_log_id)
            .where(PeerLog.peer_id == peer_id)
            .order_by(PeerEvidence.id.desc())
        )
        return [PeerContradiction(**row._mapping) for row in rows]

    def _select(self, *conditions: ColumnElement[bool]) -> list[FollowedLog]:
        query = (
            select(PeerLog, Log.name)
            .join(Log, Log.id == PeerLog.log_id)
            .where(*conditions)
            .order_by(PeerLog.id)
            .execution_options(populate_existing=True)
        )
        return [read_followed(row, name) for row, name in self._session.execute(query)]

    def _counts(self, key: InstrumentedAttribute[int], *conditions: ColumnElement[bool]) -> dict[int, int]:
        rows = self._session.execute(select(key, func.count()).where(*conditions).group_by(key))
        return {key: count for key, count in rows}  # noqa: C416  # rows are no tuples to mypy
