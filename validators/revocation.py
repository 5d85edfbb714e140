"""Revocation lists: read once, tied to their issuer by signature, and asked about certificates.

The newest list of an issuer speaks for it; of two made in the same second the one with
the higher number, and of two with the same number the one that revokes more. An issuer
may publish several series side by side, one for each distribution point or key of its
own: then what the newest of any of them revokes is revoked. What a list says counts from
the moment it is known, whatever date it gives: a thief of a key writes any date he likes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from validators.der import INTEGER, der_elements
from validators.distinguished import Name, name_of_der
from validators.library import UnreadableError, ask_library
from validators.links import (
    Age,
    Link,
    MaterialError,
    is_list_signed_by,
    may_sign_lists,
    parse_link,
    signature_age,
)
from validators.names import java_name_of_der

#: Extensions of a list or of its rows that change nothing for one who reads only whole, direct lists.
_UNDERSTOOD: Final = frozenset({ExtensionOID.CRL_NUMBER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER})
_ROWS_UNDERSTOOD: Final = frozenset(
    {x509.CRLReason.oid, x509.InvalidityDate.oid},
)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A revocation list that says all its issuer has to say.

    Args:
        name: the issuer as entries spell names.
        next_update: when a newer one is promised; None where it promises none.
        number: the issuer's count of its lists (RFC 5280, section 5.2.3); -1 where it counts none.
        part: what tells the series apart that the issuer publishes: distribution points and its key's id.
    """

    digest: str
    crl: x509.CertificateRevocationList = field(compare=False)
    name: str
    issuer: Name
    this_update: datetime
    next_update: datetime | None
    number: int = -1
    part: frozenset[str] = frozenset()

    @property
    def series(self) -> tuple[Name, frozenset[str]]:
        """The lists of which a newer one takes the place of this one."""
        return self.issuer, self.part

    @property
    def age(self) -> tuple[datetime, int]:
        """What orders the lists of a series: the greatest is the newest."""
        return self.this_update, self.number

    def is_stale(self, now: datetime) -> bool:
        """Whether a newer list should be there, or this one speaks of the future."""
        return now < self.this_update or (self.next_update is not None and self.next_update < now)

    def find_revocation(self, link: Link) -> Revocation | None:
        """What the list says about a certificate of its issuer."""
        if link.serial > 0:
            row = self.crl.get_revoked_certificate_by_serial_number(link.serial)
        else:  # the library does not look for such numbers
            row = next((one for one in self.crl if one.serial_number == link.serial), None)
        return None if row is None else Revocation(row.revocation_date_utc, _reason(row))

    def __repr__(self) -> str:
        return f"<RevocationList {self.name} {self.this_update}>"


@dataclass(frozen=True, slots=True)
class Revocation:
    """Since when a certificate is revoked, and the reason its issuer gives."""

    since: datetime
    reason: str


@lru_cache(maxsize=512)
def parse_list(der: bytes) -> RevocationList:
    """Read a revocation list (DER).

    Raises:
        MaterialError: it cannot be read, or covers only some certificates or those of others.
    """
    try:
        parsed, unknown = ask_library(lambda: _read_list(der))
    except UnreadableError as error:
        raise MaterialError(f"is no revocation list that can be read ({error})") from None
    if unknown:
        raise MaterialError(
            f"is not a whole, direct revocation list (critical extension {', '.join(dict.fromkeys(unknown))})"
        )
    return parsed


def _read_list(der: bytes) -> tuple[RevocationList, list[str]]:
    """A list, and the extensions that narrow it or are of unknown meaning."""
    crl = x509.load_der_x509_crl(der)
    issuer = _issuer(crl)
    parsed = RevocationList(
        digest=hashlib.sha256(der).hexdigest(),
        crl=crl,
        name=java_name_of_der(issuer),
        issuer=name_of_der(issuer),
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        number=_number(crl),
        part=frozenset(_parts(crl)),
    )
    unknown = [one.oid.dotted_string for one in crl.extensions if _narrows(one)]
    for row in crl:
        # Everything that is asked for later is read once now: then nothing can fail while judging.
        Revocation(row.revocation_date_utc, _reason(row))
        unknown += [
            one.oid.dotted_string
            for one in row.extensions
            if one.critical and one.oid not in _ROWS_UNDERSTOOD
        ]
    return parsed, unknown


def is_issued_by(found: RevocationList, link: Link) -> bool:
    """Whether an authority made a list: its name, its right to, its signature."""
    if found.issuer != link.subject or not may_sign_lists(link) or signature_age(found.crl) is Age.BROKEN:
        return False
    return _is_signed(found, link.der)


# Lists can be megabytes: what stands for one here is its digest.
@lru_cache(maxsize=1024)
def _is_signed(found: RevocationList, authority: bytes) -> bool:
    return is_list_signed_by(found.crl, parse_link(authority))


def _issuer(crl: x509.CertificateRevocationList) -> bytes:
    fields = der_elements(crl.tbs_certlist_bytes)
    # version (where it is given), algorithm, issuer
    return fields[2 if fields[0][0] == INTEGER else 1]


def _number(crl: x509.CertificateRevocationList) -> int:
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return -1


def _parts(crl: x509.CertificateRevocationList) -> Iterator[str]:
    """Sections 5.2.1 and 5.2.5."""
    for extension in crl.extensions:
        value = extension.value
        if isinstance(value, x509.IssuingDistributionPoint):
            yield from (f"point {name!r}" for name in value.full_name or ())
            yield from (f"point {name!r}" for name in value.relative_name or ())
        elif isinstance(value, x509.AuthorityKeyIdentifier) and value.key_identifier is not None:
            yield f"key {value.key_identifier.hex()}"


def _narrows(extension: x509.Extension[x509.ExtensionType]) -> bool:
    """Whether the list leaves certificates out, or speaks for other issuers."""
    point = extension.value
    if isinstance(point, x509.IssuingDistributionPoint):
        return bool(
            point.indirect_crl
            or point.only_contains_user_certs
            or point.only_contains_ca_certs
            or point.only_contains_attribute_certs
            or point.only_some_reasons
        )
    return extension.critical and extension.oid not in _UNDERSTOOD


def _reason(row: x509.RevokedCertificate) -> str:
    try:
        return row.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except (x509.ExtensionNotFound, ValueError):
        return "unspecified"
