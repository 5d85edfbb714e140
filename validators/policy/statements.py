"""What one endorser says about one image, as the judge sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from validators.certificates import parse_signer
from validators.decision import Decision
from validators.document import AcceptedEntry, Checksum, Coordinates, Endorser, Extension
from validators.vocabulary import dcterms

_LICENCES: Final = frozenset({dcterms("license"), dcterms("rights")})
_VIRTUAL_SIZES: Final = frozenset({"virtual-size", "virtual_size", "virtualSize"})
_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_RESOURCE: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}resource"


@dataclass(frozen=True, slots=True)
class Statement:
    """A current entry about an image, with a site's decision about it.

    Args:
        endorser: as the entry names it.
        certificate: SHA-256 of the signer's certificate, in hex.
        key: SHA-256 of the signer's public key, in hex: who speaks, whatever certificate is around the key.
        decision: whether the site trusts it, rule by rule.
        valid: until when; None: without end.
        deprecated: the reason; an empty one deprecates too. None: not deprecated.
        checksums: as the entry writes them.
        size: bytes of the image.
        virtual_size: bytes of the disk that a machine sees, as the entry claims; None where it does not say.
        format: as claimed.
        licences: as claimed (dcterms:license, dcterms:rights).
        groups: the groups that keep the entry; none for a public one.
        equivocal: its key signed something else with the same creation time.
        hidden: why the site does not show it; None where it does.
    """

    entry_id: str
    identifier: str
    endorser: Endorser
    created: datetime
    certificate: str
    key: str
    decision: Decision
    valid: datetime | None = None
    deprecated: str | None = None
    checksums: tuple[Checksum, ...] = ()
    size: int = 0
    virtual_size: int | None = None
    format: str | None = None
    licences: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    equivocal: bool = False
    hidden: str | None = None

    @property
    def coordinates(self) -> Coordinates:
        """Identifier, endorser's e-mail and creation time."""
        return Coordinates(self.identifier, self.endorser.email, self.created)

    @property
    def bound_email(self) -> str | None:
        """The endorser's address, where the certificate binds it; None where it is only claimed."""
        return self.endorser.email if self.decision.email_bound else None


def statement_of(
    entry: AcceptedEntry,
    decision: Decision,
    *,
    groups: Iterable[str] = (),
    equivocal: bool = False,
    hidden: str | None = None,
) -> Statement:
    """The statement of an accepted entry.

    Args:
        decision: the site's own, about this entry.
        groups, equivocal, hidden: as of ``Statement``.
    """
    said = entry.metadata
    return Statement(
        entry_id=entry.entry_id,
        identifier=entry.identifier,
        endorser=entry.endorser,
        created=entry.created,
        certificate=entry.signer.fingerprint,
        key=parse_signer(entry.signer.certificate).key_fingerprint.hex(),
        decision=decision,
        valid=said.valid,
        deprecated=said.deprecated,
        checksums=said.checksums,
        size=said.size,
        virtual_size=virtual_size_of(said.extensions),
        format=said.format,
        licences=tuple(licences_of(said.extensions)),
        tags=said.tags,
        locations=said.locations,
        groups=frozenset(groups),
        equivocal=equivocal,
        hidden=hidden,
    )


def virtual_size_of(extensions: Iterable[Extension]) -> int | None:
    """Bytes of the disk that a machine sees, as an entry claims them; None where it does not."""
    sizes = [
        int(one.text.strip())
        for one in extensions
        if one.name.rpartition("}")[2] in _VIRTUAL_SIZES and _NUMBER.fullmatch(one.text.strip())
    ]
    return max(sizes, default=None)


def licences_of(extensions: Iterable[Extension]) -> Iterator[str]:
    """Names and addresses of licences, as an entry claims them."""
    for one in extensions:
        if one.name in _LICENCES:
            named = [attribute.value for attribute in one.attributes if attribute.name == _RESOURCE]
            yield from (text for text in (one.text.strip(), *named) if text)
