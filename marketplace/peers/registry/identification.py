"""Tells which peer is asking, by the assertion it shows, and what it may read here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from marketplace.access.principal import PUBLIC, Principal, Scope
from marketplace.db import Database
from marketplace.federation.keys import SiteKeys
from marketplace.peers.errors import PeerNotFoundError
from marketplace.peers.model import Peer
from marketplace.peers.registry.assertions import UnprovenAssertionError, verify_assertion
from marketplace.peers.registry.grants import Grants
from marketplace.peers.registry.peer_registry import Peers
from marketplace.tlog.note import VerifierKey

#: In front of a peer's name where principals of all kinds are told apart.
PREFIX = "peer:"


class PeerIdentification:
    """Identifies peers.

    Args:
        keys: of this site; None where it has none, so that nothing can be meant for it.
        clock: returns the time as an aware datetime.
    """

    def __init__(self, database: Database, keys: SiteKeys | None, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    def principal_of(self, assertion: str) -> Principal:
        """The peer that an assertion is of, with the public log and those granted to it.

        Raises:
            UnprovenAssertionError: it proves nothing.
        """
        if self._keys is None:
            raise UnprovenAssertionError(
                "this site has no site keys, so no assertion can be addressed to it: make "
                "keys with `marketplace peer init`"
            )
        with self._database.read() as session:
            peers = Peers(session)
            found: dict[str, Peer] = {}

            def find_key(site: str) -> VerifierKey | None:
                try:
                    peer = found[site] = peers.get(site)
                except PeerNotFoundError:
                    return None
                return None if peer.disabled else peer.auth_key

            site = verify_assertion(assertion, find_key, self._keys.site, self._clock())
            logs = frozenset({PUBLIC, *Grants(session).granted(found[site].id)})
        name = PREFIX + site
        return Principal(name, logs, frozenset({Scope.PEER}), token=name)
