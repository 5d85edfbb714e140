"""One peer as the witness of this site's logs: shown their heads, asked what it has seen of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.db import Database
from marketplace.federation.history import find_contradiction, halt
from marketplace.federation.keys import SiteKeys
from marketplace.federation.proofs import prove_growth
from marketplace.federation.trees import PublishedLog, Trees, epoch_origin, find_epoch, first_origin
from marketplace.federation.witness import origin_digest
from marketplace.models import Cosignature
from marketplace.peers.errors import ContactError, NotAtPeerError
from marketplace.peers.limits import ReadLimits
from marketplace.peers.model import Peer
from marketplace.peers.registry.grants import Grants
from marketplace.peers.remote.reader import PeerAnswer, PeerReader
from marketplace.tlog.checkpoint import (
    SignedCheckpoint,
    parse_checkpoint,
    verify_checkpoint,
    verify_cosignature,
)
from marketplace.tlog.encoding import parse_decimal
from marketplace.tlog.errors import TlogError
from marketplace.tlog.note import COSIGNATURE, MAX_NOTE, parse_note, parse_signature
from marketplace.tlog.proof import WitnessRequest

#: Epochs behind the newest one known that a peer is asked about: it need not have seen each.
EPOCHS_AHEAD = 8
#: Seconds until a cosignature is stored: under load another head follows, and nobody needs this one.
_KEPT_AFTER = 1.0

_TEXT, _SIZE = "text/plain", "text/x.tlog.size"
_SHOW = "/fed/v1/witness/add-checkpoint"

_logger = logging.getLogger(__name__)


class Dispute(Exception):
    """A witness does not take our head, although it continues what it says it saw: look at what it has."""


@dataclass(frozen=True, slots=True)
class WitnessTools:
    """The services that a witness works with.

    Args:
        clock: returns the time as an aware datetime.
    """

    database: Database
    keys: SiteKeys
    clock: Callable[[], datetime]


class PeerWitness:
    """One peer as the witness of our logs; ``close`` it at the end."""

    def __init__(self, means: WitnessTools, peer: Peer, limits: ReadLimits | None = None) -> None:
        self._means = means
        self._peer = peer
        self._reader = PeerReader(peer.url, limits)
        #: By tree: the newest head that the peer cosigned, and its signature lines, as long as not stored.
        self._unkept: dict[int, tuple[int, bytes]] = {}
        self._unkept_since = 0.0
        #: The names of the logs of which the peer told how much it saw.
        self._asked: set[str] = set()

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def keep_pause(self) -> float | None:
        """Seconds until ``keep`` has something to do; None where it has nothing."""
        if not self._unkept:
            return None
        return max(0.0, self._unkept_since + _KEPT_AFTER - time.monotonic())

    def keep(self) -> None:
        """Store what the peer cosigned. Lost, it costs one question: the peer tells how much it has seen.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        if not self._unkept:
            return
        with self._means.database.write() as session:
            session.execute(
                delete(Cosignature).where(
                    Cosignature.tree_id.in_(self._unkept), Cosignature.witness == self._peer.name
                )
            )
            rows = [
                {"tree_id": tree_id, "witness": self._peer.name, "size": size, "lines": lines}
                for tree_id, (size, lines) in self._unkept.items()
            ]
            session.execute(insert(Cosignature), rows)
        self._unkept.clear()

    def show_all(self) -> None:
        """Show the peer every head that it may see and has not cosigned.

        Raises:
            ContactError: it cannot be reached, or does not know this site.
            SQLAlchemyError: the database does not answer.
        """
        with self._means.database.read() as session:
            logs = visible_logs(session, self._peer)
            rows = session.execute(
                select(Cosignature.tree_id, Cosignature.size).where(Cosignature.witness == self._peer.name)
            )
            seen = {tree_id: size for tree_id, size in rows}  # noqa: C416 - rows are no tuples to mypy
        seen |= {tree_id: size for tree_id, (size, _) in self._unkept.items()}
        for log in logs:
            if log.halted is not None:
                continue
            if log.origin not in self._asked:
                # It may not have been there when this site started.
                if self.verify_history(log):
                    continue
                self._asked.add(log.origin)
            if seen.get(log.tree_id) != log.size:
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
        except NotAtPeerError:
            return None  # it never saw this log
        except TlogError as error:
            _logger.warning("peer %s shows a checkpoint of ours that is none: %s", self._peer.name, error)
            return None

    def later_epochs(self, log: PublishedLog) -> list[SignedCheckpoint]:
        """The newest heads of later epochs of a log that the peer cosigned, in their order.

        It is asked for the newest epoch it saw, and for those after it by their names: not every
        witness knows the first question. Only this site's key can make a head, so nobody makes the
        search long.

        Raises:
            ContactError: the peer cannot be reached.
        """
        found: list[SignedCheckpoint] = []
        newest = self._newest_epoch(log)
        if newest is not None:
            found.append(newest)
        epoch = last = max(log.epoch, *(find_epoch(log, one.checkpoint.origin) or 0 for one in found), 0)
        while epoch < last + EPOCHS_AHEAD:
            epoch += 1
            head = self.newest(epoch_origin(log, epoch))
            if head is not None:
                found.append(head)
                last = epoch
        return found

    def _newest_epoch(self, log: PublishedLog) -> SignedCheckpoint | None:
        """The newest head of the newest epoch that the peer cosigned; None if not newer than ours."""
        query = urlencode({"origin": first_origin(log)})
        try:
            note = self._reader.get(f"/fed/v1/witness/latest?{query}", _TEXT, limit=MAX_NOTE).body
            origin = parse_checkpoint(parse_note(note).text).origin
            if (find_epoch(log, origin) or 0) <= log.epoch:
                return None
            return verify_checkpoint(note, self._means.keys.verifier(origin))
        except NotAtPeerError:
            return None
        except TlogError as error:
            _logger.warning("peer %s shows a checkpoint of ours that is none: %s", self._peer.name, error)
            return None

    def verify_history(self, log: PublishedLog) -> bool:
        """Halt a log of which the peer cosigned more, something else, or a later epoch than is here.

        Returns:
            whether it contradicts what is here.

        Raises:
            ContactError: the peer cannot be reached.
            SQLAlchemyError: the database does not answer.
        """
        newest, later = self.newest(log.origin), self.later_epochs(log)
        # The last epoch tells the most.
        seen = later[-1] if later else newest
        if seen is None:
            return False
        head = seen.checkpoint
        with self._means.database.write() as session:
            now = Trees(session).find(log.name)
            if now is None:
                if log.name != PUBLIC or head.size == 0:
                    return False
                now = Trees(session).open(PUBLIC, self._means.keys, self._means.clock())
            if now.origin != log.origin:
                return False  # the operator opened another epoch meanwhile, which is asked about by itself
            reason = find_contradiction(session, now, head)
            if reason is not None and now.halted is None:
                halt(session, now, reason, seen.note.to_bytes())
                _logger.critical("nothing more of a log is published", extra={"reason": reason})
            return reason is not None

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
        self._take(log, answer.body)

    def _ask(self, log: PublishedLog, old: int) -> PeerAnswer:
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

    def _take(self, log: PublishedLog, lines: bytes) -> None:
        """Remember the peer's own signature lines; whatever else it sends is dropped."""
        key = self._peer.log_key.named(self._peer.name, COSIGNATURE)
        text = log.note.decode().partition("\n\n")[0] + "\n"
        try:
            found = [parse_signature(line) for line in lines.decode().splitlines()]
            own = [line for line in found if line.is_of(key)]
            for line in own:
                verify_cosignature(text, line, key)
        except (TlogError, UnicodeDecodeError) as error:
            raise ContactError(f"{self._peer.name} answers without a valid cosignature: {error}") from None
        if not self._unkept:
            self._unkept_since = time.monotonic()
        self._unkept[log.tree_id] = (log.size, "".join(map(str, own)).encode())


def visible_logs(session: Session, peer: Peer) -> list[PublishedLog]:
    """The published logs that a peer may know of."""
    granted = {PUBLIC, *Grants(session).granted(peer.id)}
    return [log for log in Trees(session).all() if log.name in granted]


def _read_size(answer: PeerAnswer) -> int:
    try:
        return parse_decimal(answer.body.decode("ascii").removesuffix("\n"))
    except (ValueError, IndexError):
        raise ContactError("a witness answers with an invalid size") from None
