"""Shows every new head of this site's logs to its peers, who cosign it and pull at once.

What a peer cosigned of our logs is also the memory that a restored backup
lacks: before anything is published after a start, the peers are asked how much
of our logs they have seen, and whether in a later epoch; whenever one of them
answers that it saw more, the log is halted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.background import Job
from marketplace.db import Database
from marketplace.federation.keys import SiteKeys
from marketplace.federation.trees import PublishedLog, Trees
from marketplace.models import Cosignature, PeerGrant
from marketplace.peers.errors import ContactError
from marketplace.peers.limits import ReadLimits
from marketplace.peers.model import Peer
from marketplace.peers.registry.peer_registry import Peers
from marketplace.peers.schedule import backoff_pause
from marketplace.peers.witness.peer_witness import PeerWitness, WitnessTools, visible_logs
from marketplace.tlog.checkpoint import Checkpoint

#: Longest backoff, in seconds.
_LONGEST = 30.0
#: Seconds between two looks at the list of peers and at what they have not cosigned.
_LOOK = 5.0
_STOP = 10.0
#: What the question at a start may take: no site depends on another to be up.
_START_LIMITS = ReadLimits(connect_seconds=2.0, read_seconds=3.0, total_seconds=5.0)
_START_SECONDS = 6.0

_GRANTED = select(PeerGrant.peer_id, PeerGrant.log_id)
_COSIGNED = select(Cosignature.witness, Cosignature.tree_id, Cosignature.size)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogAtPeers:
    """What peers know of a log of ours.

    Args:
        heads: the newest one each peer cosigned.
        taken: names of later epochs.
        silent: names of the peers that did not answer.
    """

    heads: tuple[Checkpoint, ...]
    taken: frozenset[str]
    silent: tuple[str, ...]


class _Channel(Job):
    """The thread that shows heads to one peer."""

    def __init__(self, means: WitnessTools, peer: Peer) -> None:
        super().__init__(means.database, f"witness-{peer.name}", _STOP)
        self.peer = peer
        self._witness = PeerWitness(means, peer)

    def _run(self, stopping: threading.Event) -> None:
        failures = 0
        while not stopping.is_set():
            self._wake.clear()
            try:
                self._witness.show_all()
                if self._witness.keep_pause() == 0:
                    self._witness.keep()
            except Exception as error:  # the thread goes on: reported, and tried again
                failures += 1
                self._report(error, failures)
                stopping.wait(min(_LONGEST, backoff_pause(failures, None)))
                continue
            failures = 0
            self._wake.wait(self._witness.keep_pause())
        self._end()

    def _end(self) -> None:
        try:
            self._witness.keep()
        except SQLAlchemyError as error:
            self._report(error, 1)
        self._witness.close()

    def _report(self, error: Exception, failures: int) -> None:
        if not isinstance(error, ContactError):
            _logger.exception("showing heads to peer %s failed", self.peer.name)
        elif failures == 1:
            _logger.warning("heads cannot be shown to peer %s: %s", self.peer.name, error)


class CosigningService(Job):
    """Shows heads to every peer until it is stopped."""

    def __init__(self, database: Database, keys: SiteKeys, clock: Callable[[], datetime]) -> None:
        super().__init__(database, "witnesses", _STOP)
        self._means = WitnessTools(database, keys, clock)
        self._channels: dict[int, _Channel] = {}
        self._lock = threading.Lock()

    def stop(self) -> None:
        """End every thread. Later calls do nothing."""
        super().stop()
        with self._lock:
            channels, self._channels = list(self._channels.values()), {}
        for channel in channels:
            channel.ask_to_end()
        for channel in channels:
            channel.join(_STOP)

    def announce(self) -> None:
        """A log has a new head. Cheap, callable from any thread."""
        with self._lock:
            for channel in self._channels.values():
                channel.nudge()

    def at_peers(self, log: PublishedLog) -> LogAtPeers:
        """What the peers have of a log and of later epochs of it.

        Peers that do not answer are named; they may have seen more.
        """
        with self._means.database.read() as session:
            peers = [peer for peer in Peers(session).all() if not peer.disabled]
        heads: list[Checkpoint] = []
        taken: set[str] = set()
        silent: list[str] = []
        for peer in peers:
            witness = PeerWitness(self._means, peer, _START_LIMITS)
            try:
                found = witness.newest(log.origin)
                heads += [] if found is None else [found.checkpoint]
                taken.update(one.checkpoint.origin for one in witness.later_epochs(log))
            except ContactError:
                silent.append(peer.name)
            finally:
                witness.close()
        return LogAtPeers(tuple(heads), frozenset(taken), tuple(silent))

    def verify_history(self) -> None:
        """Ask every peer how much of our logs it has seen, and halt those of which that is more than is here.

        Peers that cannot be reached within seconds are asked again later, when heads are shown to them.
        """
        try:
            with self._means.database.read() as session:
                peers = [peer for peer in Peers(session).all() if not peer.disabled]
                asked = [(peer, visible_logs(session, peer) or [self._unopened()]) for peer in peers]
        except SQLAlchemyError:
            _logger.exception("the list of peers cannot be read")
            return
        threads = [
            threading.Thread(
                target=self._verify_at, args=(peer, logs), name=f"history-{peer.name}", daemon=True
            )
            for peer, logs in asked
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_START_SECONDS)

    def _verify_at(self, peer: Peer, logs: list[PublishedLog]) -> None:
        witness = PeerWitness(self._means, peer, _START_LIMITS)
        try:
            for log in logs:
                witness.verify_history(log)
        except (ContactError, SQLAlchemyError) as error:
            _logger.warning("peer %s cannot tell what it saw of our logs: %s", peer.name, error)
        finally:
            witness.close()

    def _unopened(self) -> PublishedLog:
        """The public log of a database that never published: perhaps another one did, under our name."""
        origin = f"{self._means.keys.site}/{PUBLIC}"
        return PublishedLog(0, 0, PUBLIC, PUBLIC, origin, 1, 0, 0, b"", b"", None)

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                with self._means.database.read() as session:
                    peers = {peer.id: peer for peer in Peers(session).all() if not peer.disabled}
                    behind = _behind(session, peers.values())
                self._arrange(peers)
                self._nudge(behind)
            except SQLAlchemyError:
                _logger.exception("the list of peers cannot be read")
            stopping.wait(_LOOK)

    def _nudge(self, behind: set[int]) -> None:
        """Have heads shown that another process published, or that a peer was granted."""
        with self._lock:
            for key in behind & self._channels.keys():
                self._channels[key].nudge()

    def _arrange(self, peers: dict[int, Peer]) -> None:
        with self._lock:
            gone = [self._channels.pop(key) for key in list(self._channels) if key not in peers]
            if not self.is_ending:
                for key in peers.keys() - self._channels.keys():
                    channel = self._channels[key] = _Channel(self._means, peers[key])
                    channel.start()
        for channel in gone:
            channel.stop()


def _behind(session: Session, peers: Iterable[Peer]) -> set[int]:
    """The keys of the peers that have not cosigned some head they may see, as far as is stored."""
    logs = [log for log in Trees(session).all() if log.halted is None]
    granted = {(peer_id, log_id) for peer_id, log_id in session.execute(_GRANTED)}
    cosigned = {(witness, tree_id, size) for witness, tree_id, size in session.execute(_COSIGNED)}
    return {
        peer.id
        for peer in peers
        for log in logs
        if (log.name == PUBLIC or (peer.id, log.log_id) in granted)
        and (peer.name, log.tree_id, log.size) not in cosigned
    }
