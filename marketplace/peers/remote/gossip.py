"""Asks each peer which heads it saw of the logs of the others, and hands them to whoever follows those.

A log that shows different sites different things is found out so, whether it asks for cosignatures or
not, and one that shows this site an old head for ever looks like one without news: what it signed elsewhere
tells the difference.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from marketplace.peers.errors import NotAtPeerError
from marketplace.peers.remote.peer_client import PeerClient, ReportedHead
from marketplace.peers.schedule import poll_pause

#: Seconds after which everything is asked for again: who has just begun to follow a log knows nothing of it.
_WHOLE = 60.0

#: Gets each head, and the name of the site that told it.
Tell = Callable[[ReportedHead, str], None]


class HeadGossip:
    """What one peer saw of the others' public logs, on the peer's thread."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name = name
        self._tell = tell
        #: Names of the sites whose public logs the peer reads; None before it told.
        self.sites: frozenset[str] | None = None
        self._tag: str | None = None
        self._at = 0.0
        self._whole_at = 0.0

    def is_due(self) -> bool:
        """Whether the peer should be asked again."""
        return time.monotonic() >= self._at

    def step(self, client: PeerClient) -> None:
        """Ask, unless nothing changed.

        Args:
            client: of the peer.

        Raises:
            ContactError: the peer did not answer as it should.
        """
        now = time.monotonic()
        self._at = now + poll_pause()
        if now >= self._whole_at:
            self._tag, self._whole_at = None, now + _WHOLE
        try:
            told = client.heads(self._tag)
        except NotAtPeerError:
            return  # it tells none
        if told is None:
            return
        self._tag = told.tag
        self.sites = frozenset(head.origin.partition("/")[0] for head in told.heads)
        for head in told.heads:
            self._tell(head, self._name)
