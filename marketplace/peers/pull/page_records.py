"""What pulls record beside the entries of a page, in the transaction of the one writer."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from marketplace.ingest import IngestResult
from marketplace.peers.model import FollowedLog, Rejected, WantedRow
from marketplace.peers.pull.rows import PageRow
from marketplace.peers.registry.missing_rows import (
    forget_wanted,
    mark_erased,
    postpone_wanted,
    reject_erased,
)
from marketplace.peers.registry.pull_writes import PageOutcome, erased_of, save_comparison, save_step
from marketplace.tlog.following import TrustedLog
from validators.document import AcceptedEntry

Outcome = IngestResult | Exception


@dataclass(frozen=True, slots=True)
class PulledPage:
    """A judged page of a log: its rows, the cursor and the frontier.

    Args:
        followed: the log as it was read.
        trusted: the log behind the page.
        rows: of the entries, in their order.
        wanted: rows whose body did not come.
        rejected: rows that are passed over already.
        received: bytes that came over the network for it.
    """

    followed: FollowedLog
    trusted: TrustedLog
    rows: Sequence[PageRow]
    wanted: Sequence[WantedRow]
    rejected: Sequence[Rejected]
    received: int
    now: datetime

    def write(self, session: Session, outcomes: Sequence[Outcome]) -> None:
        """Move the cursor, and record what was not taken; see ``PageRecord``."""
        failed = [
            Rejected(self.followed.id, row.sequence, row.leaf.entry_id, *_reason(outcome))
            for row, outcome in zip(self.rows, outcomes, strict=True)
            if isinstance(outcome, Exception)
        ]
        taken = [one for one in outcomes if isinstance(one, IngestResult)]
        step = PageOutcome(
            self.followed,
            self.trusted,
            self.wanted,
            [*self.rejected, *failed],
            [one.entry_id for one in taken],
            sum(one.outcome == "created" for one in taken),
            self.received,
        )
        save_step(session, step, self.now)


@dataclass(frozen=True, slots=True)
class WantedBodies:
    """Bodies of rows that were missing, from whoever has them.

    Args:
        entries: those that came, in the order of the page.
        log: name of the log that they come into.
    """

    entries: Sequence[AcceptedEntry]
    log: str
    now: datetime

    def write(self, session: Session, outcomes: Sequence[Outcome]) -> None:
        """Want no more what came, or was erased here; see ``PageRecord``."""
        by_id = _by_id(self.entries, outcomes)
        forget_wanted(session, self.log, _taken(by_id))
        reject_erased(session, self.log, erased_of(by_id), self.now)


@dataclass(frozen=True, slots=True)
class RetriedBodies:
    """Bodies of a peer's own rows that were missing, from this peer.

    Args:
        came: those that came.
        rows: all that were asked for.
        followed_id: of the log whose rows they are.
        erased: ids of the entries that the peer says it erased.
    """

    came: WantedBodies
    rows: Sequence[WantedRow]
    followed_id: int
    erased: Set[str]

    def write(self, session: Session, outcomes: Sequence[Outcome]) -> None:
        """Want no more what is settled, and the rest later; see ``PageRecord``."""
        self.came.write(session, outcomes)
        by_id = _by_id(self.came.entries, outcomes)
        settled = {*_taken(by_id), *(one for one, _ in erased_of(by_id))}
        now = self.came.now
        postpone_wanted(session, [one for one in self.rows if one.entry_id not in settled], now)
        mark_erased(session, self.followed_id, sorted(self.erased - settled), now)


@dataclass(frozen=True, slots=True)
class ComparedPart:
    """A part of what a comparison of whole sets brought.

    Args:
        entries: of the page.
    """

    followed: FollowedLog
    entries: Sequence[AcceptedEntry]
    now: datetime

    def write(self, session: Session, outcomes: Sequence[Outcome]) -> None:
        """Record the comparison; see ``PageRecord``."""
        save_comparison(session, self.followed, _by_id(self.entries, outcomes), self.now)


def _by_id(entries: Sequence[AcceptedEntry], outcomes: Sequence[Outcome]) -> dict[str, Outcome]:
    return {entry.entry_id: outcome for entry, outcome in zip(entries, outcomes, strict=True)}


def _taken(outcomes: dict[str, Outcome]) -> list[str]:
    """Ids of the entries that are here now."""
    return [one for one, outcome in outcomes.items() if isinstance(outcome, IngestResult)]


def _reason(error: Exception) -> tuple[str, str]:
    return str(getattr(error, "code", "store.refused")), " ".join(str(error).split())
