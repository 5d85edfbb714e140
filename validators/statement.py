"""All that an entry says, and what proves it, under the names that the API and the command give it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from validators import vocabulary as v
from validators.document import AcceptedEntry, Extension, Metadata, format_time
from validators.trust import judge

StatementMembers = dict[str, Any]


def tell_statement(entry: AcceptedEntry) -> StatementMembers:
    """All that an entry says, and what proves it; nothing of this ever changes."""
    metadata = entry.metadata
    return {
        "id": entry.entry_id,
        **tell_facts(entry.identifier, entry.endorser.email, entry.created, metadata),
        "compression": next(iter(_texts(metadata, v.dcterms("compression"))), None),
        "hypervisors": _texts(metadata, v.slterms("hypervisor")),
        "inbound_ports": _numbers(metadata, v.INBOUND_PORT),
        "outbound_ports": _numbers(metadata, v.OUTBOUND_PORT),
        "icmp_types": _numbers(metadata, v.ICMP),
        "tags": list(metadata.tags),
        "locations": list(metadata.locations),
        "deprecated": metadata.deprecated,
        "strength": entry.strength.value,
        "checksums": [asdict(checksum) for checksum in metadata.checksums],
        "terms": [{**tell_name(term.name), "text": term.text, "lang": term.lang} for term in metadata.terms],
        "extensions": [_extension(extension) for extension in metadata.extensions],
        "endorser": asdict(entry.endorser),
        "signature": {
            "strength": entry.strength.value,
            "algorithm": entry.signature_algorithm,
            "digest": entry.digest_algorithm,
        },
        "certificate": _certificate(entry),
        "trust": tell_trust(entry),
        "document_bytes": len(entry.data),
    }


def tell_facts(identifier: str, email: str, created: datetime, facts: Any) -> StatementMembers:
    """What lists and entries tell alike.

    Args:
        facts: the metadata of an entry, or the row of a list, which has the same names.
    """
    return {
        "identifier": identifier,
        "email": email,
        "created": format_time(created),
        "title": facts.title,
        "description": facts.description,
        "os": facts.os,
        "os_version": facts.os_version,
        "os_arch": facts.os_arch,
        "kind": facts.kind,
        "type": facts.type,
        "format": facts.format,
        "version": facts.version,
        "publisher": facts.publisher,
        "bytes": facts.size,
        "valid_until": None if facts.valid is None else format_time(facts.valid),
    }


def tell_trust(entry: AcceptedEntry) -> StatementMembers:
    """What is known of an entry's trustworthiness from itself."""
    verdict = judge(entry)
    return {
        "self_signed": verdict.self_signed,
        "in_date_at_created": verdict.in_date_at_created,
        "email_bound": verdict.email_bound,
        "strength": verdict.strength.value,
    }


def tell_name(clark: str) -> Mapping[str, str]:
    """A Clark name in its two parts; the namespace is empty where there is none."""
    namespace, _, local = clark.rpartition("}")
    return {"name": local, "namespace": namespace.removeprefix("{")}


def _texts(metadata: Metadata, name: str) -> list[str]:
    return [term.text.strip() for term in metadata.terms if term.name == name and term.text.strip()]


def _numbers(metadata: Metadata, name: str) -> list[int]:
    # Acceptance has let digits through only.
    return [int(text) for text in _texts(metadata, name)]


def _certificate(entry: AcceptedEntry) -> StatementMembers:
    signer = entry.signer
    return {
        "sha256": signer.fingerprint,
        "not_before": format_time(signer.not_before),
        "not_after": format_time(signer.not_after),
        "email": signer.email,
        "intermediates": len(signer.intermediates),
    }


def _extension(extension: Extension) -> StatementMembers:
    return {
        **tell_name(extension.name),
        "attributes": [{**tell_name(one.name), "value": one.value} for one in extension.attributes],
        "text": extension.text,
        "children": [_extension(child) for child in extension.children],
        "tail": extension.tail,
    }
