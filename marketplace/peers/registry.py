"""The peers as one transaction sees them: added, shown, switched off, released, granted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.changes import ChangeLog
from marketplace.models import Log, PeerEvidence, PeerGrant, PeerLog, PeerRejected, PeerWanted
from marketplace.models import Peer as PeerRow
from marketplace.peers import checkpoints
from marketplace.peers.errors import PeerError
from marketplace.peers.sites import Evidence, FollowedLog, Peer, Standing, State
from marketplace.peers.trusted_log import EMPTY, TrustedLog
from marketplace.tlog.checkpoint import SignedCheckpoint, parse_checkpoint
from marketplace.tlog.encoding import HASH_SIZE
from marketplace.tlog.merkle import Frontier
from marketplace.tlog.note import VerifierKey, is_key_name, parse_note, parse_verifier_key

_MAX_URL = 2000
#: A log of which nothing was read.
_START: Mapping[str, Any] = {
    "state": State.NEW.value,
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


class PeerNotFoundError(PeerError):
    """There is no peer of that name."""

    code = "peer.unknown"


class PeerTakenError(PeerError):
    """There is a peer of that name or address already."""

    code = "peer.taken"


class PeerAddressError(PeerError):
    """The address is none that a peer can have."""

    code = "peer.address"


class GrantError(PeerError):
    """A log cannot be granted."""

    code = "peer.grant"


class PeerKeyError(PeerError):
    """The keys given for a peer do not fit."""

    code = "peer.key"


@dataclass(frozen=True, slots=True)
class Trouble:
    """How many rows of a log are wanted and were rejected."""

    wanted: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Standings:
    """How everything stands that is followed.

    Args:
        logs: by the key of the peer.
        wanted: whether any body is missing.
    """

    logs: Mapping[int, frozenset[Standing]]
    wanted: bool


class Peers:
    """The registry."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, url: str, log_key: VerifierKey, auth_key: VerifierKey | None, now: datetime) -> Peer:
        """Begin to follow a site.

        Raises:
            PeerAddressError: the address is no http or https URL.
            PeerKeyError: the auth key is of another site.
            PeerTakenError: name or address are taken.
        """
        address = parse_address(url)
        if auth_key is not None and auth_key.name.partition("/")[0] != log_key.name:
            raise PeerKeyError(f"the auth key is of {auth_key.name!r} and the log key of {log_key.name!r}")
        values = {
            "name": log_key.name,
            "url": address,
            "log_key": str(log_key),
            "auth_key": None if auth_key is None else str(auth_key),
            "added_at": now,
            "disabled": False,
        }
        try:
            with self._session.begin_nested():
                self._session.execute(insert(PeerRow).values(values))
        except IntegrityError:
            raise PeerTakenError(f"{log_key.name} or {address} is a peer already") from None
        peer = self.get(log_key.name)
        self.follow(peer, f"{peer.name}/{PUBLIC}", PUBLIC)
        return peer

    def get(self, name: str) -> Peer:
        """A peer by its name.

        Raises:
            PeerNotFoundError: there is none.
        """
        for peer in self._select(PeerRow.name == name):
            return peer
        raise PeerNotFoundError(f"there is no peer named {name[:80]!r}")

    def all(self) -> list[Peer]:
        """Every peer, by name."""
        return self._select()

    def switch(self, name: str, *, disabled: bool) -> Peer:
        """Stop or go on pulling from a peer; what came from it stays.

        Raises:
            PeerNotFoundError: there is none.
        """
        peer = self.get(name)
        self._session.execute(update(PeerRow).where(PeerRow.id == peer.id).values(disabled=disabled))
        return self.get(name)

    def note_contact(self, peer_id: int, now: datetime, clock_offset: int | None) -> None:
        """Remember that a peer answered."""
        self._session.execute(
            update(PeerRow).where(PeerRow.id == peer_id).values(contacted_at=now, clock_offset=clock_offset)
        )

    def logs(self, peer_id: int | None = None) -> list[FollowedLog]:
        """The logs that are followed: of one peer, or all."""
        query = select(PeerLog, Log.name).join(Log, Log.id == PeerLog.log_id).order_by(PeerLog.id)
        if peer_id is not None:
            query = query.where(PeerLog.peer_id == peer_id)
        return [_followed(row, name) for row, name in self._session.execute(query)]

    def standings(self) -> Standings:
        """How all the logs stand that are followed."""
        rows = self._session.execute(
            select(PeerLog.peer_id, PeerLog.id, PeerLog.origin, PeerLog.state, PeerLog.reached)
        )
        logs: dict[int, set[Standing]] = {}
        for peer_id, key, origin, state, reached in rows:
            logs.setdefault(peer_id, set()).add(Standing(key, origin, State(state), reached))
        wanted = self._session.scalar(select(PeerWanted.peer_log_id).limit(1)) is not None
        return Standings({key: frozenset(found) for key, found in logs.items()}, wanted)

    def log(self, peer_log_id: int) -> FollowedLog:
        """One of them.

        Raises:
            PeerNotFoundError: it is not followed any more.
        """
        query = (
            select(PeerLog, Log.name)
            .join(Log, Log.id == PeerLog.log_id)
            .where(PeerLog.id == peer_log_id)
            .execution_options(populate_existing=True)
        )
        found = self._session.execute(query).one_or_none()
        if found is None:
            raise PeerNotFoundError("the log is not followed any more")
        return _followed(*found)

    def follow(self, peer: Peer, origin: str, log: str) -> FollowedLog:
        """Begin to follow a log of a peer; one that is followed stays as it is.

        Args:
            log: name of the local log that its entries go into.
        """
        for known in self.logs(peer.id):
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
        return self.log(created)

    def meet_public(self, peer: Peer, origin: str) -> None:
        """Learn the name of a peer's public log, as long as nothing was read of it.

        Later another name is a new epoch, which only the operator can accept.
        """
        for known in self.logs(peer.id):
            unread = known.trusted.newest is None and known.trusted.proven.size == 0
            if known.log == PUBLIC and unread and known.state is not State.QUARANTINED:
                self.rename(known, origin)

    def accept_epoch(self, name: str, origin: str) -> None:
        """Go on with a peer's public log under another name, from its first row.

        Raises:
            PeerNotFoundError: there is no such peer.
            PeerAddressError: the name is none of a log of this peer.
        """
        peer = self.get(name)
        if not origin.startswith(f"{peer.name}/{PUBLIC}/e") or not is_key_name(origin):
            raise PeerAddressError(f"{origin[:80]!r} is no epoch of {peer.name}/{PUBLIC}")
        for known in self.logs(peer.id):
            if known.log == PUBLIC:
                for table in (PeerWanted, PeerRejected):
                    self._session.execute(delete(table).where(table.peer_log_id == known.id))
                self.rename(known, origin)

    def rename(self, followed: FollowedLog, origin: str) -> None:
        """Follow a log under another name, from its first row; nothing happens where it has that name."""
        if followed.origin == origin:
            return
        self._session.execute(
            update(PeerLog).where(PeerLog.id == followed.id).values(origin=origin, **_START)
        )

    def release(self, name: str) -> list[FollowedLog]:
        """Let a quarantined peer be pulled again, from what was proven last.

        The checkpoint that was believed is forgotten with the rows behind the
        proven ones: the operator has looked at the evidence, which stays.

        Raises:
            PeerNotFoundError: there is none.
        """
        peer = self.get(name)
        released = []
        for followed in self.logs(peer.id):
            if followed.state is State.QUARANTINED:
                values = {
                    "state": State.NEW.value,
                    "failures": 0,
                    "error_code": None,
                    "error": None,
                    "note": None,
                    "covered": followed.trusted.proven.size,
                }
                self._session.execute(update(PeerLog).where(PeerLog.id == followed.id).values(**values))
                released.append(self.log(followed.id))
        checkpoints.settle(self._session, [one.id for one in released])
        return released

    def restart(self, name: str) -> None:
        """Read every log of a peer again from its first row; what is here already costs nothing.

        Raises:
            PeerNotFoundError: there is none.
        """
        peer = self.get(name)
        for followed in self.logs(peer.id):
            for table in (PeerWanted, PeerRejected):
                self._session.execute(delete(table).where(table.peer_log_id == followed.id))
        checkpoints.settle(self._session, [followed.id for followed in self.logs(peer.id)])
        self._session.execute(update(PeerLog).where(PeerLog.peer_id == peer.id).values(**_START))

    def trouble(self) -> dict[int, Trouble]:
        """What is wanted and rejected, by the key of the log."""
        wanted = self._counts(PeerWanted)
        rejected = self._counts(PeerRejected)
        return {
            key: Trouble(wanted.get(key, 0), rejected.get(key, 0)) for key in wanted.keys() | rejected.keys()
        }

    def withheld(self) -> dict[int, int]:
        """By the key of the log, the rows that its site signed for elsewhere and does not show."""
        return checkpoints.withheld(self._session)

    def checkpoints(self, peer_log_id: int, most: int) -> list[checkpoints.Seen]:
        """The checkpoints that were seen of a log, the largest first."""
        return checkpoints.newest_seen(self._session, peer_log_id, most)

    def evidence(self, peer_id: int) -> list[Evidence]:
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
        return [Evidence(*row) for row in rows]

    def grant(self, log: str, name: str, now: datetime) -> None:
        """Let a peer read a log; a grant that stands stays.

        Raises:
            PeerNotFoundError: there is no such peer.
            LogNotFoundError: there is no such log.
            GrantError: what came from another site is not handed on, and a peer without an auth key
                cannot prove who it is.
        """
        peer, log_id = self.get(name), ChangeLog(self._session).key(log)
        if peer.auth_key is None:
            raise GrantError(f"{name} has no auth key here, so it cannot prove who it is")
        if self._session.scalar(select(PeerLog.id).where(PeerLog.log_id == log_id).limit(1)) is not None:
            raise GrantError("this log came from another site, which alone says who may read it")
        granted = PeerGrant.peer_id == peer.id, PeerGrant.log_id == log_id
        if self._session.scalar(select(PeerGrant.peer_id).where(*granted)) is None:
            self._session.execute(insert(PeerGrant).values(peer_id=peer.id, log_id=log_id, granted_at=now))

    def revoke(self, log: str, name: str) -> None:
        """Take a grant back. What was delivered cannot be recalled.

        Raises:
            PeerNotFoundError: there is no such peer.
            LogNotFoundError: there is no such log.
            GrantError: there is no such grant.
        """
        peer, log_id = self.get(name), ChangeLog(self._session).key(log)
        gone = self._session.scalar(
            delete(PeerGrant)
            .where(PeerGrant.peer_id == peer.id, PeerGrant.log_id == log_id)
            .returning(PeerGrant.peer_id)
        )
        if gone is None:
            raise GrantError(f"{name} may not read this log anyway")

    def granted(self, peer_id: int) -> list[str]:
        """Names of the logs that a peer may read beside the public one."""
        query = (
            select(Log.name).join(PeerGrant, PeerGrant.log_id == Log.id).where(PeerGrant.peer_id == peer_id)
        )
        return list(self._session.scalars(query.order_by(Log.name)))

    def _select(self, *conditions: ColumnElement[bool]) -> list[Peer]:
        rows = self._session.scalars(
            select(PeerRow)
            .where(*conditions)
            .order_by(PeerRow.name)
            .execution_options(populate_existing=True)
        )
        return [_peer(row) for row in rows]

    def _counts(self, table: type[PeerWanted] | type[PeerRejected]) -> dict[int, int]:
        rows = self._session.execute(select(table.peer_log_id, func.count()).group_by(table.peer_log_id))
        return {key: count for key, count in rows}  # noqa: C416  # rows are no tuples to mypy


def parse_address(text: str) -> str:
    """A peer's base URL.

    Raises:
        PeerAddressError: it is no http or https URL, or has more than host, port and path.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise PeerAddressError("the peer's address is no URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or len(text) > _MAX_URL:
        raise PeerAddressError("the peer's address must be an http or https URL")
    if parts.username is not None or parts.query or parts.fragment or not text.isascii() or port == 0:
        raise PeerAddressError("the peer's address has a host, a port and a path and nothing else")
    if not text.isprintable() or " " in text:
        raise PeerAddressError("the peer's address holds characters that no URL has")
    return text.rstrip("/")


def frontier_bytes(frontier: Frontier) -> bytes:
    """A frontier as the database keeps it."""
    return b"".join(frontier.hashes)


def _frontier(size: int, data: bytes) -> Frontier:
    if size == 0:
        return EMPTY
    return Frontier(size, tuple(data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)))


@lru_cache(1024)
def _key(text: str) -> VerifierKey:
    # The list of peers is read every few seconds.
    return parse_verifier_key(text)


def _peer(row: PeerRow) -> Peer:
    return Peer(
        row.id,
        row.name,
        row.url,
        _key(row.log_key),
        None if row.auth_key is None else _key(row.auth_key),
        row.added_at,
        row.disabled,
        row.contacted_at,
        row.clock_offset,
    )


def _followed(row: PeerLog, log: str) -> FollowedLog:
    trusted = TrustedLog(
        row.origin,
        None if row.note is None else _read_note(row.note),
        _frontier(row.proven, row.proven_frontier),
        _frontier(row.reached, row.reached_frontier),
    )
    return FollowedLog(
        row.id,
        row.peer_id,
        log,
        State(row.state),
        trusted,
        row.failures,
        row.error_code,
        row.error,
        row.failed_at,
        row.succeeded_at,
        row.compared_at,
        row.entries,
        row.received,
    )


def _read_note(text: str) -> SignedCheckpoint:
    note = parse_note(text.encode())
    return SignedCheckpoint(parse_checkpoint(note.text), note)
