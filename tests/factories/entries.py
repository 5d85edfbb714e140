"""Accepted entries as plain values, made by hand: no document, no signature.

For tests of what happens behind acceptance, where thousands are needed or where
a field must be free. The bytes are unique per value but prove nothing; tests of
the door itself use documents that are really signed.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from validators.document import AcceptedEntry, Endorser, Metadata, Signer, Strength

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def hex_digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def identifier(name: object) -> str:
    """Any 27 characters that look like an identifier."""
    return "P" + hex_digest(name)[:26]


def moment(seconds: int = 0) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def signer(name: str = "signer", **changes: object) -> Signer:
    fields = {
        "certificate": f"certificate of {name}".encode(),
        "intermediates": (),
        "fingerprint": hex_digest("certificate", name),
        "key_digest": hex_digest("key", name),
        "not_before": datetime(2020, 1, 1, tzinfo=UTC),
        "not_after": datetime(2040, 1, 1, tzinfo=UTC),
        "email": None,
    }
    return Signer(**(fields | changes))


def metadata(**changes: object) -> Metadata:
    fields: dict[str, object] = {
        "size": 1024,
        "checksums": (),
        "type": "machine",
        "terms": (),
        "extensions": (),
        "valid": None,
        "deprecated": None,
        "title": None,
        "description": None,
        "os": None,
        "os_version": None,
        "os_arch": None,
        "kind": None,
        "format": None,
        "version": None,
        "publisher": None,
        "tags": (),
        "locations": (),
    }
    return Metadata(**(fields | changes))


def accepted(
    image: object = "image",
    email: str = "jane@example.org",
    created: datetime = EPOCH,
    *,
    data: bytes | None = None,
    entry_id: str | None = None,
    statement: str | None = None,
    signed_by: Signer | None = None,
    strength: Strength = Strength.STRONG,
    **said: object,
) -> AcceptedEntry:
    """An accepted entry; ``said`` are fields of its metadata.

    Equal arguments give the same entry id and the same bytes.
    """
    by = signed_by or signer(email)
    content = (image, email, created, sorted(said.items()), by.fingerprint)
    return AcceptedEntry(
        data=data if data is not None else b"<!-- " + repr(content).encode() + b" -->",
        entry_id=entry_id or hex_digest(*content),
        statement=statement or hex_digest("statement", *content),
        identifier=identifier(image),
        created=created,
        endorser=Endorser(email, f"CN={email}", f"CN={email}"),
        signer=by,
        strength=strength,
        signature_algorithm="rsa-sha256" if strength is Strength.STRONG else "rsa-sha1",
        digest_algorithm="sha256" if strength is Strength.STRONG else "sha1",
        metadata=metadata(**said),
    )
