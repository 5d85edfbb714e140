"""Pages of entries that other sites accepted: one transaction with what the puller keeps beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from marketplace.changes import Provenance
from marketplace.ingest.audience import verify_replica
from marketplace.ingest.batch import Batch, Source, Taken
from marketplace.ingest.errors import AudienceError
from validators.document import AcceptedEntry


@dataclass(frozen=True, slots=True)
class Page:
    """Accepted entries that come in together or not at all, and what else the transaction records.

    Args:
        entries: what acceptance made of the bytes; the gate does not judge them.
        within: called in the transaction with what became of each entry, in order. Anything it raises
            undoes the whole page.
        provenance: where each entry was first accepted, as their log claims; empty where it claims nothing.
    """

    entries: Sequence[AcceptedEntry]
    log: str
    within: Callable[[Session, Sequence[Taken | Exception]], None]
    provenance: Sequence[Provenance] = ()


def take_in(session: Session, batch: Batch, page: Page) -> list[Taken | Exception]:
    """Add a page to a batch; what becomes of each entry, in order. One bad entry does not stop the rest.

    Raises:
        DBAPIError: the database is in trouble.
        Exception: whatever ``within`` raises.
    """
    claims: Sequence[Provenance | None] = page.provenance or [None] * len(page.entries)
    outcomes: dict[int, Taken | Exception] = dict(_take_unknown(batch, page, claims))
    for position, entry in enumerate(page.entries):
        if position not in outcomes:
            claim = claims[position]
            outcomes[position] = batch.try_add(entry, page.log, Source.REPLICA, provenance=claim)
    ordered = [outcomes[position] for position in range(len(page.entries))]
    page.within(session, ordered)
    return ordered


def _take_unknown(batch: Batch, page: Page, claims: Sequence[Provenance | None]) -> list[tuple[int, Taken]]:
    """Add all entries of which nothing is known here; none where one of them cannot be stored."""
    positions = [n for n in batch.find_unknown(page.entries) if _may_stand_in(page.entries[n], page.log)]
    if not positions:
        return []
    entries, claimed = [page.entries[n] for n in positions], [claims[n] for n in positions]
    try:
        with batch.savepoint():
            taken = batch.add_unknown(entries, page.log, claimed)
    except (DataError, IntegrityError):
        return []  # one by one it shows which
    return list(zip(positions, taken, strict=True))


def _may_stand_in(entry: AcceptedEntry, log: str) -> bool:
    try:
        verify_replica(entry, log)
    except AudienceError:
        return False
    return True
