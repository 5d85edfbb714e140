"""Starting a log anew after a loss: another name, whose first row tells where the old one ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from marketplace.federation.errors import FederationError
from marketplace.federation.history import get_evidence
from marketplace.federation.keys import SiteKeys
from marketplace.federation.trees import PublishedLog, Trees, find_epoch
from marketplace.tlog.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from marketplace.tlog.note import parse_note


class NotHaltedError(FederationError, code="federation.not-halted"):
    """The log is being published: a new epoch would break it off for nothing."""


class NeverPublishedError(FederationError, code="federation.never-published"):
    """The log was never published, so there is nothing to start anew."""


def find_published(session: Session, log: str) -> PublishedLog:
    """The newest tree of a log.

    Raises:
        NeverPublishedError: it has none.
    """
    found = Trees(session).find(log)
    if found is None:
        raise NeverPublishedError(f"the log {log} was never published")
    return found


def verify_halted(log: PublishedLog) -> None:
    """Check that a log is not being published.

    Raises:
        NotHaltedError: it is.
    """
    if log.halted is None:
        raise NotHaltedError(f"{log.origin} is published: no peer has shown that anything of it is missing")


def open_epoch(
    session: Session,
    log: PublishedLog,
    seen: Iterable[Checkpoint],
    taken: Collection[str],
    keys: SiteKeys,
    now: datetime,
) -> PublishedLog:
    """Start a log anew; its entries are published again, in their order, behind the first row.

    Args:
        seen: heads of the old log that peers have, all truly signed by this site.
        taken: names of later epochs that peers know: those were lost too.
    """
    heads = [Checkpoint(log.origin, log.size, log.root), *seen]
    evidence = get_evidence(session, log)
    if evidence is not None:
        heads.append(_read_head(evidence, keys))
    known = [log.epoch, *(find_epoch(log, origin) or 0 for origin in [*taken, *(h.origin for h in heads)])]
    last = max((head for head in heads if head.origin == log.origin), key=lambda head: head.size)
    return Trees(session).open_epoch(log, max(known) + 1, last, keys, now)


def _read_head(note: bytes, keys: SiteKeys) -> Checkpoint:
    """A head of the log or of a later epoch of it."""
    origin = parse_checkpoint(parse_note(note).text).origin
    return verify_checkpoint(note, keys.verifier(origin)).checkpoint
