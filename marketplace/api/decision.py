"""``GET /api/v1/entries/.../decision``: whether this site stands by an entry, and why."""

from __future__ import annotations

from datetime import datetime

from pyramid.request import Request
from pyramid.response import Response

from marketplace.entries import EntryRecord
from marketplace.http.visible_entries import visible_entries
from marketplace.runtime import Runtime
from validators.decision import Decision
from validators.document import AcceptedEntry, format_time
from validators.verdict import CertificateVerdict

from .answers import fresh, site_url
from .description import VERDICTS, DescribedAnswer, Operation
from .entry import COORDINATES, find_entry, read_coordinates
from .presenters import SUPERSEDED, JsonObject, Urls

DECISION = Operation(
    "api.entry.decision",
    "Trust decision for an entry",
    "Every rule of trust with its outcome, what was found, and what would change it. It is the decision of "
    "this site now, by its anchors and revocation lists; another site may decide otherwise. Trust "
    "is about the endorser; whether the image may be used is `allowed`, which `/api/v1/verdict` explains.",
    VERDICTS,
    [DescribedAnswer("The decision.", "Decision")],
    path=COORDINATES,
    errors={404: ["entry.unknown"]},
)


@DECISION.view("entry:read")
def decision(request: Request) -> Response:
    """The decision about the entry with these coordinates."""
    runtime: Runtime = request.registry[Runtime]
    found, record = find_entry(request, read_coordinates(request))
    now = runtime.now()
    confirmed = runtime.confirmation.has_confirmed(found)
    decided = runtime.trust.decide(found, now, email_confirmed=confirmed)
    with visible_entries(request) as visible:
        verdict = runtime.judge.judge(visible, found.identifier, now, asked=found.coordinates)
    allowed = verdict is not None and verdict.allowed
    return fresh(request, show_decision(found, record, decided, now, allowed, Urls(site_url(request))))


def show_decision(
    entry: AcceptedEntry, record: EntryRecord, decided: Decision, now: datetime, allowed: bool, urls: Urls
) -> JsonObject:
    """A decision as JSON.

    Args:
        allowed: whether the image may be started, by all that is current about it.
    """
    return {
        "id": entry.entry_id,
        "identifier": entry.identifier,
        "email": entry.endorser.email,
        "created": format_time(entry.created),
        "status": record.row.status(now).value if record.is_current else SUPERSEDED,
        "current": record.is_current,
        "allowed": allowed,
        "trusted": decided.trusted,
        "standing": decided.certificate.standing.value,
        "strength": decided.strength.value,
        "in_date_at_created": decided.in_date_at_created,
        "in_date_now": decided.in_date_now,
        "email_bound": decided.email_bound,
        "email_confirmed": decided.email_confirmed,
        "certificate": {"sha256": entry.signer.fingerprint, **_certificate(decided.certificate)},
        "rules": [
            {
                "rule": one.name,
                "outcome": one.outcome.value,
                "code": one.code,
                "found": one.found,
                "change": one.change,
            }
            for one in decided.rules
        ],
        "links": {
            "entry": urls.entry(entry.coordinates),
            "signed": urls.signed(entry.coordinates),
            "verdict": urls.verdict(entry.identifier),
        },
    }


def _certificate(verdict: CertificateVerdict) -> JsonObject:
    revoked = verdict.revoked
    return {
        "anchor": verdict.anchor,
        "anchor_sha256": verdict.anchor_fingerprint,
        "pinned": verdict.pinned,
        "path": list(verdict.path),
        "revoked_since": None if revoked is None else format_time(revoked.since),
        "revocation_reason": None if revoked is None else revoked.reason,
        "listed": verdict.listed,
    }
