"""The upload gate: what a site asks of new entries beyond acceptance (FORMAT step 8).

It judges uploads only. Replication and imports pass it by, because what it
asks depends on the clock and on what arrived before, and marketplaces that
asked it of old entries would never hold the same set. No database in here: `marketplace lint` asks it too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from marketplace.ingest.certificate_rules import (
    Judge,
    Required,
    verify_certificate_rules,
    verify_path_in_date,
)
from marketplace.ingest.errors import (
    CertificateExpiredError,
    CertificateNotYetValidError,
    CreatedInFutureError,
    ExpiredError,
    LegacyRefusedError,
    OlderThanLatestError,
)
from marketplace.ingest.site_filter import SiteFilter
from validators.clock import find_expiry, is_over_at_birth
from validators.document import AcceptedEntry, Strength, format_time
from validators.verdict import CertificateVerdict


@dataclass(frozen=True, slots=True)
class UploadPolicy:
    """What the site lets in.

    Args:
        legacy: ``accept`` lets in legacy signatures and expired certificates, for old catalogues and clients.
        max_ahead: how far the creation time, and the beginning of the certificates, may lie ahead of the
            site's clock.
        required: what the endorser's certificate must be.
        judge: tells how it stands; None where nobody asks, which only an import may.
        site_filter: which entries the site shows, wherever they come from.
    """

    legacy: Literal["refuse", "accept"] = "refuse"
    max_ahead: timedelta = timedelta(minutes=5)
    required: Required = "any"
    judge: Judge | None = None
    site_filter: SiteFilter = field(default_factory=SiteFilter)


class Earlier(Protocol):
    """An entry that the log shows about the image and address of an upload."""

    @property
    def created(self) -> datetime:
        """The creation time of the entry."""

    @property
    def key_digest(self) -> str:
        """Digest of the key that signed the entry."""

    @property
    def trusted(self) -> bool:
        """Whether the site trusts its certificate for the address."""


def latest_that_counts(entry: AcceptedEntry, earlier: Iterable[Earlier]) -> datetime | None:
    """When the latest entry was made that would supersede an older upload: no stranger's does."""
    key = entry.signer.key_digest
    return max((one.created for one in earlier if one.trusted or one.key_digest == key), default=None)


def is_blocked(entry: AcceptedEntry, earlier: Iterable[Earlier], *, trusted: bool) -> bool:
    """Whether another entry at the coordinates of an upload keeps it out: no stranger's does a trusted one.

    Args:
        trusted: the site trusts the upload's certificate for the address.
    """
    there = [one for one in earlier if one.created == entry.created]
    if trusted:
        there = [one for one in there if one.trusted or one.key_digest == entry.signer.key_digest]
    return bool(there)


def verify_gate(entry: AcceptedEntry, latest: datetime | None, policy: UploadPolicy, now: datetime) -> None:
    """Let an upload pass or say why not.

    Args:
        latest: creation time of the latest entry for the image in the log uploaded to by that endorser:
            signed with the same key, or with a certificate that the site trusts for the address.
        now: the time of the upload.

    Raises:
        GateError: a subclass for each rule.
    """
    _verify_signature(entry, policy, now)
    if policy.judge is not None:
        _verify_endorser(entry, policy, policy.judge(entry.signer, now), now)
    if entry.created - now > policy.max_ahead:
        raise CreatedInFutureError(
            f"dcterms:created is {format_time(entry.created)}, more than "
            f"{int(policy.max_ahead.total_seconds())} seconds ahead of this site's {format_time(now)}: "
            "check the clock of the signing machine and sign again"
        )
    if is_over_at_birth(entry):
        # It would take the place of one that is still valid. A deprecation passes whatever its date: an
        # image that is over could not be withdrawn otherwise.
        raise ExpiredError(
            f"{find_expiry(entry, now)}: sign again with a later dcterms:valid, or without one; nobody "
            "would see this entry, and it would replace an entry that is still valid"
        )
    if latest is not None and entry.created < latest:
        raise OlderThanLatestError(
            f"dcterms:created is {format_time(entry.created)}, but the latest entry of this endorser for "
            f"the image is of {format_time(latest)}: sign again with a later time"
        )


def _verify_endorser(
    entry: AcceptedEntry, policy: UploadPolicy, verdict: CertificateVerdict, now: datetime
) -> None:
    verify_certificate_rules(entry, verdict, policy.required)
    # Old catalogues come with authorities that are over: what lets in their signatures lets in these.
    if policy.required != "any" and policy.legacy == "refuse":
        verify_path_in_date(verdict, now, policy.max_ahead)


def _verify_signature(entry: AcceptedEntry, policy: UploadPolicy, now: datetime) -> None:
    signer = entry.signer
    if entry.strength is Strength.LEGACY and policy.legacy == "refuse":
        raise LegacyRefusedError(
            f"the signature ({entry.signature_algorithm}, digest {entry.digest_algorithm}) or its key is too "
            "weak for new entries: sign with RSA of 2048 bits or ECDSA, and SHA-256 or better"
        )
    if signer.not_before - now > policy.max_ahead:
        raise CertificateNotYetValidError(
            f"the signer's certificate is valid from {format_time(signer.not_before)} on, more than "
            f"{int(policy.max_ahead.total_seconds())} seconds ahead of this site's {format_time(now)}: "
            "wait, or check the clock of the machine that made it"
        )
    if now > signer.not_after and policy.legacy == "refuse":
        raise CertificateExpiredError(
            f"the signer's certificate was valid until {format_time(signer.not_after)}, "
            f"and it is {format_time(now)}: sign with a current one"
        )
