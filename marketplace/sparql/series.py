"""What the public log says of some images up to a row: which entries are shown, current, and no longer so."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from pyoxigraph import Quad
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, Change, ChangeLog
from marketplace.entries.erased import find_erasures
from marketplace.models import ChangeRow, Entry, EntryBody
from marketplace.portions import portions
from marketplace.rules.current import SELECT_RANKED, RankedEntry, preferred, to_ranked, unsuperseded
from marketplace.rules.visibility import unindexed
from validators.document import Coordinates
from validators.errors import RefusedError

from .resource import latest, resource, statements
from .triples import triples

log = logging.getLogger(__name__)

#: Rows at once in one question to the database.
_CHUNK = 64


class TouchedSeries:
    """What a page of the log changes: which entries are shown, current, and no longer so.

    Looks at the log up to the page's last row, never beyond: a store on its way
    is that of a shorter log, in which no image lacks its current entry.
    """

    def __init__(
        self,
        session: Session,
        identifiers: Sequence[str],
        end: int,
        is_touched: Callable[[RankedEntry], bool],
    ) -> None:
        self._erased = find_erasures(session)
        self._log_id = ChangeLog(session).key(PUBLIC)
        by_series: defaultdict[tuple[str, str], list[RankedEntry]] = defaultdict(list)
        for row in _rows(session, identifiers, end):
            by_series[row.coordinates.identifier, row.coordinates.email].append(row)
        self._rows: dict[int, RankedEntry] = {}
        self._preferred: set[str] = set()
        self._current: set[int] = set()
        #: The entry shown at each of the coordinates in the touched series.
        self.at: dict[Coordinates, RankedEntry] = {}
        #: Coordinates that several entries of the log claim.
        self.contested: list[Coordinates] = []
        #: The entries shown there.
        self.winners: list[RankedEntry] = []
        #: Coordinates in the touched series whose entry is current, and those whose entry is not.
        self.current: list[Coordinates] = []
        self.superseded: list[Coordinates] = []
        for series in by_series.values():
            touched = {row.key for row in series if is_touched(row)}
            if touched:
                self._sort_out(series, touched)

    def _sort_out(self, series: list[RankedEntry], touched: set[int]) -> None:
        current = {
            claim.entry.key
            for claim in unsuperseded(row.claim() for row in series)
            if not self._erased.supersedes(
                self._log_id, claim.entry.coordinates.image, claim.key_digest, claim.entry.coordinates.created
            )
        }
        self._current |= current
        at: defaultdict[Coordinates, list[RankedEntry]] = defaultdict(list)
        for row in series:
            self._rows[row.key] = row
            at[row.coordinates].append(row)
        for coordinates, rows in at.items():
            winner = preferred(row.claim() for row in rows) or rows[0]
            self._preferred.add(winner.entry_id)
            self.at[coordinates] = winner
            if len(rows) > 1 and any(row.key in touched for row in rows):
                self.contested.append(coordinates)
                self.winners.append(winner)
            (self.current if winner.key in current else self.superseded).append(coordinates)

    def is_preferred(self, entry_id: str) -> bool:
        """Whether the entry is the one shown at its coordinates."""
        return entry_id in self._preferred

    def quads(self, session: Session, keys: Sequence[int]) -> Iterator[Quad]:
        """The statements of entries, the bytes read a few at a time."""
        for portion in portions(keys, _CHUNK):
            bodies = session.execute(
                select(ChangeRow.entry_key, EntryBody.data)
                .join(EntryBody, EntryBody.id == ChangeRow.body_id)
                .where(
                    ChangeRow.log_id == self._log_id,
                    ChangeRow.entry_key.in_(portion),
                )
            )
            for entry_key, data in bodies:
                yield from self._entry(self._rows[entry_key], data)

    def _entry(self, row: RankedEntry, data: bytes) -> Iterator[Quad]:
        subject = resource(row.coordinates)
        try:
            found = triples(data)
        except RefusedError:
            # It passed this very step when it was accepted; one entry must not hold up all others.
            log.exception("a stored entry is no RDF", extra={"entry": row.entry_id})
            return
        yield from statements(subject, row.entry_id, found)
        if row.key in self._current:
            yield latest(subject)


def find_identifiers(session: Session, page: Sequence[Change]) -> list[str]:
    """The images that rows of the log are about, sorted."""
    keys = [change.entry_key for change in page]
    found: set[str] = set()
    for chunk in portions(keys, _CHUNK):
        found.update(session.scalars(select(Entry.identifier).where(Entry.id.in_(chunk))))
    return sorted(found)


def _in_log(log_id: int, end: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whether a row is in a log up to a sequence; SQLite has to come by the entry, and not walk the log."""
    return unindexed(ChangeRow.log_id) == log_id, unindexed(ChangeRow.sequence) <= end


def find_claims(session: Session, identifiers: Sequence[str], end: int) -> Iterator[Coordinates]:
    """The coordinates of every entry about some images in the public log up to a sequence, shown or not."""
    log_id = ChangeLog(session).key(PUBLIC)
    for portion in portions(identifiers, _CHUNK):
        for row in session.execute(
            select(Entry.identifier, Entry.email, Entry.created)
            .join(ChangeRow, ChangeRow.entry_key == Entry.id)
            .where(Entry.identifier.in_(portion), *_in_log(log_id, end))
        ):
            yield Coordinates(**row._mapping)


def _rows(session: Session, identifiers: Sequence[str], end: int) -> Iterator[RankedEntry]:
    """Every entry about some images in the public log up to a sequence."""
    log_id = ChangeLog(session).key(PUBLIC)
    for portion in portions(identifiers, _CHUNK):
        yield from to_ranked(
            session.execute(
                SELECT_RANKED.join(ChangeRow, ChangeRow.entry_key == Entry.id).where(
                    Entry.identifier.in_(portion),
                    *_in_log(log_id, end),
                    ChangeRow.shown,
                )
            )
        )
