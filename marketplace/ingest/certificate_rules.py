"""Whose uploads a site takes: what the gate asks of the endorser's certificate.

It is asked of uploads only. What comes by replication or an import is stored
whoever signed it, and shown for what it is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from marketplace.ingest.errors import (
    CertificateRevokedError,
    ChainRequiredError,
    NotOnAllowListError,
    PathOutOfDateError,
    RevocationUnknownError,
)
from validators.document import AcceptedEntry, Signer, format_time
from validators.verdict import CertificateVerdict, Standing

#: Anybody whose certificate is not revoked, endorsers on the allow-list, or everybody a trusted authority
#: certified.
Required = Literal["any", "allowlist", "chain"]
#: Tells how a signer's certificate stands at a moment.
Judge = Callable[[Signer, datetime], CertificateVerdict]


def verify_certificate_rules(entry: AcceptedEntry, verdict: CertificateVerdict, required: Required) -> None:
    """Let an endorser's upload pass or say why not.

    Args:
        verdict: on the certificate, now.

    Raises:
        GateError: a subclass for each rule.
    """
    _verify_unrevoked(verdict)
    if required == "any":
        return
    if verdict.standing is Standing.REVOCATION_UNKNOWN:
        raise RevocationUnknownError(
            f"the revocation of the certificate cannot be checked: {verdict.revocation_fault}. This "
            "site accepts such uploads again when it has the issuer's newest revocation list; inform "
            "its operator"
        )
    if verdict.standing is not Standing.CHAINED:
        raise ChainRequiredError(_unchained(entry, verdict))
    if required == "allowlist" and not verdict.listed:
        raise NotOnAllowListError(
            "this site accepts uploads only of the endorsers on its list, and "
            f"{entry.endorser.subject} is not on it: ask the operator to add this name, or sign with a "
            "certificate whose name is on the list"
        )


def verify_path_in_date(verdict: CertificateVerdict, now: datetime, max_ahead: timedelta) -> None:
    """Check that every certificate up to the anchor is in date.

    Args:
        max_ahead: how wrong clocks may be.

    Raises:
        PathOutOfDateError: one is not.
    """
    begins_late = verdict.begins is not None and verdict.begins - now > max_ahead
    if begins_late or (verdict.ends is not None and now > verdict.ends):
        begins = "?" if verdict.begins is None else format_time(verdict.begins)
        ends = "?" if verdict.ends is None else format_time(verdict.ends)
        raise PathOutOfDateError(
            f"the certificates from yours up to {verdict.anchor} hold from {begins} to {ends}, and it is "
            f"{format_time(now)}: ask your authority for a certificate under a current one"
        )


def _verify_unrevoked(verdict: CertificateVerdict) -> None:
    revoked = verdict.revoked
    if revoked is not None:
        raise CertificateRevokedError(
            f"the certificate of {verdict.revoked_name} was revoked by its issuer on "
            f"{format_time(revoked.since)} ({revoked.reason}): sign with a new certificate, also to "
            "deprecate what the old one endorsed"
        )


def _unchained(entry: AcceptedEntry, verdict: CertificateVerdict) -> str:
    wanted = (
        "this site accepts uploads only of endorsers whose certificate comes from an authority that it trusts"
    )
    if verdict.standing is Standing.SELF_SIGNED:
        return (
            # The operator needs the fingerprint: it stands before the name, which may be long and be cut.
            f"{wanted}, and the certificate with SHA-256 {entry.signer.fingerprint} is self-signed: get one "
            "from such an authority, or ask the operator to make this one an anchor "
            f"({entry.endorser.subject})"
        )
    found = "; ".join(verdict.faults) or "no path was found"
    return (
        f"{wanted}, and no path leads from {entry.endorser.subject} to one of them ({found}): sign with the "
        "certificates between yours and the authority's in the document, or ask the operator to trust "
        f"{entry.endorser.issuer}"
    )
