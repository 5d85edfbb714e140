"""Asks each peer, as a witness, what it saw of the logs of the others.

A log that shows different sites different things is seen so, and one that shows this
site an old head for ever looks like one without news: what it signed elsewhere tells the difference.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from marketplace.access.principal import PUBLIC
from marketplace.peers.checkpoints import find_another, mark_withheld, remember
from marketplace.peers.errors import ContactError
from marketplace.peers.feed import PeerFeed
from marketplace.peers.followed_logs import FollowedLogs
from marketplace.peers.progress import save_evidence, save_quarantine
from marketplace.peers.pull import Means
from marketplace.peers.registry import Peers
from marketplace.peers.sites import FollowedLog, Peer, State
from marketplace.tlog.checkpoint import SignedCheckpoint
from marketplace.tlog.following import FrozenError, IntegrityError, SplitViewError

#: Time that a head may be known elsewhere before its own site must show it: caches hold one for a second.
PATIENCE = timedelta(seconds=3)

_logger = logging.getLogger(__name__)


class HeadGossip:
    """What one peer saw of the others' public logs: one log at each step, as there may be many."""

    def __init__(self, means: Means, peer: Peer) -> None:
        self._means = means
        self._peer = peer
        self._turn = 0

    def step(self, feed: PeerFeed) -> None:
        """Ask about the next log.

        Args:
            feed: of the peer.

        Raises:
            ContactError: the peer did not answer as a witness does.
        """
        with self._means.database.read() as session:
            owners = {
                one.id: one for one in Peers(session).all() if one.id != self._peer.id and not one.disabled
            }
            logs = [one for one in FollowedLogs(session).all() if one.log == PUBLIC and one.peer_id in owners]
        if not logs:
            return
        followed = logs[self._turn % len(logs)]
        self._turn += 1
        owner = owners[followed.peer_id]
        signed = feed.witnessed(followed.origin, owner.log_key.named(followed.origin))
        if signed is not None and followed.state is not State.QUARANTINED:
            self.hold(followed, owner, signed)

    def hold(self, followed: FollowedLog, owner: Peer, signed: SignedCheckpoint) -> None:
        """Hold a log against a head that its key signed and somebody else saw."""
        now = self._means.clock()
        with self._means.database.write() as session:
            followed = FollowedLogs(session).get(followed.id)
            another = find_another(session, followed, signed)
            since = remember(session, followed, signed, now, self._peer.name)
            if another is not None:
                error = SplitViewError(
                    f"{self._peer.name} saw another tree of {signed.checkpoint.size} rows than this site",
                    another,
                    signed.note.to_bytes().decode(),
                )
                _logger.error("a peer's log is quarantined: %s", error, extra={"peer": owner.name})
                save_quarantine(session, followed, error, now)
                return
        if _covered(followed) < signed.checkpoint.size and now - since >= PATIENCE:
            self._ask_owner(followed, owner, signed)

    def _ask_owner(self, followed: FollowedLog, owner: Peer, signed: SignedCheckpoint) -> None:
        """Whether the log's own site still shows less than it signed."""
        feed = PeerFeed(owner.url)
        try:
            shown = feed.head(PUBLIC, owner.log_key.named(followed.origin), None)
        except (ContactError, IntegrityError) as error:
            # The pull of that log meets the same, and notes it.
            _logger.info("a log cannot be asked for its head: %s", error, extra={"peer": owner.name})
            return
        finally:
            feed.close()
        if shown is None or shown.signed.checkpoint.size >= signed.checkpoint.size:
            return
        now = self._means.clock()
        frozen = FrozenError(
            f"the log shows {shown.signed.checkpoint.size} rows, and {self._peer.name} has a head of "
            f"{signed.checkpoint.size} that it signed before",
            signed.note.to_bytes().decode(),
            shown.signed.note.to_bytes().decode(),
        )
        with self._means.database.write() as session:
            if mark_withheld(session, followed, signed, now):
                _logger.error("a peer withholds what it signed: %s", frozen, extra={"peer": owner.name})
                save_evidence(session, followed, frozen, now)


def _covered(followed: FollowedLog) -> int:
    newest = followed.trusted.newest
    return 0 if newest is None else newest.checkpoint.size
