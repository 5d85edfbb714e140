"""``GET /api/v1/entries/.../decision``: whether this site stands by an entry, and why."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.runtime import Runtime
from validators.decision import Decision
from validators.document import AcceptedEntry, format_time
from validators.verdict import CertificateVerdict

from .answers import fresh, site_url
from .description import Answer, Operation
from .entry import COORDINATES, find_entry, read_coordinates
from .shown import Shown, Urls

DECISION = Operation(
    "api.entry.decision",
    "Whether this site stands by an entry, and why",
    "Every rule of trust with its outcome, what was found, and what would change it. It is the judgement of "
    "this site at this moment, by its anchors and revocation lists; another site may judge otherwise.",
    "Entries",
    [Answer("The decision.", "Decision")],
    path=COORDINATES,
    errors={404: ["entry.unknown"]},
)


@view_config(route_name="api.entry.decision", request_method="GET", permission="entry:read")
def decision(request: Request) -> Response:
    """The decision about the entry with these coordinates."""
    DECISION.read(request)
    runtime: Runtime = request.registry[Runtime]
    found, _ = find_entry(request, read_coordinates(request))
    confirmed = runtime.confirmation.has_confirmed(found)
    decided = runtime.trust.decide(found, runtime.now(), email_confirmed=confirmed)
    return fresh(request, show_decision(found, decided, Urls(site_url(request))))


def show_decision(entry: AcceptedEntry, decided: Decision, urls: Urls) -> Shown:
    """A decision as JSON."""
    return {
        "id": entry.entry_id,
        "identifier": entry.identifier,
        "email": entry.endorser.email,
        "created": format_time(entry.created),
        "trusted": decided.trusted,
        "standing": decided.certificate.standing.value,
        "strength": decided.strength.value,
        "in_date_at_created": decided.in_date_at_created,
        "in_date_now": decided.in_date_now,
        "email_bound": decided.email_bound,
        "email_confirmed": decided.email_confirmed,
        "certificate": {"sha256": entry.signer.fingerprint, **_certificate(decided.certificate)},
        "rules": [
            {"rule": one.name, "outcome": one.outcome.value, "found": one.found, "change": one.change}
            for one in decided.rules
        ],
        "links": {"entry": urls.entry(entry.coordinates), "signed": urls.signed(entry.coordinates)},
    }


def _certificate(verdict: CertificateVerdict) -> Shown:
    revoked = verdict.revoked
    return {
        "anchor": verdict.anchor,
        "pinned": verdict.pinned,
        "path": list(verdict.path),
        "revoked_since": None if revoked is None else format_time(revoked.since),
        "revocation_reason": None if revoked is None else revoked.reason,
        "listed": verdict.listed,
    }
