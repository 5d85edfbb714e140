"""Many entries at once, where nothing is known of any of them: a few statements for a whole page.

One by one an entry costs nine statements, and the time goes into making them. What
comes out is the same, and ``tests/contract/test_ingest_pages.py`` holds the two ways
against each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select

from marketplace.ingest.rows import Row, body_row, checksum_rows, current_row, entry_row, said
from marketplace.ingest.statements import (
    FIND_ALL_CURRENT,
    FIND_BODY_KEYS,
    FIND_CERTIFICATE_KEYS,
    FIND_ENTRY_KEYS,
    NOTE_TWINS,
    UPDATE_CURRENT,
)
from marketplace.models import Current, Entry, EntryBody, EntryChecksum, EntryLocation, EntryTag
from marketplace.models.insertion import insert_many
from marketplace.rules.columns import tag_digest
from marketplace.rules.current import precedence
from validators.document import AcceptedEntry


@dataclass(frozen=True, slots=True)
class Stored:
    """Where an entry went: its keys, and the SHA-256 of its bytes in hex."""

    entry_key: int
    body_id: int
    digest: str


def find_unknown(connection: Connection, entries: Sequence[AcceptedEntry]) -> list[int]:
    """The positions of the entries that no log here has, each id once."""
    ids = list(dict.fromkeys(entry.entry_id for entry in entries))
    seen = set(_pairs(connection, FIND_ENTRY_KEYS, {"entry_ids": ids}))
    unknown = []
    for position, entry in enumerate(entries):
        if entry.entry_id not in seen:
            seen.add(entry.entry_id)
            unknown.append(position)
    return unknown


def find_certificates(connection: Connection, fingerprints: Sequence[str]) -> dict[str, int]:
    """The keys of those certificates that are stored, by fingerprint."""
    return _pairs(connection, FIND_CERTIFICATE_KEYS, {"fingerprints": fingerprints})


def insert_unknown(
    connection: Connection,
    entries: Sequence[AcceptedEntry],
    log_id: int,
    certificates: Mapping[str, int],
    listed: Sequence[bool],
    now: datetime,
) -> list[Stored]:
    """Insert entries that ``find_unknown`` gave, and what each shows of itself in one log.

    Args:
        certificates: the keys of the signers' certificates by fingerprint.
        listed: for each entry whether it may be current.
    """
    rows = [entry_row(entry) for entry in entries]
    insert_many(
        connection,
        Entry.__table__,
        [
            row | {"certificate_id": certificates[entry.signer.fingerprint]}
            for row, entry in zip(rows, entries, strict=True)
        ],
    )
    key_of = _pairs(connection, FIND_ENTRY_KEYS, {"entry_ids": [entry.entry_id for entry in entries]})
    keys = [key_of[entry.entry_id] for entry in entries]
    bodies = [body_row(entry, now) | {"entry_key": key} for entry, key in zip(entries, keys, strict=True)]
    insert_many(connection, EntryBody.__table__, bodies)
    # Entries that are new have one body each.
    body_of = _pairs(connection, FIND_BODY_KEYS, {"entry_keys": keys})
    _insert_details(connection, entries, keys)
    seen = [pair for pair, may in zip(zip(rows, keys, strict=True), listed, strict=True) if may]
    if seen:
        _show(connection, log_id, seen)
    return [Stored(key, body_of[key], body["sha256"]) for key, body in zip(keys, bodies, strict=True)]


def _pairs(connection: Connection, query: Select[Any], parameters: Mapping[str, object]) -> dict[Any, int]:
    return {row[0]: row[1] for row in connection.execute(query, parameters)}


def _insert_details(connection: Connection, entries: Sequence[AcceptedEntry], keys: Sequence[int]) -> None:
    places = [
        {"entry_key": key, "position": n, "uri": uri}
        for entry, key in zip(entries, keys, strict=True)
        for n, uri in enumerate(entry.metadata.locations)
    ]
    tags = [
        {"entry_key": key, "position": n, "digest": tag_digest(tag), "tag": tag}
        for entry, key in zip(entries, keys, strict=True)
        for n, tag in enumerate(entry.metadata.tags)
    ]
    insert_many(connection, EntryLocation.__table__, places)
    insert_many(connection, EntryTag.__table__, tags)
    checksums = [row for entry, key in zip(entries, keys, strict=True) for row in checksum_rows(entry, key)]
    insert_many(connection, EntryChecksum.__table__, checksums)


def _show(connection: Connection, log_id: int, seen: Sequence[tuple[Row, int]]) -> None:
    """Make the best of these and of what is shown the current entry of each endorser for each image."""
    best: dict[tuple[str, str], tuple[Row, int]] = {}
    for row, key in seen:
        pair = (row["identifier"], row["email"])
        if pair not in best or _rank(best[pair][0]) < _rank(row):
            best[pair] = (row, key)
    found = connection.execute(
        FIND_ALL_CURRENT, {"log_id": log_id, "identifiers": list({identifier for identifier, _ in best})}
    )
    new, better, latest = dict(best), [], dict[tuple[str, str], datetime]()
    for shown in found:
        pair = (shown.identifier, shown.email)
        latest[pair] = shown.created
        if pair in best:
            del new[pair]
            row, key = best[pair]
            if precedence(shown.created, shown.deprecated, shown.entry_id) < _rank(row):
                better.append(_current(row, log_id, key) | {"current_key": shown.id})
    insert_many(connection, Current.__table__, [_current(row, log_id, key) for row, key in new.values()])
    if better:
        connection.execute(UPDATE_CURRENT, better)
    repeated = list(_repeated([row for row, _ in seen], latest))
    if repeated:
        connection.execute(NOTE_TWINS, repeated)


def _repeated(rows: Sequence[Row], latest: Mapping[tuple[str, str], datetime]) -> Iterator[Row]:
    """What some rows say, where it may have been said before.

    Args:
        latest: when the log's current entry of an image and endorser was made.
    """
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        given = said(row)
        key = tuple(given.values())
        before = latest.get((row["identifier"], row["email"]))
        if key in seen or (before is not None and before >= row["created"]):
            yield given
        seen.add(key)


def _rank(row: Row) -> tuple[datetime, bool, int]:
    return precedence(row["created"], row["deprecated"] is not None, row["entry_id"])


def _current(row: Row, log_id: int, entry_key: int) -> Row:
    return current_row(row) | {"log_id": log_id, "entry_key": entry_key}
