"""``POST /api/v1/verify``: everything an upload would be told, and nothing stored."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.body import read_entry
from marketplace.http.rate_limits import Turn, take_turn
from marketplace.http.upload_target import read_address
from marketplace.ingest.dry_run import TRUST_STEP, DryRun
from marketplace.original.uploads import client_of, try_upload
from marketplace.runtime import Runtime
from validators.document import AcceptedEntry
from validators.errors import RefusedError
from validators.report import StepResult

from .description import VERDICTS, DescribedAnswer, Operation
from .original import AUDIENCE, UPLOAD_BODIES

VERIFY = Operation(
    "api.verify",
    "Check an upload without storing it",
    "The result that an upload of this document would have, step by step; nothing is stored. The answer is "
    "200 also "
    "for a document that an upload would refuse: `verdict` says so.",
    VERDICTS,
    [DescribedAnswer("The report.", "Verification")],
    method="POST",
    bodies=UPLOAD_BODIES,
    query=(AUDIENCE,),
    errors={
        400: ("body.empty", "form.no-file"),
        404: ("audience.unknown",),
        413: ("body.size",),
        415: ("body.type", "body.coding"),
    },
)


@VERIFY.view("entry:verify")
def verify(request: Request) -> Response:
    """The outcome of every step for the entry a request carries; 200 whatever the outcome is."""
    asked = VERIFY.read(request)
    take_turn(request, Turn.UPLOAD)
    runtime: Runtime = request.registry[Runtime]
    named = asked[AUDIENCE]
    address = read_address(request, {} if named is None else {AUDIENCE.name: named})
    data = read_entry(request, runtime.settings.upload.max_bytes, runtime.settings.site.url)
    found = try_upload(runtime, data, address, client_of(request))
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return Response(body=json.dumps(_report(found)).encode(), headerlist=headers)


def _report(found: DryRun) -> dict[str, Any]:
    body: dict[str, Any] = {
        "verdict": _verdict(found),
        "steps": [_step(step, found) for step in found.steps],
        "advice": [
            {"code": one.code, "element": one.element, "message": one.message} for one in found.advice
        ],
    }
    if found.entry is not None:
        body["entry"] = _summary(found.entry)
    if found.refusal is not None:
        body["refusal"] = _refusal(found.refusal)
    return body


def _verdict(found: DryRun) -> str:
    if not found.passes:
        return "refused"
    return "accepted" if found.awaits is None else "held"


def _step(step: StepResult, found: DryRun) -> dict[str, Any]:
    written: dict[str, Any] = {
        "step": step.number,
        "name": step.name,
        "outcome": step.outcome.value,
        "code": step.code,
        "message": step.message,
    }
    if step.number == TRUST_STEP and found.trust is not None:
        written["facts"] = asdict(found.trust)
    return written


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
