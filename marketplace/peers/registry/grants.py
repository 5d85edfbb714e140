"""Which peers may read which private logs of this site."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from marketplace.changes import ChangeLog
from marketplace.models import Log, PeerGrant, PeerLog
from marketplace.peers.errors import GrantError
from marketplace.peers.model import Peer


class Grants:
    """The grants as one transaction sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def grant(self, log: str, peer: Peer, now: datetime) -> None:
        """Let a peer read a log; a grant that stands stays.

        Raises:
            LogNotFoundError: there is no such log.
            GrantError: what came from another site is not handed on, and a peer without an auth key
                cannot prove who it is.
        """
        log_id = ChangeLog(self._session).key(log)
        if peer.auth_key is None:
            raise GrantError(
                f"{peer.name} has no auth key here and cannot prove who it is: a peer needs --auth-key when "
                "it is added (marketplace peer add)"
            )
        if self._session.scalar(select(PeerLog.id).where(PeerLog.log_id == log_id).limit(1)) is not None:
            raise GrantError("this log came from another site: only that site decides who may read it")
        granted = PeerGrant.peer_id == peer.id, PeerGrant.log_id == log_id
        if self._session.scalar(select(PeerGrant.peer_id).where(*granted)) is None:
            self._session.execute(insert(PeerGrant).values(peer_id=peer.id, log_id=log_id, granted_at=now))

    def revoke(self, log: str, peer: Peer) -> None:
        """Take a grant back. What was delivered cannot be recalled.

        Raises:
            LogNotFoundError: there is no such log.
            GrantError: there is no such grant.
        """
        log_id = ChangeLog(self._session).key(log)
        gone = self._session.scalar(
            delete(PeerGrant)
            .where(PeerGrant.peer_id == peer.id, PeerGrant.log_id == log_id)
            .returning(PeerGrant.peer_id)
        )
        if gone is None:
            raise GrantError(f"{peer.name} has no permission to read this log")

    def granted(self, peer_id: int) -> list[str]:
        """Names of the logs that a peer may read beside the public one."""
        query = (
            select(Log.name).join(PeerGrant, PeerGrant.log_id == Log.id).where(PeerGrant.peer_id == peer_id)
        )
        return list(self._session.scalars(query.order_by(Log.name)))
