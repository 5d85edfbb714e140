"""Entries on their way into a log, and the result for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.audit import OwedRecord
from marketplace.changes import Provenance
from validators.document import AcceptedEntry, Coordinates


class Source(Enum):
    """Where an entry comes from: only uploads pass the gate."""

    UPLOAD = "upload"
    IMPORT = "import"
    #: Another marketplace accepted it first.
    REPLICA = "replica"


@dataclass(frozen=True, slots=True)
class Item:
    """An accepted entry on its way into a log.

    Args:
        log: name of the log.
        record: written in the transaction that creates the entry, and not written where the entry was in
            the log before.
        provenance: where it was first accepted, if a peer brought it.
    """

    entry: AcceptedEntry
    log: str = PUBLIC
    source: Source = Source.UPLOAD
    record: OwedRecord | None = None
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What happened to an entry: it was created in the log, or it was there before, unchanged.

    Args:
        may_conflict: other entries may have its coordinates, so that another one is shown there.
    """

    coordinates: Coordinates
    entry_id: str
    outcome: Literal["created", "unchanged"]
    sequence: int
    log: str = PUBLIC
    may_conflict: bool = field(default=False, compare=False)


class PageRecord(Protocol):
    """What is recorded of a page beside its entries, in the same transaction."""

    def write(self, session: Session, outcomes: Sequence[IngestResult | Exception]) -> None:
        """Write it. Anything raised undoes the whole page.

        Args:
            outcomes: what became of each entry, in order.
        """


@dataclass(frozen=True, slots=True)
class Page:
    """Accepted entries of another site that come in together or not at all.

    Args:
        entries: what acceptance made of the bytes; the gate does not judge them.
        record: written in the transaction.
        provenance: where each entry was first accepted, as their log claims; empty where it claims nothing.
    """

    entries: Sequence[AcceptedEntry]
    log: str
    record: PageRecord
    provenance: Sequence[Provenance] = ()

    def items(self) -> list[Item]:
        """The entries on their way into the log."""
        claims: Sequence[Provenance | None] = self.provenance or [None] * len(self.entries)
        return [
            Item(entry, self.log, Source.REPLICA, None, claim)
            for entry, claim in zip(self.entries, claims, strict=True)
        ]
