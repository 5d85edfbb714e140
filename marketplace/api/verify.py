"""``POST /api/v1/verify``: everything an upload would be told, and nothing stored."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.ingest import GateError, UploadPolicy, verify_gate
from marketplace.runtime import Runtime
from marketplace.web.body import read_entry
from marketplace.web.reading import visible_entries
from validators.document import AcceptedEntry
from validators.errors import RefusedError
from validators.report import examine
from validators.trust import judge

#: Steps of FORMAT behind acceptance.
TRUST_STEP, GATE_STEP = 7, 8

Step = dict[str, Any]


@view_config(route_name="api.verify", request_method="POST", permission="entry:verify")
def verify(request: Request) -> Response:
    """The outcome of every step for the entry a request carries; 200 whatever the outcome is."""
    runtime: Runtime = request.registry[Runtime]
    data = read_entry(request, runtime.settings.upload.max_bytes)
    report = examine(data)
    steps = [
        _step(step.number, step.name, step.outcome.value, step.code, step.message) for step in report.steps
    ]
    if report.entry is None:
        steps += [
            _step(TRUST_STEP, "Trust", "not-reached", None, "Not judged, because the entry is not accepted."),
            _step(
                GATE_STEP, "Upload gate", "not-reached", None, "Not asked, because the entry is not accepted."
            ),
        ]
        body: dict[str, Any] = {"verdict": "refused", "steps": steps}
    else:
        gate = _judge_gate(request, runtime, report.entry)
        steps += [_judge_trust(report.entry), gate]
        verdict = "refused" if gate["outcome"] == "failed" else "accepted"
        body = {"verdict": verdict, "steps": steps, "entry": _summary(report.entry)}
    if report.refusal is not None:
        body["refusal"] = _refusal(report.refusal)
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return Response(body=json.dumps(body).encode(), headerlist=headers)


def _judge_trust(entry: AcceptedEntry) -> Step:
    verdict = judge(entry)
    names = "self-signed" if verdict.self_signed else "issued by another certificate"
    bound = "is in the certificate" if verdict.email_bound else "is the signer's own claim"
    date = "in date" if verdict.in_date_at_created else "not in date"
    message = f"The certificate is {names} and was {date} at dcterms:created; the address {bound}."
    return _step(TRUST_STEP, "Trust", "passed", None, message) | {"facts": asdict(verdict)}


def _judge_gate(request: Request, runtime: Runtime, entry: AcceptedEntry) -> Step:
    """What an upload of this entry would meet now; another upload may change it a moment later."""
    policy = UploadPolicy(legacy=runtime.settings.upload.legacy)
    with visible_entries(request) as visible:
        held = visible.find_by_entry_id(entry.entry_id)
        at_coordinates = visible.find_body(entry.coordinates)
        latest = max(
            (row.created for row in visible.timeline(entry.identifier) if row.email == entry.endorser.email),
            default=None,
        )
    if at_coordinates is not None and at_coordinates.data == entry.data:
        return _gate("passed", "gate.unchanged", "These bytes are stored already: an upload changes nothing.")
    if held is not None or at_coordinates is not None:
        return _gate("failed", "conflict.coordinates", "Other bytes have these coordinates already.")
    return _judge_new(entry, latest, policy, runtime.now())


def _judge_new(entry: AcceptedEntry, latest: datetime | None, policy: UploadPolicy, now: datetime) -> Step:
    try:
        verify_gate(entry, latest, policy, now)
    except GateError as error:
        return _gate("failed", error.code, error.message)
    return _gate("passed", None, "An upload would be stored.")


def _gate(outcome: str, code: str | None, message: str) -> Step:
    return _step(GATE_STEP, "Upload gate", outcome, code, message)


def _step(number: int, name: str, outcome: str, code: str | None, message: str) -> Step:
    return {"step": number, "name": name, "outcome": outcome, "code": code, "message": message}


def _refusal(error: RefusedError) -> dict[str, Any]:
    return {
        "code": error.code,
        "step": error.step,
        "element": error.element,
        "found": error.found,
        "expected": error.expected,
        "message": error.message,
    }


def _summary(entry: AcceptedEntry) -> dict[str, Any]:
    return {
        "id": entry.entry_id,
        "identifier": entry.identifier,
        "email": entry.endorser.email,
        "created": entry.coordinates.created_text,
        "subject": entry.endorser.subject,
        "issuer": entry.endorser.issuer,
        "strength": entry.strength.value,
        "signature_algorithm": entry.signature_algorithm,
        "digest_algorithm": entry.digest_algorithm,
    }
