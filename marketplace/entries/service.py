"""Reading entries. ``VisibleEntries`` is the only way in: nothing is read for nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC, Principal
from marketplace.catalogue import Catalogue
from marketplace.entries.bounded_cache import BoundedCache
from marketplace.entries.certificates import CertificateUse, EndorserChange, find_certificates, find_changes
from marketplace.entries.conditions import stated, stating
from marketplace.entries.conflicts import Conflict, find_conflict, find_conflicts
from marketplace.entries.current_keys import find_current, find_tagged
from marketplace.entries.current_statements import CurrentStatement, Listed, find_statements
from marketplace.entries.dated import matches_filters, matches_search, ordered
from marketplace.entries.endorsers import EndorserTally, find_endorser, find_tags, list_endorsers
from marketplace.entries.erased import Erased, coordinates_digest
from marketplace.entries.lines import LineMemory
from marketplace.entries.listing import Listing
from marketplace.entries.lookalikes import LookAlikes
from marketplace.entries.ordering import Orders
from marketplace.entries.query import EntryQuery, can_occur
from marketplace.entries.records import (
    EndorserRecord,
    EndorserRow,
    EntryPage,
    EntryRecord,
    EntryRow,
    StoredEntry,
)
from marketplace.entries.rows import read_named, read_newest, read_record, read_rows
from marketplace.entries.twins import find_vouching, list_vouching
from marketplace.models import (
    ChangeRow,
    Entry,
    Erasure,
    Log,
)
from marketplace.rules.current import preferred
from marketplace.rules.visibility import VisibleLogs, find_scope
from validators.document import Checksum, Coordinates

#: Most rows of a timeline or of what an endorser said lately; the newest are kept.
ROWS_LIMIT = 10_000
#: Images that one checksum is looked up for: more than one are a lie or a collision.
MOST_IMAGES = 20


class ListCaches:
    """What a process remembers about the lists of one database; all VisibleEntries of it should share one."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self.orders = Orders()
        self.lines = LineMemory()
        self.endorsers = EndorserTally()
        #: By the logs that a reader sees, with their state.
        self.look_alikes = BoundedCache[Hashable, tuple[Hashable, LookAlikes]](64, lambda _: 1)


class VisibleEntries:
    """The entries of the logs that one principal sees, in one transaction; there are no others.

    Args:
        session: a session of ``Database.read``.
        caches: shared by the process; without them lists read the logs anew.
    """

    def __init__(self, session: Session, principal: Principal, caches: ListCaches | None = None) -> None:
        self._session = session
        self._principal = principal
        self._caches = caches or ListCaches()

    @cached_property
    def _scope(self) -> VisibleLogs:
        return find_scope(self._session, self._principal)

    @cached_property
    def _listing(self) -> Listing:
        return Listing(
            self._session, self._scope, self._caches.catalogue, self._caches.orders, self._caches.lines
        )

    def version(self) -> Hashable:
        """While it is the same, only the clock and verdicts can change an answer."""
        return self._scope.version

    def private_among(self, keys: Collection[int]) -> frozenset[int]:
        """The keys, of those given, of entries that the public log does not show."""
        if self._principal.logs <= {PUBLIC}:
            return frozenset()
        public = (
            select(ChangeRow.entry_key)
            .join(Log, Log.id == ChangeRow.log_id)
            .where(Log.name == PUBLIC, ChangeRow.entry_key.in_(keys), ChangeRow.shown)
        )
        return frozenset(keys) - frozenset(self._session.scalars(public))

    def list(self, query: EntryQuery) -> EntryPage:
        """A page of the list with its counts."""
        if query.created is not None:
            rows = self._dated(query)
            matching = [row for row in rows if matches_search(row, query)]
            end = None if query.limit is None else query.offset + query.limit
            return EntryPage(matching[query.offset : end], len(rows), len(matching))
        among = self._listing.find(replace(query, search="", columns=()))
        found = self._listing.find(query) if query.searches() else among
        return EntryPage(self._listing.page(query, found), len(among), len(found))

    def stream_bodies(self, query: EntryQuery) -> Iterator[StoredEntry]:
        """The bodies of the query's window, in its order; read them while the session is open."""
        if query.created is not None:
            keys = [row.key for row in self.list(query).rows]
        else:
            keys = self._listing.vouching_here(self._listing.keys(query, self._listing.find(query)))
        return self._listing.bodies(keys)

    def find_preferred(self, coordinates: Coordinates) -> EntryRow | None:
        """The entry at these coordinates, superseded or not.

        Of several statements the one that ``rules/current.py`` prefers; of several certificates with one
        statement the one that the site stands closest to.
        """
        return self._preferred_of(self._statements(coordinates))

    def find_body(self, coordinates: Coordinates) -> StoredEntry | None:
        """The received bytes at these coordinates, superseded or not."""
        rows = self._statements(coordinates)
        row = self._preferred_of(rows)
        if row is None:
            return None
        return replace(next(self._listing.bodies([row.key])), alone=len(rows) == 1)

    def find(self, coordinates: Coordinates) -> EntryRecord | None:
        """Everything known about the entry at these coordinates."""
        row = self.find_preferred(coordinates)
        return None if row is None else read_record(self._session, self._scope, row)

    def find_erased(self, coordinates: Coordinates) -> Erased | None:
        """What was erased at these coordinates, where nothing else is shown; the latest of several."""
        row = self._session.execute(
            select(Erasure.reason, Erasure.erased_at)
            .join(ChangeRow, ChangeRow.entry_key == Erasure.entry_key)
            .where(Erasure.place == coordinates_digest(coordinates), self._scope.covers(ChangeRow.log_id))
            .order_by(Erasure.erased_at.desc())
            .limit(1)
        ).one_or_none()
        return None if row is None else Erased(**row._mapping)

    def find_by_entry_id(self, entry_id: str) -> EntryRecord | None:
        """Everything known about an entry; the only way to the one that lost an equivocation."""
        if not can_occur(entry_id):
            return None
        rows = read_named(self._session, self._scope, entry_id=entry_id)
        return read_record(self._session, self._scope, rows[0]) if rows else None

    def find_body_by_entry_id(self, entry_id: str) -> StoredEntry | None:
        """The received bytes of an entry."""
        record = self.find_by_entry_id(entry_id)
        return None if record is None else next(self._listing.bodies([record.row.key]))

    def conflicts(
        self, after: Coordinates | None = None, email: str | None = None, limit: int = ROWS_LIMIT
    ) -> Sequence[Conflict]:
        """Coordinates at which visible entries say different things, in the order of coordinates.

        Args:
            after: only behind these coordinates.
            email: only this endorser's.
        """
        return find_conflicts(self._session, self._scope, after, email, limit)

    def conflict(self, coordinates: Coordinates) -> Conflict | None:
        """What visible entries say against each other at these coordinates, if they do."""
        return find_conflict(self._session, self._scope, coordinates)

    def statements_about(self, identifier: str) -> Sequence[CurrentStatement]:
        """The current statements about an image, also those that the site's filter hides: for verdicts."""
        return find_statements(self._session, self._scope, identifier)

    def listed_of(self, identifiers: Collection[str]) -> tuple[Sequence[Listed], frozenset[str]]:
        """The current statements about images of a list by whoever may count; see ``find_listed``."""
        return self._caches.lines.listed_of(self._session, self._scope, identifiers)

    def identifiers_with(self, checksum: Checksum) -> Sequence[str]:
        """The images of which a visible entry states a checksum."""
        statement = (
            select(Entry.identifier)
            .where(Entry.id.in_(stating(checksum, self._scope)))
            .distinct()
            .order_by(Entry.identifier)
            .limit(MOST_IMAGES)
        )
        return self._session.scalars(statement).all()

    def timeline(self, identifier: str) -> Sequence[EntryRow]:
        """Every entry about an image by every endorser, oldest first; of too many the newest ones."""
        return self._newest(identifier=identifier) if can_occur(identifier) else []

    def current_of(self, identifiers: Collection[str], limit: int = ROWS_LIMIT) -> Sequence[EntryRow]:
        """The first current entries of some images: by image, the newest of each first.

        Several of one address are signed with different keys, neither of which speaks for the other;
        ``EntryRow.trusted`` says whose word counts.

        Args:
            identifiers: well-formed ones.
        """
        keys = find_current(self._session, self._scope, identifiers, limit)
        rows = read_rows(self._session, self._scope, list_vouching(self._session, self._scope, keys))
        newest = sorted({row.key: row for row in rows}.values(), key=EntryRow.rank, reverse=True)
        return sorted(newest, key=lambda row: row.identifier)

    def recent(self, email: str, since: datetime) -> Sequence[EntryRow]:
        """What an endorser said at or after a time, newest first."""
        if not can_occur(email):
            return []
        return self._newest(since, email=email)[::-1]

    def tagged(self, email: str, tag: str) -> EntryRow | None:
        """What e-mail + tag names, of the current entries with the tag that are not deprecated.

        The newest of the key that the site trusts for the address, else the newest, as ``preferred`` says.
        """
        if not (can_occur(email) and can_occur(tag)):
            return None
        found = find_tagged(self._session, self._scope, email, tag)
        if found is None:
            return None
        (key,) = list_vouching(self._session, self._scope, [found])
        return read_rows(self._session, self._scope, [key])[0]

    def endorsers(self) -> Sequence[EndorserRow]:
        """Every endorser with its entries counted, by e-mail, subject and issuer."""
        return list_endorsers(self._session, self._scope, self._caches.endorsers)

    def endorser(self, email: str) -> EndorserRecord | None:
        """One endorser with every name it signed under."""
        return find_endorser(self._session, self._scope, email)

    def certificates(self, email: str, now: datetime) -> Sequence[CertificateUse]:
        """The certificates an endorser signed with, the latest seen first; ``now`` tells which are new."""
        return find_certificates(self._session, self._scope, email, now)

    def endorser_changes(self, certificates: Sequence[CertificateUse]) -> Sequence[EndorserChange]:
        """What changed about certificates from ``certificates``, newest first."""
        return find_changes(self._session, certificates)

    def look_alikes(self) -> LookAlikes:
        """Which of the visible endorsers can be taken for one another."""
        known = self._caches.look_alikes.find(self._scope.keys)
        if known is None or known[0] != self._scope.version:
            known = self._scope.version, LookAlikes(self.endorsers())
            self._caches.look_alikes.keep(self._scope.keys, known)
        return known[1]

    def tags(self, email: str) -> Sequence[str]:
        """The tags that name an entry of this endorser, by code point."""
        return find_tags(self._session, self._scope, email)

    def _newest(self, since: datetime | None = None, **values: str) -> Sequence[EntryRow]:
        """The newest entries, oldest first; of those that say the same the one that is shown comes last."""
        rows = read_newest(self._session, self._scope, ROWS_LIMIT, since, **values)
        found = sorted(rows, key=EntryRow.rank)
        places = {row.key: place for place, row in enumerate(found)}
        last: dict[int, int] = {}
        for key, shown in find_vouching(self._session, self._scope, list(places)).items():
            if shown in places:
                last[shown] = max(last.get(shown, places[shown]), places[key])
        for shown, place in last.items():
            other = found[place].key
            found[places[shown]], found[place] = found[place], found[places[shown]]
            places[shown], places[other] = place, places[shown]
        return found

    def _statements(self, coordinates: Coordinates) -> Sequence[EntryRow]:
        if not (can_occur(coordinates.identifier) and can_occur(coordinates.email)):
            return []
        return read_named(self._session, self._scope, **asdict(coordinates))

    def _preferred_of(self, rows: Sequence[EntryRow]) -> EntryRow | None:
        """What is shown of the entries at one place."""
        if len(rows) < 2:
            return rows[0] if rows else None
        best = preferred(row.claim() for row in rows)
        (key,) = list_vouching(self._session, self._scope, [] if best is None else [best.key])
        return next(row for row in rows if row.key == key)

    def _dated(self, query: EntryQuery) -> Sequence[EntryRow]:
        """What is shown at each of the coordinates that a query with a creation time names."""
        named = {"identifier": query.identifier, "email": query.email}
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        if not all(map(can_occur, given.values())):
            return []
        places: defaultdict[Coordinates, list[EntryRow]] = defaultdict(list)
        for row in read_newest(self._session, self._scope, ROWS_LIMIT, created=query.created, **given):
            places[row.coordinates].append(row)
        shown = filter(None, map(self._preferred_of, places.values()))
        found = [row for row in shown if matches_filters(row, query)]
        for keys in stated(query, self._scope):
            wanted = set(self._session.scalars(keys))
            found = [row for row in found if row.key in wanted]
        return ordered(found, query)
