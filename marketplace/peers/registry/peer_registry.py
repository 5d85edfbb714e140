"""The peers as one transaction sees them: added, shown, switched off."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.models import PeerLog, PeerRow
from marketplace.peers.errors import PeerKeyError, PeerNotFoundError, PeerTakenError
from marketplace.peers.model import Peer
from marketplace.peers.registry.addresses import parse_address
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.missing_rows import forget_left_out
from marketplace.peers.registry.row_conversion import read_peer
from marketplace.tlog.note import VerifierKey


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
            raise PeerTakenError(f"{log_key.name} or {address} is already a peer") from None
        peer = self.get(log_key.name)
        FollowedLogs(self._session).follow(peer, f"{peer.name}/{PUBLIC}", PUBLIC)
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
        """Stop or go on pulling from a peer; what came from it stays, and nobody is asked for the rest.

        Raises:
            PeerNotFoundError: there is none.
        """
        peer = self.get(name)
        self._session.execute(update(PeerRow).where(PeerRow.id == peer.id).values(disabled=disabled))
        if disabled:
            logs = self._session.scalars(select(PeerLog.id).where(PeerLog.peer_id == peer.id))
            forget_left_out(self._session, logs.all())
        return self.get(name)

    def note_contact(self, peer_id: int, now: datetime, clock_offset: int | None) -> None:
        """Remember that a peer answered."""
        self._session.execute(
            update(PeerRow).where(PeerRow.id == peer_id).values(contacted_at=now, clock_offset=clock_offset)
        )

    def note_follows(self, peer_id: int, *, follows: bool) -> None:
        """Remember whether a peer says that it reads the public log of this site."""
        self._session.execute(update(PeerRow).where(PeerRow.id == peer_id).values(follows=follows))

    def _select(self, *conditions: ColumnElement[bool]) -> list[Peer]:
        rows = self._session.scalars(
            select(PeerRow)
            .where(*conditions)
            .order_by(PeerRow.name)
            .execution_options(populate_existing=True)
        )
        return [read_peer(row) for row in rows]
