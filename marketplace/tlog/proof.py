"""Proofs that travel as text: an entry's receipt (C2SP tlog-proof), a witness's request (tlog-witness)."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.tlog.checkpoint import SignedCheckpoint, parse_checkpoint, verify_checkpoint
from marketplace.tlog.encoding import decode_base64, decode_hash, encode_base64, parse_decimal
from marketplace.tlog.errors import CheckpointError, ProofFormatError
from marketplace.tlog.leaf import EntryLeaf, parse_leaf
from marketplace.tlog.merkle import hash_leaf, verify_inclusion
from marketplace.tlog.note import VerifierKey, parse_note

#: A tree of 2**63 leaves has no longer paths.
MAX_PATH = 63
#: Most bytes of a proof or a request.
MAX_PROOF = 32 * 1024

_MAGIC = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """A receipt: nothing in it is verified yet.

    Args:
        leaf: the bytes that stand in the log; a claim until ``verify`` (the format's "extra data").
        index: where.
        path: from the leaf's sibling up.
        checkpoint: the log's signed note, with witnesses' signatures if any.
    """

    leaf: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    def to_bytes(self) -> bytes:
        """The proof as a file."""
        lines = [_MAGIC, f"extra {encode_base64(self.leaf)}", f"index {self.index}"]
        return "\n".join((*lines, *map(encode_base64, self.path), "", "")).encode() + self.checkpoint


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """What a proof proves: this leaf stands in the log with this head."""

    leaf: EntryLeaf
    index: int
    head: SignedCheckpoint


@dataclass(frozen=True, slots=True)
class WitnessRequest:
    """What a log sends to a witness: the size it cosigned last, a consistency proof, the new head."""

    old_size: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    def to_bytes(self) -> bytes:
        """The request's body."""
        return (
            "\n".join((f"old {self.old_size}", *map(encode_base64, self.path), "", "")).encode()
            + self.checkpoint
        )


def parse_proof(data: bytes) -> InclusionProof:
    """Read a proof.

    Raises:
        ProofFormatError: it is none, or carries no leaf.
    """
    lines, checkpoint = _split(data)
    if len(lines) < 3 or lines[0] != _MAGIC or not lines[1].startswith("extra "):
        raise ProofFormatError(f"a proof begins with {_MAGIC} and the leaf it is about")
    try:
        leaf = decode_base64(lines[1].removeprefix("extra "))
    except ValueError as error:
        raise ProofFormatError(f"the proof's leaf {error}") from None
    return InclusionProof(leaf, _numbered("index", lines[2]), _path(lines[3:]), checkpoint)


def verify_proof(data: bytes, key: VerifierKey) -> ProvenEntry:
    """Check, with nothing but a key, that an entry stands in a log.

    Args:
        key: of the log, or of the site that the log's name begins with.

    Raises:
        TlogError: it is no proof, of another log, or proves nothing.
    """
    proof = parse_proof(data)
    origin = parse_checkpoint(parse_note(proof.checkpoint).text).origin
    if not key.covers(origin):
        raise CheckpointError(f"the proof is of the log {origin}, the key belongs to {key.name}")
    head = verify_checkpoint(proof.checkpoint, key.named(origin))
    checkpoint = head.checkpoint
    verify_inclusion(hash_leaf(proof.leaf), proof.index, checkpoint.size, proof.path, checkpoint.root)
    leaf = parse_leaf(proof.leaf)
    if not isinstance(leaf, EntryLeaf):
        raise ProofFormatError("the proof is about a row of the log that is not an entry")
    return ProvenEntry(leaf, proof.index, head)


def parse_witness_request(data: bytes) -> WitnessRequest:
    """Read the body of add-checkpoint.

    Raises:
        ProofFormatError: it is none.
    """
    lines, checkpoint = _split(data)
    return WitnessRequest(_numbered("old", lines[0]), _path(lines[1:]), checkpoint)


def _split(data: bytes) -> tuple[list[str], bytes]:
    if len(data) > MAX_PROOF:
        raise ProofFormatError(f"a proof has at most {MAX_PROOF} bytes")
    head, blank, checkpoint = data.partition(b"\n\n")
    if not blank or not head.isascii():
        raise ProofFormatError("there is no empty line before the checkpoint")
    return head.decode("ascii").split("\n"), checkpoint


def _numbered(word: str, line: str) -> int:
    found, _, number = line.partition(" ")
    try:
        if found != word:
            raise ValueError(f"is not written '{word} N'")
        return parse_decimal(number)
    except ValueError as error:
        raise ProofFormatError(f"the proof's {word} {error}") from None


def _path(lines: list[str]) -> tuple[bytes, ...]:
    if len(lines) > MAX_PATH:
        raise ProofFormatError(f"a proof has at most {MAX_PATH} hashes")
    try:
        return tuple(map(decode_hash, lines))
    except ValueError as error:
        raise ProofFormatError(f"a hash of the proof {error}") from None
