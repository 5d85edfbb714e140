"""Whether this site's database still has everything that the site once published.

A database restored from an older backup looks to peers exactly like a site
that takes back what it published. So heads of our own logs that others kept
are compared with what is here, and a log that lacks something, has other rows,
or went on in a later epoch, is halted: neither published nor shown until the operator restores the
rest or opens a new epoch.
"""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from marketplace.federation.trees import PublishedLog, Trees, find_epoch
from marketplace.models import Tree
from marketplace.tlog.checkpoint import Checkpoint
from marketplace.tlog.merkle import read_frontier


def find_contradiction(session: Session, log: PublishedLog, head: Checkpoint) -> str | None:
    """Why a log cannot be the one that had this head; None where it continues it.

    Args:
        head: one that was truly signed by this site for this log or for another epoch of it.
    """
    epoch = find_epoch(log, head.origin)
    if epoch is not None and epoch > log.epoch:
        return (
            f"{log.origin} ended: {head.size} rows of {head.origin}, its epoch {epoch}, were published once, "
            f"and this database knows no epoch after {log.epoch}"
        )
    if head.size > log.size:
        return f"{head.size} rows of {log.origin} were published once, and this database has {log.size}"
    if read_frontier(head.size, Trees(session).nodes(log)).root != head.root:
        return f"the first {head.size} rows of {log.origin} were once published with another content"
    return None


def halt(session: Session, log: PublishedLog, reason: str, evidence: bytes) -> None:
    """Publish nothing more of a log, at any process.

    Args:
        evidence: the signed note that contradicts it; of several the first is kept.
    """
    session.execute(
        update(Tree)
        .where(Tree.id == log.tree_id, Tree.halted.is_(None))
        .values(halted=reason, evidence=evidence)
    )


def get_evidence(session: Session, log: PublishedLog) -> bytes | None:
    """The note that a log was halted for."""
    return session.get_one(Tree, log.tree_id).evidence
