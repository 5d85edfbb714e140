"""Step 7, trust: how a certificate stands at a site, judged once for all its entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from validators.certificates import is_self_signed
from validators.links import MaterialError, parse_link
from validators.material import TrustMaterial
from validators.paths import Path, find_paths
from validators.revocation import Revocation
from validators.revoking import judge_revocation


class Standing(StrEnum):
    """How a certificate stands at a site."""

    CHAINED = "chained"
    SELF_SIGNED = "self-signed"
    UNTRUSTED_ISSUER = "untrusted-issuer"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation-unknown"


@dataclass(frozen=True, slots=True)
class CertificateVerdict:
    """What a site holds of a certificate.

    Args:
        anchor: name of the anchor it is chained to, also where it is revoked; None without a path.
        pinned: it is an anchor itself.
        path: names from the signer's certificate to the anchor.
        begins: from when on every certificate of the path is in date.
        ends: until when.
        revoked: the first revocation on the path, from the signer's certificate up.
        revoked_name: whose certificate that is.
        revocation_fault: why it cannot be told whether something is revoked, where the policy asks for it.
        revocation_notes: what is not known about revocation and does not matter by the policy.
        listed: a name on the allow-list, whoever certified it.
        faults: why the paths that were tried do not hold.
        fresh_until: the last moment at which every revocation list that was asked is up to date; None
            where none ends, or the policy does not ask for new ones.
    """

    standing: Standing
    anchor: str | None
    anchor_fingerprint: str | None
    pinned: bool
    path: tuple[str, ...]
    begins: datetime | None
    ends: datetime | None
    revoked: Revocation | None
    revoked_name: str | None
    revocation_fault: str | None
    revocation_notes: tuple[str, ...]
    listed: bool
    faults: tuple[str, ...]
    fresh_until: datetime | None = None

    def covers(self, moment: datetime) -> bool:
        """Whether every certificate of the path is in date at a moment; true without a path."""
        return (self.begins is None or self.begins <= moment) and (self.ends is None or moment <= self.ends)


def judge_certificate(
    certificate: bytes,
    intermediates: Sequence[bytes],
    material: TrustMaterial,
    now: datetime,
    at: datetime | None = None,
) -> CertificateVerdict:
    """Judge a signer's certificate by what the site trusts; total: there is a verdict whatever its bytes.

    Args:
        certificate: DER.
        intermediates: DER of the other certificates that came with the signature.
        now: the reference time, for revocation lists.
        at: a moment that the chosen path should cover, if any does; ``now`` where absent.
    """
    try:
        signer = parse_link(certificate)
    except MaterialError as error:
        return unjudged(f"the signer's certificate {error}")
    listed = signer.subject in material.allowed
    search = find_paths(signer, intermediates, material)
    if not search.paths:
        own = Standing.SELF_SIGNED if is_self_signed(certificate) else Standing.UNTRUSTED_ISSUER
        return _without_path(own, search.faults, listed)
    judged = [_judge_path(path, material, now, listed) for path in search.paths]
    return max(judged, key=lambda verdict: _preference(verdict, at or now, now))


def unjudged(reason: str) -> CertificateVerdict:
    """The verdict on a certificate about which nothing can be said."""
    return _without_path(Standing.UNTRUSTED_ISSUER, (reason,), listed=False)


def _without_path(standing: Standing, faults: tuple[str, ...], listed: bool) -> CertificateVerdict:
    return CertificateVerdict(
        standing, None, None, False, (), None, None, None, None, None, (), listed, faults
    )


def _preference(verdict: CertificateVerdict, at: datetime, now: datetime) -> tuple[bool, bool, bool, bool]:
    # A revoked signer is revoked on every path; a revoked authority only on those through it.
    chained = verdict.standing is Standing.CHAINED
    return chained, verdict.standing is Standing.REVOKED, verdict.covers(at), verdict.covers(now)


def _judge_path(path: Path, material: TrustMaterial, now: datetime, listed: bool) -> CertificateVerdict:
    state = judge_revocation(path, material, now)
    if state.revoked is not None:
        standing = Standing.REVOKED
    elif state.fault is not None:
        standing = Standing.REVOCATION_UNKNOWN
    else:
        standing = Standing.CHAINED
    return CertificateVerdict(
        standing=standing,
        anchor=path.anchor.name,
        anchor_fingerprint=path.anchor.fingerprint,
        pinned=path.pinned,
        path=tuple(link.name for link in path.links),
        begins=path.begins,
        ends=path.ends,
        revoked=state.revoked,
        revoked_name=state.name,
        revocation_fault=state.fault,
        revocation_notes=tuple(state.notes),
        listed=listed,
        faults=(),
        fresh_until=state.fresh_until,
    )
