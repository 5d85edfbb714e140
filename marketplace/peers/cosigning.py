"""Shows every new head of this site's logs to its peers, who cosign it and pull at once.

What a peer cosigned of our logs is also the memory that a restored backup
lacks: before anything is published after a start, the peers are asked how much
of our logs they have seen, and whenever one of them answers that it saw more,
the log is halted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.db import Database
from marketplace.federation.history import find_contradiction, halt
from marketplace.federation.keys import SiteKeys
from marketplace.federation.proofs import prove_growth
from marketplace.federation.trees import PublishedLog, Trees, epoch_origin
from marketplace.federation.witness import origin_digest
from marketplace.models import Cosignature
from marketplace.peers.errors import ContactError, NotFoundError
from marketplace.peers.limits import ReadLimits
from marketplace.peers.reader import Answer, PeerReader
from marketplace.peers.registry import Peers
from marketplace.peers.schedule import backoff_pause
from marketplace.peers.sites import Peer
from marketplace.tlog.checkpoint import Checkpoint, SignedCheckpoint, verify_checkpoint, verify_cosignature
from marketplace.tlog.encoding import parse_decimal
from marketplace.tlog.errors import TlogError
from marketplace.tlog.note import COSIGNATURE, MAX_NOTE, parse_signature
from marketplace.tlog.proof import WitnessRequest

#: Seconds after which heads that some peer has not cosigned are shown again, and the longest backoff.
_AGAIN, _LONGEST = 30.0, 30.0
#: Seconds between two looks at the list of peers.
_LOOK = 2.0
_STOP = 10.0
#: What the question at a start may take: no site depends on another to be up.
_START_LIMITS = ReadLimits(connect_seconds=2.0, read_seconds=3.0, total_seconds=5.0)
_START_SECONDS = 6.0

_TEXT, _SIZE = "text/plain", "text/x.tlog.size"
_SHOW = "/fed/v1/witness/add-checkpoint"

_logger = logging.getLogger(__name__)


class Dispute(Exception):
    """A witness does not take our head, although it continues what it says it saw: look at what it has."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What peers know of a log of ours.

    Args:
        heads: the newest one each peer cosigned.
        taken: names of later epochs.
        silent: names of the peers that did not answer.
    """

    heads: tuple[Checkpoint, ...]
    taken: frozenset[str]
    silent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Means:
    database: Database
    keys: SiteKeys
    clock: Callable[[], datetime]


class PeerWitness:
    """One peer as the witness of our logs; ``close`` it at the end."""

    def __init__(self, means: _Means, peer: Peer, limits: ReadLimits | None = None) -> None:
        self._means = means
        self._peer = peer
        self._reader = PeerReader(peer.url, limits)

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def show_all(self) -> None:
        """Show the peer every head that it may see and has not cosigned.

        Raises:
            ContactError: it cannot be reached, or does not know this site.
            SQLAlchemyError: the database does not answer.
        """
        with self._means.database.read() as session:
            logs = _visible(session, self._peer)
            rows = session.execute(
                select(Cosignature.tree_id, Cosignature.size).where(Cosignature.witness == self._peer.name)
            )
            seen = {tree_id: size for tree_id, size in rows}  # noqa: C416 - rows are no tuples to mypy
        for log in logs:
            if log.halted is None and seen.get(log.tree_id) != log.size:
                try:
                    self._show(log, seen.get(log.tree_id, 0))
                except Dispute:
                    self.verify_history(log)

    def newest(self, origin: str) -> SignedCheckpoint | None:
        """The newest head of a log of ours that the peer cosigned; None where it shows none that is true.

        Raises:
            ContactError: the peer cannot be reached.
        """
        path = f"/fed/v1/witness/{origin_digest(origin)}/checkpoint"
        try:
            note = self._reader.get(path, _TEXT, limit=MAX_NOTE).body
            return verify_checkpoint(note, self._means.keys.verifier(origin))
        except NotFoundError:
            return None  # it never saw this log
        except TlogError as error:
            _logger.warning("peer %s shows a checkpoint of ours that is none: %s", self._peer.name, error)
            return None

    def verify_history(self, log: PublishedLog) -> None:
        """Halt a log of which the peer cosigned more, or something else, than is here.

        Raises:
            ContactError: the peer cannot be reached.
            SQLAlchemyError: the database does not answer.
        """
        seen = self.newest(log.origin)
        if seen is None:
            return
        head = seen.checkpoint
        with self._means.database.write() as session:
            now = next((one for one in Trees(session).all() if one.origin == log.origin), None)
            if now is None:
                if log.name != PUBLIC or head.size == 0:
                    return
                now = Trees(session).open(PUBLIC, self._means.keys, self._means.clock())
            reason = find_contradiction(session, now, head)
            if reason is not None and now.halted is None:
                halt(session, now, reason, seen.note.to_bytes())
                _logger.critical("nothing more of a log is published", extra={"reason": reason})

    def _show(self, log: PublishedLog, old: int) -> None:
        answer = self._ask(log, old)
        if answer.status == 409:
            size = _read_size(answer)
            if size > log.size:
                raise Dispute
            answer = self._ask(log, size)
            if answer.status == 409:
                raise Dispute
        if answer.status == 422:
            raise Dispute
        self._keep(log, answer.body)

    def _ask(self, log: PublishedLog, old: int) -> Answer:
        with self._means.database.read() as session:
            path = tuple(prove_growth(session, log, old))
        body = WitnessRequest(old, path, log.note).to_bytes()
        return self._reader.post(
            _SHOW,
            body,
            _TEXT,
            {"Content-Type": _TEXT},
            MAX_NOTE,
            {409: _SIZE, 422: "application/problem+json"},
        )

    def _keep(self, log: PublishedLog, lines: bytes) -> None:
        """Store the peer's own signature lines; whatever else it sends is dropped."""
        key = self._peer.log_key.named(self._peer.name, COSIGNATURE)
        text = log.note.decode().partition("\n\n")[0] + "\n"
        try:
            found = [parse_signature(line) for line in lines.decode().splitlines()]
            own = [line for line in found if line.is_of(key)]
            for line in own:
                verify_cosignature(text, line, key)
        except (TlogError, UnicodeDecodeError) as error:
            raise ContactError(f"{self._peer.name} answers with what is no cosignature: {error}") from None
        with self._means.database.write() as session:
            session.execute(
                delete(Cosignature).where(
                    Cosignature.tree_id == log.tree_id, Cosignature.witness == self._peer.name
                )
            )
            session.execute(
                insert(Cosignature).values(
                    tree_id=log.tree_id,
                    witness=self._peer.name,
                    size=log.size,
                    lines="".join(map(str, own)).encode(),
                )
            )


class _Channel:
    """The thread that shows heads to one peer."""

    def __init__(self, means: _Means, peer: Peer) -> None:
        self.peer = peer
        self._witness = PeerWitness(means, peer)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"witness-{peer.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def nudge(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._witness.show_all()
            except Exception as error:
                failures += 1
                self._report(error, failures)
                self._stopping.wait(min(_LONGEST, backoff_pause(failures, None)))
                continue
            failures = 0
            self._wake.wait(_AGAIN)
        self._witness.close()

    def _report(self, error: Exception, failures: int) -> None:
        if not isinstance(error, ContactError):
            _logger.exception("showing heads to peer %s failed", self.peer.name)
        elif failures == 1:
            _logger.warning("heads cannot be shown to peer %s: %s", self.peer.name, error)


class CosigningService:
    """Shows heads to every peer until it is stopped."""

    def __init__(self, database: Database, keys: SiteKeys, clock: Callable[[], datetime]) -> None:
        self._means = _Means(database, keys, clock)
        self._channels: dict[int, _Channel] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witnesses", daemon=True)

    def start(self) -> None:
        """Begin to show heads."""
        self._thread.start()

    def stop(self) -> None:
        """End every thread. Later calls do nothing."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP)
        with self._lock:
            channels, self._channels = list(self._channels.values()), {}
        for channel in channels:
            channel.stop()
        for channel in channels:
            channel.join(_STOP)

    def announce(self) -> None:
        """A log has a new head. Cheap, callable from any thread."""
        with self._lock:
            for channel in self._channels.values():
                channel.nudge()

    def seen(self, log: PublishedLog) -> Seen:
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
                epoch = log.epoch + 1
                while witness.newest(epoch_origin(log, epoch)) is not None:
                    taken.add(epoch_origin(log, epoch))
                    epoch += 1
            except ContactError:
                silent.append(peer.name)
            finally:
                witness.close()
        return Seen(tuple(heads), frozenset(taken), tuple(silent))

    def verify_history(self) -> None:
        """Ask every peer how much of our logs it has seen, and halt those of which that is more than is here.

        Peers that cannot be reached within seconds are asked again later, when heads are shown to them.
        """
        try:
            with self._means.database.read() as session:
                peers = [peer for peer in Peers(session).all() if not peer.disabled]
                asked = [(peer, _visible(session, peer) or [self._unopened()]) for peer in peers]
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

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._means.database.read() as session:
                    peers = {peer.id: peer for peer in Peers(session).all() if not peer.disabled}
                self._arrange(peers)
            except SQLAlchemyError:
                _logger.exception("the list of peers cannot be read")
            self._stopping.wait(_LOOK)

    def _arrange(self, peers: dict[int, Peer]) -> None:
        with self._lock:
            gone = [self._channels.pop(key) for key in list(self._channels) if key not in peers]
            if not self._stopping.is_set():
                for key in peers.keys() - self._channels.keys():
                    channel = self._channels[key] = _Channel(self._means, peers[key])
                    channel.start()
        for channel in gone:
            channel.stop()


def _visible(session: Session, peer: Peer) -> list[PublishedLog]:
    """The published logs that a peer may know of."""
    granted = {PUBLIC, *Peers(session).granted(peer.id)}
    return [log for log in Trees(session).all() if log.name in granted]


def _read_size(answer: Answer) -> int:
    try:
        return parse_decimal(answer.body.decode("ascii").removesuffix("\n"))
    except (ValueError, IndexError):
        raise ContactError("a witness answers with a size that is none") from None
