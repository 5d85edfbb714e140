"""Cosigns other sites' checkpoints: that none of them ever took back what it showed here (C2SP tlog-witness).

What was cosigned is on disk before anybody gets the signature, and each head
must continue the one before, so two heads that contradict each other can never
both be cosigned here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace.access import PUBLIC
from marketplace.db import Database
from marketplace.federation.errors import (
    InconsistentError,
    MalformedRequestError,
    SizeConflictError,
    UnknownOriginError,
    UntrustedError,
)
from marketplace.federation.keys import SiteKeys
from marketplace.federation.trees import epoch_number
from marketplace.models import Log, PeerLog, PeerRow, Witnessed
from marketplace.tlog.checkpoint import SignedCheckpoint, cosign, parse_checkpoint
from marketplace.tlog.errors import NoteSignatureError, ProofError, TlogError
from marketplace.tlog.merkle import EMPTY_ROOT, verify_consistency
from marketplace.tlog.note import Note, VerifierKey, parse_note, parse_verifier_key, verify_note
from marketplace.tlog.proof import WitnessRequest, parse_witness_request

#: Logs of which heads are told at once: as many as peers take, which is two heads of each.
_MOST_LOGS = 512
#: Seconds for which they are remembered.
_TOLD_SECONDS = 1.0

_SEEN = (
    select(PeerLog.note, Witnessed.note)
    .join(PeerRow, PeerRow.id == PeerLog.peer_id)
    .join(Log, Log.id == PeerLog.log_id)
    .outerjoin(Witnessed, Witnessed.origin == PeerLog.origin)
    .where(Log.name == PUBLIC, PeerRow.disabled.is_(False))
    .order_by(PeerLog.origin)
    .limit(_MOST_LOGS)
)


@dataclass(frozen=True, slots=True)
class CosignedHead:
    """The head of a log that was cosigned last."""

    size: int
    root: bytes
    note: bytes


#: What a log is before anything of it was seen.
_NOTHING = CosignedHead(0, EMPTY_ROOT, b"")


@dataclass(frozen=True, slots=True)
class Hearers:
    """Who wants to know what comes in; all are called on the thread of the request and must be quick.

    Args:
        head: called with each checkpoint that is truly of its log: more may be there to pull.
        contradiction: called with an origin and two notes of its log that contradict each other.
    """

    head: Callable[[SignedCheckpoint], None] = lambda head: None
    contradiction: Callable[[str, bytes, bytes], None] = lambda origin, first, second: None


def find_key(session: Session, origin: str) -> VerifierKey | None:
    """The key of the log with an origin: that of the peer whose name it begins with, if there is one."""
    name = origin.partition("/")[0]
    text = session.scalar(select(PeerRow.log_key).where(PeerRow.name == name, PeerRow.disabled.is_(False)))
    return None if text is None else parse_verifier_key(text).named(origin)


class Witness:
    """Cosigns. Safe to call from any number of threads and processes.

    Args:
        clock: returns the time as an aware datetime.
    """

    def __init__(
        self,
        database: Database,
        keys: SiteKeys,
        clock: Callable[[], datetime],
        hearers: Hearers | None = None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._hearers = hearers or Hearers()
        #: Until when these are the newest heads, on the monotonic clock.
        self._told: tuple[float, Sequence[bytes]] = 0.0, ()

    def add_checkpoint(self, data: bytes) -> bytes:
        """Cosign the checkpoint in a request's body; returns signature lines.

        Raises:
            MalformedRequestError, UnknownOriginError, UntrustedError, SizeConflictError, InconsistentError:
                it is not cosigned.
        """
        request, note, origin = _parse(data)
        head = self._verify_signed(request, note, origin)
        self._hearers.head(head)
        if request.old_size > head.checkpoint.size:
            raise MalformedRequestError("the old size is larger than the checkpoint's")
        with self._database.read() as session:
            seen = _find(session, origin) or _NOTHING
        if request.old_size != seen.size:
            raise SizeConflictError(seen.size)
        if seen.note and seen.size == head.checkpoint.size and seen.root == head.checkpoint.root:
            return self._own_lines(seen)  # a nudge about nothing new costs no write
        self._verify_continues(seen, request, head)
        return self._cosign(seen, head)

    def newest(self, digest: str) -> bytes | None:
        """The head cosigned last of the log whose origin has this SHA-256 (hex), with the signatures."""
        with self._database.read() as session:
            return session.scalar(select(Witnessed.note).where(Witnessed.digest == digest))

    def newest_epoch(self, first: str) -> bytes | None:
        """The head cosigned last of the newest epoch of a log, with the signatures.

        Args:
            first: the name of its first epoch.
        """
        with self._database.read() as session:
            rows = session.execute(
                select(Witnessed.origin, Witnessed.note).where(
                    (Witnessed.origin == first) | Witnessed.origin.startswith(f"{first}/e", autoescape=True)
                )
            )
            epochs = {epoch_number(first, row.origin): row.note for row in rows}
        known = [number for number in epochs if number is not None]
        return epochs[max(known)] if known else None

    def heads(self) -> Sequence[bytes]:
        """The newest heads that this site saw of the public logs it follows: read from them, or cosigned.

        Nobody learns from them of another log than a public one. They are a second old at most: peers ask
        again and again.
        """
        until, found = self._told
        if time.monotonic() >= until:
            found = self._find_heads()
            self._told = time.monotonic() + _TOLD_SECONDS, found
        return found

    def _find_heads(self) -> Sequence[bytes]:
        found: dict[bytes, bytes] = {}
        with self._database.read() as session:
            for read, cosigned in session.execute(_SEEN):
                for note in (None if read is None else read.encode(), cosigned):
                    if note is not None:
                        # The same head under more signatures is no other.
                        found.setdefault(note.partition(b"\n\n")[0], note)
        return tuple(found.values())

    def _verify_signed(self, request: WitnessRequest, note: Note, origin: str) -> SignedCheckpoint:
        with self._database.read() as session:
            key = find_key(session, origin)
        if key is None:
            raise UnknownOriginError("no log of this origin is known here")
        try:
            # Only what the log itself signed is kept: others' lines under it prove nothing here.
            return SignedCheckpoint(parse_checkpoint(note.text), verify_note(request.checkpoint, [key]))
        except NoteSignatureError as error:
            raise UntrustedError(str(error)) from None

    def _verify_continues(
        self, cosigned: CosignedHead, request: WitnessRequest, head: SignedCheckpoint
    ) -> None:
        checkpoint = head.checkpoint
        if cosigned.note and cosigned.size == checkpoint.size:
            self._hearers.contradiction(checkpoint.origin, cosigned.note, request.checkpoint)
            raise SizeConflictError(cosigned.size)
        try:
            verify_consistency(cosigned.size, checkpoint.size, request.path, cosigned.root, checkpoint.root)
        except ProofError as error:
            raise InconsistentError(str(error)) from None

    def _cosign(self, cosigned: CosignedHead, head: SignedCheckpoint) -> bytes:
        now = self._clock()
        checkpoint = head.checkpoint
        own = cosign(checkpoint.text, self._keys.log, int(now.timestamp()))
        note = Note(checkpoint.text, (*head.note.signatures, own))
        values = {
            "size": checkpoint.size,
            "root": checkpoint.root,
            "note": note.to_bytes(),
            "cosigned_at": now,
        }
        try:
            with self._database.write() as session:
                if cosigned.note:
                    # Somebody else may have moved it on since it was read: then nothing is changed.
                    moved = session.scalar(
                        update(Witnessed)
                        .where(Witnessed.origin == checkpoint.origin, Witnessed.note == cosigned.note)
                        .values(values)
                        .returning(Witnessed.size)
                    )
                    if moved is None:
                        raise SizeConflictError((_find(session, checkpoint.origin) or _NOTHING).size)
                else:
                    digest = origin_digest(checkpoint.origin)
                    session.execute(
                        insert(Witnessed).values(origin=checkpoint.origin, digest=digest, **values)
                    )
        except IntegrityError:
            with self._database.read() as session:
                raise SizeConflictError((_find(session, checkpoint.origin) or _NOTHING).size) from None
        return str(own).encode()

    def _own_lines(self, cosigned: CosignedHead) -> bytes:
        lines = parse_note(cosigned.note).signatures
        return "".join(str(line) for line in lines if line.is_of(self._keys.witness)).encode()


def origin_digest(origin: str) -> str:
    """How a log is called in a witness's URLs: the SHA-256 of its origin in hex."""
    return sha256(origin.encode()).hexdigest()


def _parse(data: bytes) -> tuple[WitnessRequest, Note, str]:
    try:
        request = parse_witness_request(data)
        note = parse_note(request.checkpoint)
        return request, note, parse_checkpoint(note.text).origin
    except TlogError as error:
        raise MalformedRequestError(str(error)) from None


def _find(session: Session, origin: str) -> CosignedHead | None:
    row = session.execute(
        select(Witnessed.size, Witnessed.root, Witnessed.note).where(Witnessed.origin == origin)
    ).one_or_none()
    return None if row is None else CosignedHead(row.size, row.root, row.note)
