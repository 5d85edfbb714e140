"""Inserting what comes in: a few statements, however many entries there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select

from marketplace.ingest.incoming import IncomingEntry
from marketplace.ingest.rows import Row, certificate_row, checksum_rows, intermediate_rows
from marketplace.ingest.statements import (
    DOUBT_VERDICT,
    FIND_BODY,
    FIND_BODY_KEYS,
    FIND_CERTIFICATE_KEYS,
    FIND_ENTRY_KEYS,
    FIND_INTERMEDIATES,
    INSERT_BODY,
    INSERT_CERTIFICATE,
    INSERT_INTERMEDIATES,
)
from marketplace.models import Entry, EntryBody, EntryChecksum, EntryLocation, EntryTag
from marketplace.models.insertion import insert_many
from marketplace.rules.columns import tag_digest
from validators.document import Signer

#: Certificates of a log kept beside one; a name can be certified by many, and only some lead to an anchor.
MOST_INTERMEDIATES = 16


def store_certificates(connection: Connection, incoming: Sequence[IncomingEntry], now: datetime) -> None:
    """Have the certificates of the signers stored, and keep what came beside them in each log."""
    fingerprints = list({one.entry.signer.fingerprint for one in incoming})
    known = find_keys(connection, FIND_CERTIFICATE_KEYS, {"fingerprints": fingerprints})
    kept: set[tuple[str, int, tuple[bytes, ...]]] = set()
    for one in incoming:
        signer = one.entry.signer
        if signer.fingerprint not in known:
            known[signer.fingerprint] = _insert(connection, INSERT_CERTIFICATE, certificate_row(signer))
        one.certificate_id = known[signer.fingerprint]
        beside = signer.fingerprint, one.log_id, tuple(signer.intermediates)
        if signer.intermediates and beside not in kept:
            kept.add(beside)
            _store_intermediates(connection, one.certificate_id, signer, one.log_id, now)


def _store_intermediates(
    connection: Connection, key: int, signer: Signer, log_id: int, now: datetime
) -> None:
    """Keep what paths from a certificate may lead through; a path that was missing may be there now."""
    where = {"certificate_id": key, "log_id": log_id}
    known = set(connection.scalars(FIND_INTERMEDIATES, where))
    fresh = [row for row in intermediate_rows(signer) if row["fingerprint"] not in known]
    fresh = fresh[: max(0, MOST_INTERMEDIATES - len(known))]
    if fresh:
        connection.execute(INSERT_INTERMEDIATES, [row | where for row in fresh])
        connection.execute(DOUBT_VERDICT, {"certificate_key": key, "moment": now})


def insert_new(connection: Connection, new: Sequence[IncomingEntry]) -> None:
    """Insert entries that no log has, with their bytes."""
    if not new:
        return
    rows = [one.row | {"certificate_id": one.certificate_id} for one in new]
    insert_many(connection, Entry.__table__, rows)
    key_of = find_keys(connection, FIND_ENTRY_KEYS, {"entry_ids": [one.entry.entry_id for one in new]})
    for one in new:
        one.entry_key = key_of[one.entry.entry_id]
    insert_many(connection, EntryBody.__table__, [one.body | {"entry_key": one.key} for one in new])
    # Entries that are new have one body each.
    body_of = find_keys(connection, FIND_BODY_KEYS, {"entry_keys": [one.key for one in new]})
    for one in new:
        one.body_id = body_of[one.key]
    insert_repeated(connection, new)


def insert_repeated(connection: Connection, incoming: Sequence[IncomingEntry]) -> None:
    """Insert what entries say more than once: locations, tags, checksums."""
    places = [
        {"entry_key": one.key, "position": n, "uri": uri}
        for one in incoming
        for n, uri in enumerate(one.entry.metadata.locations)
    ]
    tags = [
        {"entry_key": one.key, "position": n, "digest": tag_digest(tag), "tag": tag}
        for one in incoming
        for n, tag in enumerate(one.entry.metadata.tags)
    ]
    insert_many(connection, EntryLocation.__table__, places)
    insert_many(connection, EntryTag.__table__, tags)
    checksums = [row for one in incoming for row in checksum_rows(one.entry, one.key)]
    insert_many(connection, EntryChecksum.__table__, checksums)


def store_body(connection: Connection, one: IncomingEntry) -> None:
    """Have the bytes stored of an entry that another log has, perhaps in another spelling."""
    where = {"entry_key": one.key, "sha256": one.digest}
    found = connection.execute(FIND_BODY, where).scalar_one_or_none()
    one.body_id = (
        found if found is not None else _insert(connection, INSERT_BODY, one.body | {"entry_key": one.key})
    )


def find_keys(connection: Connection, query: Select[Any], parameters: Mapping[str, object]) -> dict[Any, int]:
    """What a query of two columns finds: the second by the first."""
    return {row[0]: row[1] for row in connection.execute(query, parameters)}


def _insert(connection: Connection, statement: Any, row: Row) -> int:
    key: int = connection.execute(statement, row).scalar_one()
    return key
