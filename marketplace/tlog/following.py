"""Judges a log that is followed. No network, no database, no clock: state and what came in, next state out.

Whoever follows folds rows into the frontier it keeps. Rows in the middle of a page run
prove nothing yet; when the frontier reaches the size of the newest checkpoint
it must have exactly the signed root. Only then is it ``proven``, and only to
there does a follower go back when the log turns out to lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from marketplace.tlog.checkpoint import SignedCheckpoint
from marketplace.tlog.errors import LeafError, MissingRowsError, TlogError, TooManyRowsError
from marketplace.tlog.leaf import MAX_LEAF, Leaf, parse_leaf
from marketplace.tlog.merkle import Frontier, hash_leaf

#: The tree without leaves.
EMPTY = Frontier()


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """What a follower knows of one log.

    Args:
        newest: the largest checkpoint ever seen; None before the first.
        proven: the frontier that equalled a signed root.
        reached: the frontier behind the last row taken in; its size is the cursor.
        passes: heads between cursor and newest checkpoint that the log's key signed too, the smallest
            first: whoever saw them, the rows must make their trees on the way.
    """

    origin: str
    newest: SignedCheckpoint | None = None
    proven: Frontier = EMPTY
    reached: Frontier = EMPTY
    passes: tuple[SignedCheckpoint, ...] = ()

    @property
    def behind(self) -> int:
        """Rows that the newest checkpoint covers and that were not taken in yet."""
        return 0 if self.newest is None else self.newest.checkpoint.size - self.reached.size


class IntegrityError(TlogError, code="integrity"):
    """The log contradicts what its key signed: it is followed no further, and this is kept.

    Args:
        first: the signed text that was there before, or that is contradicted.
        second: the signed text or the rows that contradict it.
    """

    def __init__(self, message: str, first: str = "", second: str = "") -> None:
        super().__init__(message)
        self.first = first
        self.second = second


class ForeignLogError(IntegrityError, code="integrity.origin"):
    """A checkpoint of another log, signed by the right key."""


class UnsignedError(IntegrityError, code="integrity.signature"):
    """A checkpoint that the log's key did not sign."""


class RollbackError(IntegrityError, code="integrity.rollback"):
    """A checkpoint smaller than one signed before."""


class SplitViewError(IntegrityError, code="integrity.split-view"):
    """Two checkpoints of one size and different roots, or of two sizes where no tree continues the other."""


class FrozenError(IntegrityError, code="integrity.frozen"):
    """A checkpoint smaller than one that was signed before and shown to somebody else."""


class WrongRootError(IntegrityError, code="integrity.root"):
    """The rows do not make the tree that was signed."""


@dataclass(frozen=True, slots=True)
class VerifiedPage:
    """Rows judged: the log behind them, what each says (None: nothing that can be read), and their hashes."""

    log: TrustedLog
    first: int
    leaves: tuple[Leaf | None, ...]
    hashes: tuple[bytes, ...]


def judge_head(log: TrustedLog, signed: SignedCheckpoint) -> TrustedLog:
    """Take in a checkpoint whose signature was verified.

    Raises:
        IntegrityError: it contradicts an earlier one.
    """
    head = signed.checkpoint
    if head.origin != log.origin:
        raise ForeignLogError(
            f"the checkpoint is of the log {head.origin[:80]!r} and not of {log.origin!r}",
            second=_text(signed),
        )
    if log.newest is None:
        _verify_proven(log, signed)
        return replace(log, newest=signed)
    known = log.newest.checkpoint
    if head.size < known.size:
        raise RollbackError(
            f"the log went back from {known.size} to {head.size} rows", _text(log.newest), _text(signed)
        )
    if head.size == known.size:
        if head.root != known.root:
            raise SplitViewError(
                f"two checkpoints of size {head.size} have different roots", _text(log.newest), _text(signed)
            )
        return log
    return replace(log, newest=signed)


def _verify_proven(log: TrustedLog, signed: SignedCheckpoint) -> None:
    """After a release no checkpoint is remembered, but what was proven stays so."""
    head, proven = signed.checkpoint, log.proven
    if head.size < proven.size:
        raise RollbackError(f"the log went back from {proven.size} to {head.size} rows", second=_text(signed))
    if head.size == proven.size and head.root != proven.root:
        raise SplitViewError(f"another root than the one proven at size {head.size}", second=_text(signed))


def judge_page(log: TrustedLog, rows: Sequence[bytes]) -> VerifiedPage:
    """Take in the rows behind the cursor.

    Args:
        rows: leaves as received; at least one, none beyond the newest checkpoint.

    Raises:
        MissingRowsError: no rows, although the checkpoint covers more.
        TooManyRowsError: more rows than the checkpoint covers.
        IntegrityError: at the size of the checkpoint, or of one before it, the root is not the signed one.
    """
    if log.newest is None or len(rows) > log.behind:
        raise TooManyRowsError(f"the log sends {len(rows)} rows where its checkpoint leaves {log.behind}")
    head = log.newest.checkpoint
    if not rows:
        raise MissingRowsError(f"the log signed for {head.size} rows and ends at {log.reached.size}")
    hashes = tuple(map(hash_leaf, rows))
    reached = log.reached.extended(hashes)
    proven = log.proven
    if reached.size == head.size:
        if reached.root != head.root:
            raise WrongRootError(
                f"the rows up to {head.size} do not make the signed root", _text(log.newest), _excerpt(rows)
            )
        proven = reached
    _verify_passes(log, log.newest, hashes)
    passes = tuple(one for one in log.passes if one.checkpoint.size > reached.size)
    judged = replace(log, reached=reached, proven=proven, passes=passes)
    return VerifiedPage(judged, log.reached.size, tuple(map(read_row, rows)), hashes)


def _verify_passes(log: TrustedLog, newest: SignedCheckpoint, hashes: Sequence[bytes]) -> None:
    at = log.reached
    for one in log.passes:
        head = one.checkpoint
        if not at.size <= head.size <= log.reached.size + len(hashes):
            continue
        at = at.extended(hashes[at.size - log.reached.size : head.size - log.reached.size])
        if at.root != head.root:
            raise SplitViewError(
                f"the rows up to {newest.checkpoint.size} do not make the tree of {head.size} rows on their "
                "way that was signed too",
                _text(one),
                _text(newest),
            )


def read_row(row: bytes) -> Leaf | None:
    """What a row says, None where it cannot be read.

    The bytes are in the signed tree either way: an odd row, or one that is too long, is passed over and
    does not stop the next.
    """
    # Long ones are none that are worth a place in memory.
    return _read(row) if len(row) <= MAX_LEAF else None


# The rows of bundles are read when their bodies are asked for, and again when they are judged.
@lru_cache(maxsize=4096)
def _read(row: bytes) -> Leaf | None:
    try:
        return parse_leaf(row)
    except LeafError:
        return None


def _text(signed: SignedCheckpoint) -> str:
    return signed.note.to_bytes().decode()


def _excerpt(rows: Sequence[bytes]) -> str:
    return b"\n".join(rows).decode("utf-8", "backslashreplace")
