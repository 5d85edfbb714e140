"""How the site stands to an entry, as badges with an explanation."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from pyramid.request import Request

from marketplace.rules.trust import Judged, StoredVerdict, TrustMark
from marketplace.runtime import Runtime
from validators.document import Strength
from validators.verdict import CertificateVerdict, Standing

from .display import cut, day
from .marks import Badge, strength_badge

#: Characters of a name inside an explanation.
_NAME = 120


class Judging(Enum):
    """Whether a site judges at all: without anchors, nobody is trusted and nobody is to blame."""

    BY_ANCHORS = "by anchors"
    NOT_AT_ALL = "not at all"


#: What people read for the values of the trust filter.
MARKS: Mapping[TrustMark, str] = {
    TrustMark.TRUSTED: "trusted by this site",
    TrustMark.CHAINED: "certified",
    TrustMark.LISTED: "known endorser",
    TrustMark.CONFIRMED: "e-mail confirmed",
    TrustMark.SELF_SIGNED: "self-signed",
    TrustMark.UNTRUSTED_ISSUER: "unknown authority",
    TrustMark.REVOKED: "revoked",
    TrustMark.REVOCATION_UNKNOWN: "revocation unknown",
    TrustMark.UNJUDGED: "not judged yet",
}


def judging(request: Request) -> Judging:
    """Whether the site of a request judges endorsers."""
    runtime: Runtime = request.registry[Runtime]
    return Judging.BY_ANCHORS if runtime.trust_store.material.anchors else Judging.NOT_AT_ALL


def standing_badges(verdict: StoredVerdict | CertificateVerdict | None) -> list[Badge]:
    """How an entry's certificate stands at this site."""
    if verdict is None:
        title = "The certificate is new here; the site looks at it within seconds."
        return [Badge(MARKS[TrustMark.UNJUDGED], "plain", title)]
    found = [_standing_badge(verdict)]
    if verdict.listed and verdict.standing is Standing.CHAINED:
        found.append(
            Badge("known endorser", "good", "The certificate's subject is on this site's allow-list.")
        )
    return found


def list_badges(row: Judged, judges: Judging) -> list[Badge]:
    """What a line of a list says of the endorser's certificate and signature."""
    found = []
    if judges is Judging.BY_ANCHORS:
        found += standing_badges(row.verdict)
        if row.verdict is not None and not row.verdict.covers(row.created):
            title = "The certificate, or one above it, was not valid when the entry was made."
            found.append(Badge("certificate out of date", "warn", title))
    if row.confirmed:
        title = "Whoever reads the endorser's mail confirmed the certificate to this site."
        found.append(Badge(MARKS[TrustMark.CONFIRMED], "good", title))
    if row.strength is Strength.LEGACY:
        found.append(strength_badge(row.strength))
    return found


def _standing_badge(verdict: StoredVerdict | CertificateVerdict) -> Badge:
    standing = verdict.standing
    text = MARKS[TrustMark(standing.value)]
    if standing is Standing.CHAINED:
        if verdict.pinned:
            return Badge("certified", "good", "The certificate is itself an anchor of this site.")
        anchor = cut(verdict.anchor or "", _NAME)
        return Badge(text, "good", f"A path of certificates leads to an anchor of this site: {anchor}")
    if standing is Standing.REVOKED:
        return Badge(text, "bad", _revocation(verdict))
    if standing is Standing.REVOCATION_UNKNOWN:
        return Badge(text, "warn", "The issuer's revocation list is missing or out of date.")
    if standing is Standing.SELF_SIGNED:
        title = "Nobody but the endorser vouches for the endorser's name, and this site has not chosen to."
        return Badge("self-signed certificate", "plain", title)
    return Badge(text, "warn", "No path of certificates leads to an anchor of this site.")


def _revocation(verdict: StoredVerdict | CertificateVerdict) -> str:
    if isinstance(verdict, StoredVerdict):
        since, reason = verdict.revoked_since, verdict.revoked_reason
    else:
        revoked = verdict.revoked
        since, reason = (None, None) if revoked is None else (revoked.since, revoked.reason)
    if since is None:
        return "A certificate was revoked by its issuer."
    return f"A certificate was revoked by its issuer on {day(since)} ({reason})."
