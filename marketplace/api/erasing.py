"""``POST /api/v1/entries/.../erase``: what an entry says is gone, because somebody has a right to that."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.security import principal_of
from marketplace.ingest.erasing import ErasingService, UnknownEntryError
from marketplace.runtime import Runtime

from .answers import write_json
from .description import JSON, DescribedAnswer, Operation
from .entry import COORDINATES, read_coordinates, unknown_entry
from .json_body import CODES, read_body
from .shapes.entries import ErasedShape, ErasureReason

ERASE = Operation(
    "api.entry.erase",
    "Erase what an entry says",
    "For legal requests. Every entry with these coordinates permanently loses its document and all data "
    "from it, in all logs; its URL answers 410 with the reason. That there was an entry stays in the "
    "log. Other marketplaces that have it keep it: ask them too.",
    "Entries",
    [DescribedAnswer("It is gone.", ErasedShape)],
    path=COORDINATES,
    method="POST",
    bodies={JSON: ErasureReason},
    errors={**CODES, 400: (*CODES[400], "erase.reason"), 404: ("entry.unknown",)},
    needs="scope `admin`",
)


@ERASE.view("entry:erase")
def erase(request: Request) -> Response:
    """Erase the entries with these coordinates."""
    runtime: Runtime = request.registry[Runtime]
    reason = read_body(request, ErasureReason).reason
    service = ErasingService(runtime.database, runtime.now, runtime.forget_erased)
    try:
        ids = service.erase(read_coordinates(request), reason, str(principal_of(request).name))
    except UnknownEntryError:
        raise unknown_entry() from None
    runtime.judge.forget()
    runtime.following.nudge()
    headers = [("Content-Type", JSON), ("Cache-Control", "no-store")]
    return Response(body=write_json(ErasedShape(erased=ids)), status=200, headerlist=headers)
