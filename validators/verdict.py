"""Step 7, trust: how a certificate stands at a site, judged once for all its entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from validators.certificates import is_self_signed
from validators.document import format_time
from validators.links import Link, MaterialError, is_signed_by, parse_link
from validators.material import TrustMaterial
from validators.paths import Path, find_paths
from validators.revocation import Revocation


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
    beside: Sequence[bytes],
    material: TrustMaterial,
    now: datetime,
    at: datetime | None = None,
) -> CertificateVerdict:
    """Judge a signer's certificate by what the site trusts; total: there is a verdict whatever its bytes.

    Args:
        certificate: DER.
        beside: DER of the other certificates that came with the signature.
        now: the reference time, for revocation lists.
        at: a moment that the chosen path should cover, if any does; ``now`` where absent.
    """
    try:
        signer = parse_link(certificate)
    except MaterialError as error:
        return unjudged(f"the signer's certificate {error}")
    listed = signer.subject in material.allowed
    search = find_paths(signer, beside, material)
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
    state = _judge_revocation(path, material, now)
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


@dataclass(slots=True)
class _Revocation:
    revoked: Revocation | None = None
    name: str | None = None
    fault: str | None = None
    notes: tuple[str, ...] = ()
    fresh_until: datetime | None = None


def _judge_revocation(path: Path, material: TrustMaterial, now: datetime) -> _Revocation:
    """Ask the issuer of every certificate, from the signer's up, whether it still stands by it."""
    state = _Revocation()
    for place, link in enumerate(path.links):
        if link.self_issued and is_signed_by(link.der, link.der):
            continue  # only its own key could revoke it: an operator takes it out of the anchors
        issuers = [*path.links[place + 1 : place + 2], *material.authorities.get(link.issuer, ())]
        _ask(link, issuers, material, now, state)
        if state.revoked is not None:
            return state
    return state


def _ask(
    link: Link, issuers: Sequence[Link], material: TrustMaterial, now: datetime, state: _Revocation
) -> None:
    policy = material.policy
    lists = material.find_lists(issuers, link.issuer)
    if not lists:
        missing = f"there is no revocation list of the issuer of {link.name}"
        if material.gaps:
            state.fault = state.fault or f"{missing}, and some could not be read: {'; '.join(material.gaps)}"
        elif link.fingerprint not in material.pins and policy.missing_crl == "refuse":
            state.fault = state.fault or missing
        else:
            state.notes = (*state.notes, missing)
        return
    state.revoked = next(filter(None, (one.find_revocation(link) for one in lists)), None)
    if state.revoked is not None:
        state.name = link.name
        return
    found = lists[0]
    if found.is_stale(now):
        until = format_time(found.next_update) if found.next_update else format_time(found.this_update)
        stale = f"the newest revocation list of {found.name} is out of date ({until})"
        if policy.stale_crl == "refuse":
            state.fault = state.fault or stale
        else:
            state.notes = (*state.notes, stale)
    elif found.next_update is not None and policy.stale_crl == "refuse":
        state.fresh_until = min(state.fresh_until or found.next_update, found.next_update)
