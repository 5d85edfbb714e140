"""Revocation lists: read once, tied to their issuer by signature, and asked about certificates.

The newest list of a series speaks for it; of two made in the same second the one with
the higher number, and of two with the same number the one that revokes more. An issuer
may publish several series side by side, for distribution points, kinds of certificates
or keys of its own. What the newest of any of them revokes is revoked. That nothing is
revoked only a list can tell that fits the certificate (``find_misfit``). What a list says
counts from the moment it is known, whatever date it gives: a thief of a key writes any
date he likes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from validators.der import INTEGER, der_elements
from validators.distinguished import Name, name_of_der
from validators.distribution import point_names
from validators.general_names import DIRECTORY, GeneralName, general_name
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

#: Extensions of a list or of its rows whose meaning is known, apart from the distribution point.
_UNDERSTOOD: Final = frozenset({ExtensionOID.CRL_NUMBER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER})
_ROWS_UNDERSTOOD: Final = frozenset(
    {x509.CRLReason.oid, x509.InvalidityDate.oid},
)
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


class RevocationScope(StrEnum):
    """The kind of certificates that a list tells of."""

    ALL = "all certificates"
    USERS = "certificates of users only"
    AUTHORITIES = "certificates of authorities only"
    ATTRIBUTES = "attribute certificates only"


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """The key that a list says it was signed with (section 5.2.1)."""

    key_id: bytes | None = None
    serial: int | None = None
    issuers: frozenset[Name] = frozenset()

    def is_of(self, link: Link) -> bool:
        """Whether the key can be an authority's."""
        if self.key_id is not None and link.key_id is not None and self.key_id != link.key_id:
            return False
        if self.serial is not None and self.serial != link.serial:
            return False
        return not self.issuers or link.issuer in self.issuers


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A revocation list.

    Args:
        name: the issuer as entries spell names.
        next_update: when a newer one is promised; None where it promises none.
        age_of_hash: how good the hash is under its signature.
        number: the issuer's count of its lists (RFC 5280, section 5.2.3); -1 where it counts none.
        points: names of the distribution point that it is for; none where it is for all.
        delta: it contains only changes since another list.
        odd: why silence of this list says nothing, for anybody; None where it may.
        foreign: its rows may be about other issuers' certificates, or mean something else.
    """

    digest: str
    # The digest stands for all of it: two of one digest are the same list.
    crl: x509.CertificateRevocationList = field(compare=False)
    name: str = field(compare=False)
    issuer: Name = field(compare=False)
    this_update: datetime = field(compare=False)
    next_update: datetime | None = field(compare=False)
    age_of_hash: Age = field(compare=False)
    number: int = field(default=-1, compare=False)
    points: frozenset[GeneralName] = field(default=frozenset(), compare=False)
    scope: RevocationScope = field(default=RevocationScope.ALL, compare=False)
    key: AuthorityKey = field(default=AuthorityKey(), compare=False)
    delta: bool = field(default=False, compare=False)
    odd: str | None = field(default=None, compare=False)
    foreign: bool = field(default=False, compare=False)

    @property
    def series(self) -> tuple[object, ...]:
        """The lists of which a newer one takes the place of this one."""
        return self.issuer, self.points, self.scope, self.key, self.delta, self.odd

    @property
    def age(self) -> tuple[datetime, int]:
        """What orders the lists of a series: the greatest is the newest."""
        return self.this_update, self.number

    def is_stale(self, now: datetime) -> bool:
        """Whether a newer list should be there, or this one speaks of the future."""
        return now < self.this_update or (self.next_update is not None and self.next_update < now)

    def find_revocation(self, link: Link) -> Revocation | None:
        """What the list says about a certificate of its issuer."""
        if self.foreign:
            return None
        if link.serial > 0:
            row = self.crl.get_revoked_certificate_by_serial_number(link.serial)
        else:  # the library does not look for such numbers
            row = next((one for one in self.crl if one.serial_number == link.serial), None)
        if row is None or (self.delta and _reason(row) == x509.ReasonFlags.remove_from_crl.value):
            return None
        return Revocation(row.revocation_date_utc, _reason(row))

    def find_misfit(self, link: Link) -> str | None:
        """Why the list does not tell of a certificate of its issuer; None where its silence counts."""
        if self.scope is RevocationScope.ALL and not self.points and not link.points:
            return None
        is_authority = link.basic is not None and link.basic.ca
        other = RevocationScope.USERS if is_authority else RevocationScope.AUTHORITIES
        if self.scope in (other, RevocationScope.ATTRIBUTES):
            return f"is for {self.scope.value}"
        own = [one for one in link.points if one.is_of(self.issuer, link.issuer)]
        if any(one.limited for one in own):
            return "is for some reasons only, by the certificate's distribution point"
        if self.points and not any(not one.names or one.names & self.points for one in own):
            shown = ", ".join(sorted(name.text for name in self.points))
            return f"is for another distribution point ({shown})"
        return None

    def replaces(self, other: RevocationList) -> bool:
        """Whether this whole list holds what a list of changes tells."""
        newer = self.number >= other.number >= 0 and self.this_update >= other.this_update
        alike = (self.issuer, self.points, self.scope) == (other.issuer, other.points, other.scope)
        return newer and alike and self.odd is None and other.delta and not other.foreign

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
        MaterialError: it cannot be read.
    """
    try:
        return ask_library(lambda: _read_list(der))
    except UnreadableError as error:
        raise MaterialError(f"is not a readable revocation list ({error})") from None


def is_issued_by(found: RevocationList, link: Link) -> bool:
    """Whether an authority made a list: its name, its right to, its signature."""
    if found.issuer != link.subject or not may_sign_lists(link) or found.age_of_hash is Age.BROKEN:
        return False
    return _is_signed(found, link.der)


# Lists can be megabytes: what stands for one here is its digest.
@lru_cache(maxsize=1024)
def _is_signed(found: RevocationList, authority: bytes) -> bool:
    return is_list_signed_by(found.crl, parse_link(authority))


def _read_list(der: bytes) -> RevocationList:
    crl = x509.load_der_x509_crl(der)
    written = _issuer(crl)
    issuer = name_of_der(written)
    point = _find(crl, x509.IssuingDistributionPoint)
    number = _find(crl, x509.CRLNumber)
    delta = _find(crl, x509.DeltaCRLIndicator) is not None
    unknown = list(dict.fromkeys(_unknown(crl, point)))
    odd = list(unknown)
    if delta:
        odd.append("it contains only changes since another list")
    if point is not None and point.only_some_reasons is not None:
        odd.append("it covers only some reasons of revocation")
    return RevocationList(
        digest=hashlib.sha256(der).hexdigest(),
        crl=crl,
        name=java_name_of_der(written),
        issuer=issuer,
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        age_of_hash=signature_age(crl),
        number=-1 if number is None else number.crl_number,
        points=frozenset() if point is None else point_names(point.full_name, point.relative_name, issuer),
        scope=_scope(point),
        key=_authority_key(_find(crl, x509.AuthorityKeyIdentifier)),
        delta=delta,
        odd="; ".join(odd) or None,
        foreign=bool(unknown),
    )


def _issuer(crl: x509.CertificateRevocationList) -> bytes:
    fields = der_elements(crl.tbs_certlist_bytes)
    # version (where it is given), algorithm, issuer
    return fields[2 if fields[0][0] == INTEGER else 1]


def _scope(point: x509.IssuingDistributionPoint | None) -> RevocationScope:
    if point is None:
        return RevocationScope.ALL
    if point.only_contains_attribute_certs or (
        point.only_contains_user_certs and point.only_contains_ca_certs
    ):
        return RevocationScope.ATTRIBUTES  # two kinds at once are no kind (section 5.2.5)
    if point.only_contains_user_certs:
        return RevocationScope.USERS
    return RevocationScope.AUTHORITIES if point.only_contains_ca_certs else RevocationScope.ALL


def _authority_key(written: x509.AuthorityKeyIdentifier | None) -> AuthorityKey:
    if written is None:
        return AuthorityKey()
    names = map(general_name, written.authority_cert_issuer or ())
    issuers = frozenset(name.directory for name in names if name.form == DIRECTORY)
    return AuthorityKey(written.key_identifier, written.authority_cert_serial_number, issuers)


def _unknown(
    crl: x509.CertificateRevocationList, point: x509.IssuingDistributionPoint | None
) -> Iterator[str]:
    """Why rows may be about other issuers' certificates, or mean something else."""
    known = _UNDERSTOOD | {ExtensionOID.ISSUING_DISTRIBUTION_POINT, ExtensionOID.DELTA_CRL_INDICATOR}
    for extension in crl.extensions:
        if extension.critical and extension.oid not in known:
            yield f"it has a critical extension of unknown meaning ({extension.oid.dotted_string})"
    if point is not None and point.indirect_crl:
        yield "it covers certificates of other issuers"
    for row in crl:
        # Everything that is asked for later is read once now: then nothing can fail while judging.
        Revocation(row.revocation_date_utc, _reason(row))
        for extension in row.extensions:
            if isinstance(extension.value, x509.CertificateIssuer):
                yield "it has rows about other issuers' certificates"
            elif extension.critical and extension.oid not in _ROWS_UNDERSTOOD:
                yield f"it has rows with a critical extension ({extension.oid.dotted_string})"


def _find(crl: x509.CertificateRevocationList, kind: type[_Kind]) -> _Kind | None:
    try:
        return crl.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _reason(row: x509.RevokedCertificate) -> str:
    try:
        return row.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except (x509.ExtensionNotFound, ValueError):
        return "unspecified"
