"""Receipts: that an entry stands in a published log, for anybody to verify offline."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.federation.errors import NotInLogError, NotPublishedError
from marketplace.federation.published_logs import PublishedLogs
from marketplace.federation.trees import PublishedLog, Trees
from marketplace.models import ChangeRow, Entry
from marketplace.tlog.merkle import prove_consistency, prove_inclusion
from marketplace.tlog.proof import InclusionProof


def prove_entry(logs: PublishedLogs, log: PublishedLog, entry_id: str) -> InclusionProof:
    """The proof that an entry is in a log, under its newest checkpoint.

    Raises:
        NotInLogError: it does not.
        NotPublishedError: it was accepted, and no checkpoint covers it yet.
    """
    sequence = logs.session.scalar(
        select(ChangeRow.sequence)
        .join(Entry, Entry.id == ChangeRow.entry_key)
        .where(ChangeRow.log_id == log.log_id, Entry.entry_id == entry_id)
    )
    if sequence is None:
        raise NotInLogError("the log has no such entry")
    index = log.head + sequence
    if index >= log.size:
        raise NotPublishedError("the entry is accepted; the next checkpoint will cover it")
    trees = Trees(logs.session)
    (leaf,) = trees.leaves(log.tree_id, index, index + 1)
    path = prove_inclusion(index, log.size, trees.nodes(log))
    return InclusionProof(leaf, index, tuple(path), logs.checkpoint(log))


def prove_growth(session: Session, log: PublishedLog, old: int) -> list[bytes]:
    """The proof that a log continues the one it was at an older size, 0 to its size now."""
    return prove_consistency(old, log.size, Trees(session).nodes(log))
