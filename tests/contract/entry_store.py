"""Logs filled with entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import insert, select

from marketplace.access import ANONYMOUS, Principal
from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.entries import (
    EntryQuery,
    EntryRow,
    ListCaches,
    VisibleEntries,
)
from marketplace.entries.dated import matches_filters, matches_search, ordered
from marketplace.models import Entry, Log
from marketplace.rules.columns import is_pdisk, is_web
from marketplace.rules.trust import StoredVerdict
from tests.entry_rules import conflicting, current, rank
from tests.factories.entries import moment
from tests.factories.stated import Stated
from tests.factories.storing import delete_all, imports, take_all
from validators.document import AcceptedEntry, Coordinates

NOW = moment(1000)

GROUP = "group:g"

BOTH = Principal("member", frozenset({PUBLIC, GROUP, "group:unknown"}))

NOBODY = Principal("nobody", frozenset())


def fill(database: Database, logs: Mapping[str, Sequence[AcceptedEntry]]) -> None:
    """Make the database hold exactly these entries, taken in in this order."""
    with database.write() as session:
        delete_all(session)
        session.execute(insert(Log).values(name=PUBLIC, next_sequence=0))
        ChangeLog(session).create(GROUP)
        take_all(session, [item for log, entries in logs.items() for item in imports(entries, log)], NOW)


def add(database: Database, log: str, entry: AcceptedEntry) -> None:
    """Take one entry in."""
    with database.write() as session:
        take_all(session, imports([entry], log), NOW)


#: Verdicts that tests of lists hold: one endorser is trusted, the other revoked.
CONFIRMED = ("Bob@x.org",)


def as_row(
    entry: AcceptedEntry, key: int, conflicts: set[str], held: Mapping[str, StoredVerdict]
) -> EntryRow:
    said = entry.metadata
    return EntryRow(
        key=key,
        entry_id=entry.entry_id,
        identifier=entry.identifier,
        email=entry.endorser.email,
        created=entry.created,
        subject=entry.endorser.subject,
        issuer=entry.endorser.issuer,
        size=said.size,
        type=said.type,
        valid=said.valid,
        deprecated=said.deprecated,
        title=said.title,
        description=said.description,
        os=said.os,
        os_version=said.os_version,
        os_arch=said.os_arch,
        kind=said.kind,
        format=said.format,
        publisher=said.publisher,
        version=said.version,
        location=said.locations[0] if said.locations else None,
        has_web=is_web(said.locations),
        has_pdisk=is_pdisk(said.locations),
        strength=entry.strength,
        conflicting=entry.entry_id in conflicts,
        confirmed=bool(held) and entry.endorser.email in CONFIRMED,
        key_digest=entry.signer.key_digest,
        bound=entry.signer.email is not None,
        verdict=held.get(entry.endorser.email),
    )


def expected_rows(
    entries: Iterable[AcceptedEntry],
    query: EntryQuery,
    keys: dict[str, int],
    held: Mapping[str, StoredVerdict],
) -> list[EntryRow]:
    """What the list holds before searching and cutting, from the set alone."""
    stated = [Stated(e) for e in entries]
    conflicts = conflicting(stated)
    if query.created is not None:
        at: defaultdict[Coordinates, list[Stated]] = defaultdict(list)
        for one in stated:
            if one.created == query.created:
                at[one.entry.coordinates].append(one)
        stated = [max(found, key=rank) for found in at.values()]
    else:
        stated = [s for found in current(stated).values() for s in found]
    stated = [s for s in stated if query.tag is None or query.tag in s.tags]
    rows = [as_row(s.entry, keys[s.entry_id], conflicts, held) for s in stated]
    return ordered([r for r in rows if matches_filters(r, query)], query)


def check_list(
    database: Database,
    principal: Principal,
    entries: list[AcceptedEntry],
    query: EntryQuery,
    held: Mapping[str, StoredVerdict] = MappingProxyType({}),
    caches: ListCaches | None = None,
) -> None:
    unique = list({e.entry_id: e for e in entries}.values())
    with database.read() as session:
        visible = VisibleEntries(session, principal, caches)
        keys = dict(session.execute(select(Entry.entry_id, Entry.id)).tuples().all())
        page = visible.list(query)
        bodies = [stored.data for stored in visible.stream_bodies(query)]
    rows = expected_rows(unique, query, keys, held)
    found = [r for r in rows if matches_search(r, query)]
    window = found[query.offset : None if query.limit is None else query.offset + query.limit]
    assert list(page.rows) == window
    assert (page.total, page.matching) == (len(rows), len(found))
    data = {e.entry_id: e.data for e in unique}
    assert bodies == [data[r.entry_id] for r in window]


def shown(database: Database, when: datetime, caches: ListCaches) -> tuple[int, int, int]:
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS, caches)
        page = visible.list(EntryQuery(now=when, search="image"))
        return len(page.rows), page.matching, page.total
