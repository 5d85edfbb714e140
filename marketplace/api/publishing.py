"""``POST /api/v1/entries/.../publish``: what a group keeps becomes public, for good."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from marketplace.confirmation import AwaitedConfirmation
from marketplace.ingest import IngestResult
from marketplace.original.publication import publish_entry
from validators.document import format_time

from .answers import site_url, write_json
from .description import JSON, DescribedAnswer, Operation
from .entry import COORDINATES, read_coordinates, unknown_entry
from .original import GATE_CODES
from .presenters import Urls

PUBLISH = Operation(
    "api.entry.publish",
    "Publish an entry of a group",
    "Appends the entry to the public log, where everybody sees it and from which nothing is taken away. It "
    "passes the upload gate again. An entry that is signed as private stays private. Needs a token that may "
    "read and upload, of a member of a group that has the entry; for all others there is no such entry.",
    "Entries",
    [
        DescribedAnswer("It is public from now on.", "Published", status=201, headers=("Location",)),
        DescribedAnswer("It was public already.", "Published", headers=("Location",)),
        DescribedAnswer("Its endorser is asked by mail first.", "Held", status=202),
    ],
    path=COORDINATES,
    method="POST",
    errors={
        400: ("audience.private", *GATE_CODES),
        403: ("site.read-only",),
        404: ("entry.unknown",),
        409: ("conflict.coordinates",),
        503: ("store.unavailable",),
    },
)


@PUBLISH.view("entry:publish")
def publish(request: Request) -> Response:
    """Publish the entry with these coordinates."""
    receipt = publish_entry(request, read_coordinates(request), unknown_entry())
    if isinstance(receipt, AwaitedConfirmation):
        return _waiting(receipt)
    return _answer(request, receipt)


def _waiting(awaited: AwaitedConfirmation) -> Response:
    body = {"outcome": "held", "email": awaited.email, "expires_at": format_time(awaited.expires_at)}
    headers = [("Content-Type", JSON), ("Cache-Control", "no-store")]
    return Response(body=write_json(body), status=202, headerlist=headers)


def _answer(request: Request, receipt: IngestResult) -> Response:
    urls = Urls(site_url(request))
    signed = urls.signed(receipt.coordinates)
    body = {
        "id": receipt.entry_id,
        "identifier": receipt.coordinates.identifier,
        "email": receipt.coordinates.email,
        "created": receipt.coordinates.created_text,
        "outcome": receipt.outcome,
        "links": {"self": urls.entry(receipt.coordinates), "signed": signed},
    }
    headers = [("Content-Type", JSON), ("Location", signed), ("Cache-Control", "no-store")]
    status = 201 if receipt.outcome == "created" else 200
    return Response(body=write_json(body), status=status, headerlist=headers)
