"""Judges a peer's log. No network, no database, no clock: state and what the peer sent in, next state out.

A pull folds rows into the frontier it keeps. Rows in the middle of a page run
prove nothing yet; when the frontier reaches the size of the newest checkpoint
it must have exactly the signed root. Only then is it ``proven``, and only to
there does a pull go back when the peer turns out to lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from marketplace.peers.errors import MalformedError, PeerError, WithheldError
from marketplace.peers.frontier import EMPTY, Frontier
from marketplace.peers.leaves import Leaf, parse_leaf
from marketplace.peers.limits import MAX_LEAF


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A checkpoint whose signature by the peer's log key holds.

    Args:
        origin: the log's name, as signed.
        size: rows that it covers.
        root: the tree's root hash there, 32 bytes.
        note: the signed text as received: the evidence, should it be needed.
    """

    origin: str
    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """What this site knows of one log of a peer.

    Args:
        newest: the largest checkpoint ever seen; None before the first.
        proven: the frontier that equalled a signed root.
        reached: the frontier behind the last row taken in; its size is the cursor.
    """

    origin: str
    newest: SignedHead | None = None
    proven: Frontier = EMPTY
    reached: Frontier = EMPTY

    @property
    def behind(self) -> int:
        """Rows that the newest checkpoint covers and that were not taken in yet."""
        return 0 if self.newest is None else self.newest.size - self.reached.size

    def rewound(self) -> TrustedLog:
        """The log as it was proven last."""
        return replace(self, reached=self.proven)


class IntegrityError(PeerError):
    """The log contradicts what its key signed: the peer is quarantined and this is kept.

    Args:
        first: the signed text that was there before, or that is contradicted.
        second: the signed text or the rows that contradict it.
    """

    code: ClassVar[str] = "integrity"

    def __init__(self, message: str, first: str = "", second: str = "") -> None:
        super().__init__(message)
        self.first = first
        self.second = second


class ForeignLogError(IntegrityError):
    """A checkpoint of another log, signed by the right key."""

    code = "integrity.origin"


class UnsignedError(IntegrityError):
    """A checkpoint that the peer's log key did not sign."""

    code = "integrity.signature"


class RollbackError(IntegrityError):
    """A checkpoint smaller than one signed before."""

    code = "integrity.rollback"


class SplitViewError(IntegrityError):
    """Two checkpoints of one size and different roots."""

    code = "integrity.split-view"


class WrongRootError(IntegrityError):
    """The rows do not make the tree that was signed."""

    code = "integrity.root"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows judged: the log behind them, and their leaves by sequence (None: a version not known here)."""

    log: TrustedLog
    first: int
    leaves: tuple[Leaf | None, ...]


def judge_head(log: TrustedLog, head: SignedHead) -> TrustedLog:
    """Take in a checkpoint.

    Raises:
        IntegrityError: it contradicts an earlier one.
    """
    if head.origin != log.origin:
        raise ForeignLogError(
            f"the checkpoint is of the log {head.origin[:80]!r} and not of {log.origin!r}", second=head.note
        )
    known = log.newest
    if known is None:
        return replace(log, newest=head)
    if head.size < known.size:
        raise RollbackError(f"the log went back from {known.size} to {head.size} rows", known.note, head.note)
    if head.size == known.size:
        if head.root != known.root:
            raise SplitViewError(
                f"two checkpoints of size {head.size} have different roots", known.note, head.note
            )
        return log
    return replace(log, newest=head)


def judge_page(log: TrustedLog, rows: Sequence[bytes]) -> Page:
    """Take in the rows behind the cursor.

    Args:
        rows: leaves as received; at least one, none beyond the newest checkpoint.

    Raises:
        WithheldError: no rows, although the checkpoint covers more.
        MalformedError: more rows than the checkpoint covers, or one too long.
        IntegrityError: at the checkpoint's size the root is not the signed one.
    """
    head = log.newest
    if head is None or len(rows) > log.behind:
        raise MalformedError(f"the peer sends {len(rows)} rows where its checkpoint leaves {log.behind}")
    if not rows:
        raise WithheldError(f"the peer signed for {head.size} rows and ends at {log.reached.size}")
    if any(len(row) > MAX_LEAF for row in rows):
        raise MalformedError(f"a row has more than {MAX_LEAF} bytes")
    reached = log.reached.extended(rows)
    proven = log.proven
    if reached.size == head.size:
        if reached.root() != head.root:
            raise WrongRootError(
                f"the rows up to {head.size} do not make the signed root", head.note, _excerpt(rows)
            )
        proven = reached
    judged = replace(log, reached=reached, proven=proven)
    return Page(judged, log.reached.size, tuple(parse_leaf(row) for row in rows))


def _excerpt(rows: Sequence[bytes]) -> str:
    return b"\n".join(rows).decode("utf-8", "backslashreplace")
