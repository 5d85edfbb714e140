"""Which mirrors a peer has, as one transaction sees them, and what came of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from marketplace.models import PeerMirror
from marketplace.peers.errors import PeerAddressError
from marketplace.peers.model import Mirror
from marketplace.peers.registry.addresses import parse_address
from marketplace.peers.remote.mirrors import MirrorTally

#: Mirrors of one peer: each is asked in vain once at the most.
MOST_MIRRORS = 8
_MOST_REASON = 500


class MirrorList:
    """The mirrors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, peer_id: int) -> list[Mirror]:
        """The mirrors of a peer in the order they are tried."""
        query = select(PeerMirror).where(PeerMirror.peer_id == peer_id).order_by(PeerMirror.position)
        return [Mirror(row.url, row.bundles, row.failures, row.error) for row in self._session.scalars(query)]

    def set(self, peer_id: int, urls: Sequence[str]) -> None:
        """Make these the mirrors of a peer; one that stays keeps its counts.

        Raises:
            PeerAddressError: one is no http or https URL, or there are too many.
        """
        wanted = list(dict.fromkeys(parse_address(url) for url in urls))
        if len(wanted) > MOST_MIRRORS:
            raise PeerAddressError(f"a peer has at most {MOST_MIRRORS} mirrors")
        known = {mirror.url: mirror for mirror in self.of(peer_id)}
        self._session.execute(delete(PeerMirror).where(PeerMirror.peer_id == peer_id))
        for position, url in enumerate(wanted):
            kept = known.get(url, Mirror(url))
            self._session.execute(
                insert(PeerMirror).values(
                    peer_id=peer_id,
                    url=url,
                    position=position,
                    bundles=kept.bundles,
                    failures=kept.failures,
                    error=kept.error,
                )
            )

    def count(self, peer_id: int, tallies: Mapping[str, MirrorTally]) -> None:
        """Add what came of mirrors; those that are listed no more are passed over."""
        for url, tally in tallies.items():
            values = {
                "bundles": PeerMirror.bundles + tally.bundles,
                "failures": PeerMirror.failures + tally.failures,
            }
            told = {} if tally.error is None else {"error": tally.error[:_MOST_REASON]}
            self._session.execute(
                update(PeerMirror)
                .where(PeerMirror.peer_id == peer_id, PeerMirror.url == url)
                .values(**values, **told)
            )
