"""Checkpoints: a log's signed size and root (C2SP tlog-checkpoint), and witnesses' cosignatures."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.tlog.encoding import MAX_NUMBER, decode_hash, encode_base64, parse_decimal
from marketplace.tlog.errors import CheckpointError, NoteSignatureError
from marketplace.tlog.note import (
    COSIGNATURE,
    Note,
    Signature,
    SigningKey,
    VerifierKey,
    is_key_name,
    parse_note,
    sign_note,
    verify_note,
)

_COSIGNED = "cosignature/v1"
_TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree's head.

    Args:
        origin: names the log.
        size: number of leaves.
        root: SHA-256.
        extensions: further lines, which mean nothing here.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text that is signed."""
        return "\n".join((self.origin, str(self.size), encode_base64(self.root), *self.extensions, ""))


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint whose signature by its log was verified, with the note as it came."""

    checkpoint: Checkpoint
    note: Note


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a note's text as a checkpoint.

    Raises:
        CheckpointError: it is none.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise CheckpointError("a checkpoint has three lines or more, none of them empty")
    origin, size, root, *extensions = lines
    if not is_key_name(origin):
        raise CheckpointError("the checkpoint's origin holds spaces or plus signs, or is too long")
    try:
        return Checkpoint(origin, parse_decimal(size), decode_hash(root), tuple(extensions))
    except ValueError as error:
        raise CheckpointError(f"the checkpoint's size or root {error}") from None


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> Note:
    """Sign a checkpoint under the log's own name."""
    return sign_note(checkpoint.text, key.named(checkpoint.origin))


def verify_checkpoint(data: bytes, key: VerifierKey) -> SignedCheckpoint:
    """Check that a note is a checkpoint of the log that a key belongs to.

    Args:
        key: its name is the log's origin.

    Raises:
        NoteFormatError, CheckpointError: it is no checkpoint, or one of another log.
        NoteSignatureError: the key did not sign it.
    """
    note = parse_note(data)
    verify_note(data, [key])
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != key.name:
        raise CheckpointError(f"the checkpoint is of another log than {key.name}")
    return SignedCheckpoint(checkpoint, note)


def cosign(text: str, key: SigningKey, time: int) -> Signature:
    """A witness's signature: at ``time`` (seconds since 1970) this was the log's largest head it saw."""
    verifier = key.verifier.named(key.name, COSIGNATURE)
    signed = key.private.sign(_cosigned_message(text, time))
    return Signature(key.name, verifier.key_id, time.to_bytes(_TIME_BYTES) + signed)


def verify_cosignature(text: str, signature: Signature, key: VerifierKey) -> int:
    """Check a witness's signature under a checkpoint.

    Args:
        key: of the witness; its kind is COSIGNATURE.

    Returns:
        the time it was made, in seconds since 1970, as the witness claims.

    Raises:
        NoteSignatureError: it is not this witness's over this checkpoint.
    """
    if key.kind != COSIGNATURE or not signature.is_of(key):
        raise NoteSignatureError(f"the signature is not one of the witness {key.name}")
    time = int.from_bytes(signature.signature[:_TIME_BYTES])
    if time > MAX_NUMBER:
        raise NoteSignatureError("the cosignature's time is out of bounds")
    key.verify(signature.signature[_TIME_BYTES:], _cosigned_message(text, time))
    return time


def _cosigned_message(text: str, time: int) -> bytes:
    return f"{_COSIGNED}\ntime {time}\n{text}".encode()
