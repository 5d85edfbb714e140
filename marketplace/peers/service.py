"""Keeps a thread for each peer that is not switched off, whoever added it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from sqlalchemy.exc import SQLAlchemyError

from marketplace.background import Job
from marketplace.changes import BulkImports
from marketplace.config.federation import FederationSettings
from marketplace.db import Database
from marketplace.federation.keys import SiteKeys
from marketplace.ingest import IngestService
from marketplace.moments import utc_now
from marketplace.peers.acceptance.pool import Verification
from marketplace.peers.model import FollowedLog, Peer, Standings
from marketplace.peers.pull.log_pull import PullTools
from marketplace.peers.pull.runner import PeerRunner
from marketplace.peers.registry.assertions import make_assertion
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.peer_registry import Peers
from marketplace.peers.remote.peer_client import ReportedHead
from marketplace.tlog.checkpoint import SignedCheckpoint

#: Seconds between looks at the list of peers and how their logs stand: commands change both from elsewhere.
_LOOK = 5.0
#: Seconds that a peer's thread gets to end.
_STOP = 30.0

_logger = logging.getLogger(__name__)


class PullService(Job):
    """Pulls from every peer until it is stopped.

    Args:
        keys: of this site; None where it has none and is nobody to its peers.
        ask_elsewhere: asks the process that pulls to look at everything.
    """

    def __init__(
        self, means: PullTools, keys: SiteKeys | None, ask_elsewhere: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(means.database, "peers", _STOP)
        self._means = means
        self._keys = keys
        self._runners: dict[int, PeerRunner] = {}
        self._lock = threading.Lock()
        self._ask_elsewhere = ask_elsewhere

    def stop(self) -> None:
        """Let each pull finish the page it is at, then end. Later calls do nothing."""
        super().stop()
        with self._lock:
            runners, self._runners = list(self._runners.values()), {}
        for runner in runners:
            runner.ask_to_end()
        for runner in runners:
            runner.join(_STOP)

    def close(self) -> None:
        """Stop, for good."""
        self.stop()
        self._means.verification.close()

    def look(self) -> None:
        """The list of peers changed: look now, whichever process pulls."""
        if self.is_running:
            self._wake.set()
        else:
            self._ask_elsewhere()

    def nudge_peer(self, name: str) -> None:
        """Look at every log of a peer now, whichever process pulls. Cheap, callable from any thread."""
        if not self.is_running:
            self._ask_elsewhere()
        for runner in self._runners_of(name):
            runner.nudge()

    def nudge(self) -> None:
        """Look at the list of peers and at every log now. Cheap, callable from any thread."""
        super().nudge()
        with self._lock:
            for runner in self._runners.values():
                runner.nudge()

    def show(self, head: SignedCheckpoint) -> None:
        """A peer's log has this head, which its key signed. Cheap, callable from any thread."""
        for runner in self._runners_of(head.checkpoint.origin.partition("/")[0]):
            runner.show(head)

    def hear(self, head: ReportedHead, witness: str) -> None:
        """A peer tells what may be a head of somebody else's log. Cheap, callable from any thread."""
        for runner in self._runners_of(head.origin.partition("/")[0]):
            if runner.peer.name != witness:
                runner.hear(head, witness)

    def pull(self, peer: Peer) -> list[FollowedLog]:
        """Look at a peer now, on the calling thread; the result tells how each of its logs stands.

        Raises:
            PeerNotFoundError: it is gone.
            SQLAlchemyError: the database does not answer.
        """
        runner = PeerRunner(self._means, peer, self._credentials)
        try:
            return runner.once()
        finally:
            runner.close()

    def _runners_of(self, site: str) -> list[PeerRunner]:
        with self._lock:
            return [runner for runner in self._runners.values() if runner.peer.name == site]

    def _credentials(self, audience: str) -> Mapping[str, str]:
        if self._keys is None:
            return {}
        return {"Authorization": f"Bearer {make_assertion(self._keys, audience, self._means.clock())}"}

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._wake.clear()
            try:
                with self._means.database.read() as session:
                    peers = [peer for peer in Peers(session).all() if not peer.disabled]
                    standings = FollowedLogs(session).standings()
                self._arrange(peers)
                self._tell(standings)
            except SQLAlchemyError:
                _logger.exception("the list of peers cannot be read")
            self._wake.wait(_LOOK)

    def _tell(self, standings: Standings) -> None:
        """One look at all logs spares each thread its own."""
        with self._lock:
            runners = list(self._runners.items())
        for peer_id, runner in runners:
            runner.tell(
                standings.logs.get(peer_id, frozenset()),
                wanted=standings.wanted,
                erased_at=standings.erased_at,
            )

    def _arrange(self, peers: list[Peer]) -> None:
        wanted = {peer.id: peer for peer in peers}
        with self._lock:
            gone = [self._runners.pop(key) for key in list(self._runners) if key not in wanted]
            new = [
                PeerRunner(self._means, peer, self._credentials, self.hear)
                for key, peer in wanted.items()
                if key not in self._runners
            ]
            if not self.is_ending:
                self._runners |= {runner.peer.id: runner for runner in new}
                for runner in new:
                    runner.start()
        for runner in gone:
            runner.ask_to_end()


def open_pulls(
    settings: FederationSettings,
    database: Database,
    ingest: IngestService,
    keys: SiteKeys | None,
    bulk_imports: BulkImports,
    ask_elsewhere: Callable[[], None] = lambda: None,
) -> PullService:
    """The pulls of a site; nothing runs yet.

    Args:
        ask_elsewhere: as ``PullService`` takes it.
    """
    means = PullTools(
        database=database,
        ingest=ingest,
        verification=Verification(settings.workers),
        filter=ingest.policy.site_filter,
        clock=utc_now,
        site=None if keys is None else keys.site,
        bulk_imports=bulk_imports,
    )
    return PullService(means, keys, ask_elsewhere)
