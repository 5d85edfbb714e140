"""Keeps the table of current entries what ``rules/current.py`` says of the logs.

Where one key speaks about an image for an address, which is nearly always, a new entry is only compared with
the row that is there. What several keys speak about is worked out anew from what the logs hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from marketplace.entries.erased import Erasures
from marketplace.ingest.incoming import Image, IncomingEntry
from marketplace.ingest.rows import Row as Values
from marketplace.ingest.rows import current_row
from marketplace.models import Certificate, ChangeRow, Current, Entry
from marketplace.models.insertion import insert_many
from marketplace.portions import portions
from marketplace.rules.current import SELECT_RANKED, Claim, RankedEntry, precedence, to_ranked, unsuperseded

#: Keys named in one statement.
_CHUNK = 500
_COLUMNS = [column.name for column in Entry.__table__.columns]
_entry, _change, _current = Entry.__table__.c, ChangeRow.__table__.c, Current.__table__.c


def list_new(
    connection: Connection,
    erased: Erasures,
    shown: Sequence[IncomingEntry],
    listed: Mapping[Image, Sequence[Row[Any]]],
) -> set[Image]:
    """List entries that were inserted as current in their logs, where one key speaks about the image.

    Args:
        listed: what all logs list about each of the images.

    Returns:
        the images about which several keys speak: to ``renew`` when the logs have the entries.
    """
    keys: defaultdict[Image, set[str]] = defaultdict(set)
    for one in shown:
        keys[one.image].add(one.key_digest)
    contested = {one.image for one in shown if one.contested or len(keys[one.image]) > 1}
    best: dict[tuple[int, Image], IncomingEntry] = {}
    for one in shown:
        over = erased.supersedes(one.log_id, one.image, one.key_digest, one.entry.created)
        known = best.get((one.log_id, one.image))
        if one.image not in contested and not over and (known is None or known.rank < one.rank):
            best[one.log_id, one.image] = one
    new, better = [], []
    for (log_id, image), one in best.items():
        values = one.current() | uncontested(one.key_digest)
        before = next((row for row in listed[image] if row.log_id == log_id), None)
        if before is None:
            new.append(values)
        elif precedence(before.created, before.deprecated, before.entry_id) < one.rank:
            better.append(values | {"current_key": before.id})
    insert_many(connection, Current.__table__, new)
    if better:
        connection.execute(_UPDATE, better)
    return contested


def read_ranked(connection: Connection, log_id: int, image: Image) -> list[RankedEntry]:
    """What a log shows about an image by an address."""
    where = {"log_id": log_id, "identifier": image[0], "email": image[1]}
    return list(to_ranked(connection.execute(_RANKED, where)))


def renew(
    connection: Connection,
    erased: Erasures,
    images: Iterable[Image],
    log_ids: Collection[int] = (),
) -> list[tuple[int, Image]]:
    """Work out anew what is current about some images.

    Args:
        log_ids: logs to look at besides those that list something about the image.

    Returns:
        the logs and images that were looked at. Also where the same entries are current as before: who
        looked in between may have seen others.
    """
    looked = []
    for image in images:
        where = {"identifier": image[0], "email": image[1]}
        contested = len(connection.execute(_KEYS, where).all()) > 1
        listed: dict[int, list[Row[Any]]] = {log_id: [] for log_id in log_ids}
        for row in connection.execute(_LISTED, where):
            if contested or row.log_id in listed:
                listed.setdefault(row.log_id, []).append(row)
        for log_id, rows in listed.items():
            said = read_ranked(connection, log_id, image)
            wanted = _wanted(said, erased, log_id, image)
            looked.append((log_id, image))
            _write(connection, log_id, rows, wanted, said if contested else None)
    return looked


def _wanted(
    ranked: list[RankedEntry], erased: Erasures, log_id: int, image: Image
) -> list[Claim[RankedEntry]]:
    return [
        claim
        for claim in unsuperseded(one.claim() for one in ranked)
        if not erased.supersedes(log_id, image, claim.key_digest, claim.entry.created)
    ]


def _write(
    connection: Connection,
    log_id: int,
    rows: list[Row[Any]],
    wanted: list[Claim[RankedEntry]],
    contested: list[RankedEntry] | None,
) -> None:
    """Let the table list what is wanted.

    Args:
        rows: what it lists.
        contested: all that the log shows, where several keys speak; None where one does.
    """
    connection.execute(delete(Current).where(_current.id.in_([row.id for row in rows])))
    entries: dict[int, Values] = {}
    keys = [claim.entry.key for claim in wanted]
    for portion in portions(keys, _CHUNK):
        found = connection.execute(_ENTRIES, {"keys": portion})
        entries |= {row.id: dict(zip(_COLUMNS, row, strict=True)) for row in found}
    trusted = newest_trusted(contested or ())
    values = [
        current_row(entries[claim.entry.key])
        | {"log_id": log_id, "entry_key": claim.entry.key, "key_digest": claim.key_digest}
        | trusted_columns(trusted.get(claim.key_digest))
        | {"contested": contested is not None}
        for claim in wanted
    ]
    if values:
        connection.execute(insert(Current), values)


def newest_trusted(ranked: Iterable[RankedEntry]) -> dict[str, RankedEntry]:
    """The newest entry of each key whose certificate the site trusts for the address."""
    found: dict[str, RankedEntry] = {}
    for one in sorted((one for one in ranked if one.trusted), key=lambda one: one.claim().rank):
        found[one.key_digest] = one
    return found


def trusted_columns(best: RankedEntry | None) -> dict[str, Any]:
    """The columns of a row of ``current`` that tell of a key's newest trusted entry."""
    if best is None:
        return {"trusted_created": None, "trusted_deprecated": None, "trusted_id": None}
    return {
        "trusted_created": best.created,
        "trusted_deprecated": best.deprecated,
        "trusted_id": best.entry_id,
    }


def uncontested(key_digest: str) -> dict[str, Any]:
    """The columns of a row of ``current`` where one key speaks."""
    return {"key_digest": key_digest, "contested": False} | trusted_columns(None)


# Statements are made once: making one and its cache key takes longer than running it.

_UPDATE = update(Current).where(_current.id == bindparam("current_key"))

_RANKED = SELECT_RANKED.where(
    Entry.identifier == bindparam("identifier"),
    Entry.email == bindparam("email"),
    select(ChangeRow.entry_key)
    .where(ChangeRow.log_id == bindparam("log_id"), ChangeRow.entry_key == Entry.id, ChangeRow.shown)
    .correlate(Entry)
    .exists(),
)
_KEYS = (
    select(Certificate.key_digest)
    .join(Entry, Entry.certificate_id == Certificate.id)
    .where(Entry.identifier == bindparam("identifier"), Entry.email == bindparam("email"))
    .distinct()
    .limit(2)
)
_LISTED = select(_current.id, _current.log_id, _current.entry_key).where(
    _current.identifier == bindparam("identifier"), _current.email == bindparam("email")
)
_ENTRIES = select(*(_entry[name] for name in _COLUMNS)).where(
    _entry.id.in_(bindparam("keys", expanding=True))
)
