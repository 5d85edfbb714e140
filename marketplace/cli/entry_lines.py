"""An entry for people at a terminal: what `show` tells, a line for each thing it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from validators import vocabulary as v
from validators.document import AcceptedEntry, Extension
from validators.vocabulary import namespace_of, prefixed

#: Elements with a line of their own above.
_TOLD = frozenset(
    {
        v.TITLE,
        v.DESCRIPTION_TEXT,
        v.PUBLISHER,
        v.FORMAT,
        v.dcterms("compression"),
        v.ALTERNATIVE,
        v.VALID,
        v.KIND,
        v.OS,
        v.OS_VERSION,
        v.OS_ARCH,
        v.VERSION,
        v.LOCATION,
        v.slterms("hypervisor"),
        v.INBOUND_PORT,
        v.OUTBOUND_PORT,
        v.ICMP,
        v.DEPRECATED,
    }
)


def as_lines(entry: AcceptedEntry, members: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a statement in one line each, or several.

    Args:
        members: as ``validators.statement`` tells the entry.
    """
    endorser, signature = members["endorser"], members["signature"]
    certificate, trust = members["certificate"], members["trust"]
    plain = {
        name: value
        for name, value in members.items()
        if not isinstance(value, dict) and name not in ("terms", "extensions", "strength", "document_bytes")
    }
    more = (term for term in entry.metadata.terms if term.name not in _TOLD)
    return plain | {
        "checksums": [f"{one['algorithm']} {one['value']}" for one in members["checksums"]],
        "terms": [f"{prefixed(term.name)} {term.text}" for term in more if term.text.strip()],
        "extensions": list(_tree(entry.metadata.extensions, "")),
        "subject": endorser["subject"],
        "issuer": endorser["issuer"],
        "signature": f"{signature['algorithm']} over {signature['digest']} ({signature['strength']})",
        "certificate": f"{certificate['not_before']} to {certificate['not_after']}, "
        f"sha256 {certificate['sha256']}",
        "self_signed": trust["self_signed"],
        "email_bound": trust["email_bound"],
    }


def _tree(extensions: Sequence[Extension], indent: str) -> Iterator[str]:
    for one in extensions:
        name = one.name.rpartition("}")[2]
        where = f" <{namespace_of(one.name)}>" if not indent and namespace_of(one.name) else ""
        said = [one.text.strip(), *(f"{prefixed(each.name)}={each.value}" for each in one.attributes)]
        text = " ".join(" ".join(part.split()) for part in said if part)
        yield f"{indent}{name}{where}{f': {text}' if text else ''}"
        yield from _tree(one.children, indent + "  ")
        if tail := " ".join(one.tail.split()):
            yield f"{indent}{tail}"
