"""The rows of a page: judged, cut to what a transaction holds, and sorted by what becomes of each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from marketplace.peers.acceptance.protocol import Refusal
from marketplace.peers.errors import MalformedError, WithheldError
from marketplace.peers.limits import PAGE_BYTES
from marketplace.peers.model import Rejected, WantedRow
from marketplace.peers.pull.bundles import Verdicts
from marketplace.tlog.errors import MissingRowsError, TooManyRowsError
from marketplace.tlog.following import TrustedLog, VerifiedPage, judge_page
from marketplace.tlog.leaf import EntryLeaf, Leaf
from validators.document import AcceptedEntry


@dataclass(frozen=True, slots=True)
class PageRow:
    """A row of a page and what was made of its body."""

    sequence: int
    leaf: EntryLeaf
    verdict: AcceptedEntry | Refusal | None


def judge_rows(log: TrustedLog, rows: Sequence[bytes]) -> VerifiedPage:
    """Take in the rows behind the cursor, as ``judge_page`` does.

    Raises:
        ContactError: no rows or too many, which a peer can mend.
        IntegrityError: at the checkpoint's size the root is not the signed one.
    """
    try:
        return judge_page(log, rows)
    except MissingRowsError as error:
        raise WithheldError(str(error)) from None
    except TooManyRowsError as error:
        raise MalformedError(str(error)) from None


def cut(log: TrustedLog, rows: Sequence[bytes], most: int) -> Iterator[VerifiedPage]:
    """Judged pages that a transaction can hold, as their rows claim.

    Args:
        most: rows of a page.
    """
    start = 0
    while start < len(rows):
        end, size = start, 0
        whole = judge_rows(log, rows[start : start + most]) if rows else None
        assert whole is not None  # noqa: S101  # the loop runs only while there are rows
        for leaf in whole.leaves:
            size += leaf.size if isinstance(leaf, EntryLeaf) else 0
            if end > start and size > PAGE_BYTES:
                break
            end += 1
        page = whole if end - start == len(whole.leaves) else judge_rows(log, rows[start:end])
        yield page
        log, start = page.log, end


def unknown_rows(page: VerifiedPage, known: Set[str], verdicts: Verdicts) -> list[PageRow]:
    """The rows of a page whose entries are not here yet."""
    return [
        PageRow(page.first + n, leaf, verdicts.get(leaf.entry_id))
        for n, leaf in enumerate(page.leaves)
        if isinstance(leaf, EntryLeaf) and leaf.entry_id not in known
    ]


def entry_ids(leaves: Sequence[Leaf | None]) -> list[str]:
    """The ids of the entries that leaves name."""
    return [leaf.entry_id for leaf in leaves if isinstance(leaf, EntryLeaf)]


def sort_rows(
    peer_log_id: int, rows: Sequence[PageRow]
) -> tuple[list[tuple[PageRow, AcceptedEntry]], list[WantedRow], list[Rejected]]:
    """The rows whose entries come in, those whose body is missing, and those that are passed over."""
    entries: list[tuple[PageRow, AcceptedEntry]] = []
    wanted: list[WantedRow] = []
    rejected: list[Rejected] = []
    for row in rows:
        leaf, verdict = row.leaf, row.verdict
        if isinstance(verdict, Refusal):
            rejected.append(Rejected(peer_log_id, row.sequence, leaf.entry_id, verdict.code, verdict.message))
        elif verdict is None or verdict.entry_id != leaf.entry_id:
            # Another entry's bytes say nothing about the one that was asked for: somebody else may have it.
            wanted.append(
                WantedRow(peer_log_id, row.sequence, leaf.entry_id, leaf.origin, leaf.sequence, leaf.time, 0)
            )
        else:
            entries.append((row, verdict))
    return entries, wanted, rejected
