"""Many entries at once, where nothing is known of any of them: a few statements for a whole page.

One by one an entry costs nine statements, and the time goes into making them. What
comes out is the same, and ``tests/contract/test_ingest_pages.py`` holds the two ways
against each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy import Row as Listed

from marketplace.entries.erased import Erasures
from marketplace.ingest.current_rows import Image, renew, uncontested
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
class StoredKeys:
    """Where an entry went: its keys, and the SHA-256 of its bytes in hex.

    Args:
        row: of the entry, with the digest of the key that signed it.
    """

    entry_key: int
    body_id: int
    digest: str
    row: Row


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
    certificates: Mapping[str, int],
    now: datetime,
) -> list[StoredKeys]:
    """Insert entries that ``find_unknown`` gave.

    Args:
        certificates: the keys of the signers' certificates by fingerprint.
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
    return [
        StoredKeys(key, body_of[key], body["sha256"], row | {"key_digest": entry.signer.key_digest})
        for entry, row, key, body in zip(entries, rows, keys, bodies, strict=True)
    ]


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


def show_unknown(
    connection: Connection,
    log_id: int,
    seen: Sequence[StoredKeys],
    erased: Erasures,
    waiting: Mapping[int, Collection[int]],
) -> None:
    """Make entries that were inserted current in a log, as far as they are.

    Args:
        seen: the entries.
        waiting: by log, the keys of all entries that wait for their numbers, these among them.
    """
    rows = [(one.row, one.entry_key) for one in seen]
    keys: defaultdict[Image, set[str]] = defaultdict(set)
    for row, _ in rows:
        keys[_image(row)].add(row["key_digest"])
    listed: dict[Image, Listed[Any]] = {}
    latest: dict[Image, datetime] = {}
    contested = {image for image, found in keys.items() if len(found) > 1}
    for current in connection.execute(FIND_ALL_CURRENT, {"identifiers": list({one for one, _ in keys})}):
        image = (current.identifier, current.email)
        if image not in keys:
            continue
        if current.contested or current.key_digest not in keys[image]:
            contested.add(image)
        if current.log_id == log_id:
            listed[image] = current
            latest[image] = max(current.created, latest.get(image, current.created))
    _show(
        connection,
        log_id,
        [
            (row, key)
            for row, key in rows
            if _image(row) not in contested
            and not erased.supersedes(log_id, _image(row), row["key_digest"], row["created"])
        ],
        listed,
    )
    renew(connection, erased, sorted(contested), waiting, [log_id])
    repeated = list(_repeated([row for row, _ in rows], latest))
    if repeated:
        connection.execute(NOTE_TWINS, repeated)


def _show(
    connection: Connection, log_id: int, seen: Sequence[tuple[Row, int]], listed: Mapping[Image, Listed[Any]]
) -> None:
    """Make the best of these and of what is listed current, where one key speaks about an image."""
    best: dict[Image, tuple[Row, int]] = {}
    for row, key in seen:
        if _image(row) not in best or _rank(best[_image(row)][0]) < _rank(row):
            best[_image(row)] = (row, key)
    new, better = [], []
    for image, (row, key) in best.items():
        known = listed.get(image)
        if known is None:
            new.append(_current(row, log_id, key))
        elif precedence(known.created, known.deprecated, known.entry_id) < _rank(row):
            better.append(_current(row, log_id, key) | {"current_key": known.id})
    insert_many(connection, Current.__table__, new)
    if better:
        connection.execute(UPDATE_CURRENT, better)


def _image(row: Row) -> Image:
    return row["identifier"], row["email"]


def _repeated(rows: Sequence[Row], latest: Mapping[Image, datetime]) -> Iterator[Row]:
    """What some rows say, where it may have been said before.

    Args:
        latest: when the log's current entry of an image and endorser was made.
    """
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        given = said(row)
        key = tuple(given.values())
        before = latest.get(_image(row))
        if key in seen or (before is not None and before >= row["created"]):
            yield given
        seen.add(key)


def _rank(row: Row) -> tuple[datetime, bool, int]:
    return precedence(row["created"], row["deprecated"] is not None, row["entry_id"])


def _current(row: Row, log_id: int, entry_key: int) -> Row:
    return current_row(row) | uncontested(row["key_digest"]) | {"log_id": log_id, "entry_key": entry_key}
