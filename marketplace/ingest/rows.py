"""An accepted entry as rows of the tables: pure."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from marketplace.models.base import to_seconds
from marketplace.models.current import FOREVER, tie
from marketplace.rules.columns import Column, fold, is_pdisk, is_web, search_text
from validators.checksums import SHA1, canonical
from validators.document import AcceptedEntry, Signer
from validators.links import chain_above

Row = dict[str, Any]

#: Each column of the list, in their order, and the column of ``entry`` that it comes from. Plain texts: the
#: members of an enumeration are slow keys, and this is done for every entry.
_SHOWN = tuple(
    (column.value, "first_location" if column is Column.LOCATION else column.value) for column in Column
)
_FOLDED = tuple(
    column.value for column in (Column.OS, Column.OS_VERSION, Column.OS_ARCH, Column.KIND, Column.EMAIL)
)


def sha256(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def certificate_row(signer: Signer) -> Row:
    """The signer's certificate."""
    return {
        "fingerprint": signer.fingerprint,
        "key_digest": signer.key_digest,
        "der": signer.certificate,
        "not_before": signer.not_before,
        "not_after": signer.not_after,
        "email": signer.email,
    }


def intermediate_rows(signer: Signer) -> list[Row]:
    """The certificates that came with the signer's and lead up from it, without its key."""
    above = chain_above(signer.certificate, signer.intermediates)
    return [{"fingerprint": sha256(one), "der": one} for one in above]


def statement_of(row: Row) -> Row:
    """Parameters that find every entry with the same statement and coordinates as an entry."""
    return {f"said_{name}": row[name] for name in ("identifier", "email", "created", "statement")}


def entry_row(entry: AcceptedEntry) -> Row:
    """The entry without its certificate's key."""
    said = entry.metadata
    return {
        "entry_id": entry.entry_id,
        "statement": entry.statement,
        "identifier": entry.identifier,
        "email": entry.endorser.email,
        "created": entry.created,
        "subject": entry.endorser.subject,
        "issuer": entry.endorser.issuer,
        "size": said.size,
        "type": said.type,
        "valid": said.valid,
        "deprecated": said.deprecated,
        "title": said.title,
        "description": said.description,
        "os": said.os,
        "os_version": said.os_version,
        "os_arch": said.os_arch,
        "kind": said.kind,
        "format": said.format,
        "publisher": said.publisher,
        "version": said.version,
        "first_location": said.locations[0] if said.locations else None,
        "has_web": is_web(said.locations),
        "has_pdisk": is_pdisk(said.locations),
    }


def checksum_rows(entry: AcceptedEntry, entry_key: int) -> list[Row]:
    """The checksums that are looked up by themselves; the SHA-1 is the identifier."""
    stated = enumerate(canonical(one) for one in entry.metadata.checksums)
    return [
        {"entry_key": entry_key, "position": n, "algorithm": one.algorithm, "value": one.value}
        for n, one in stated
        if one.algorithm != SHA1
    ]


def body_row(entry: AcceptedEntry, received_at: datetime) -> Row:
    """The received bytes without their entry's key."""
    return {
        "sha256": sha256(entry.data),
        "size": len(entry.data),
        "strength": entry.strength.value,
        "signature_algorithm": entry.signature_algorithm,
        "digest_algorithm": entry.digest_algorithm,
        "received_at": received_at,
        "data": entry.data,
    }


def current_row(entry: Row) -> Row:
    """What the list shows, filters and sorts by, from the entry's row."""
    row: Row = {name: entry[source] for name, source in _SHOWN}
    for name in _FOLDED:
        row[f"{name}_folded"] = None if row[name] is None else fold(row[name])
    return row | {
        "entry_id": entry["entry_id"],
        "tie": tie(entry["entry_id"]),
        "deprecated": entry["deprecated"] is not None,
        "valid_until": FOREVER if entry["valid"] is None else to_seconds(entry["valid"]),
        "has_web": entry["has_web"],
        "has_pdisk": entry["has_pdisk"],
        "search_text": search_text(row[name] for name, _ in _SHOWN),
    }
