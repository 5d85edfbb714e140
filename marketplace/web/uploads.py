"""Uploading an entry: ``POST /metadata`` and the form that does it without a client."""

from __future__ import annotations

from urllib.parse import quote

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.ingest import (
    AudienceError,
    ConflictError,
    GateError,
    IngestService,
    Receipt,
    StoreUnavailableError,
    UploadPolicy,
)
from marketplace.ingest.examination import Examination, examine_upload
from marketplace.runtime import Runtime
from validators.document import Coordinates
from validators.errors import RefusedError

from .body import read_entry
from .errors import BadRequestError, HttpError
from .negotiation import Media, Offer, by_accept
from .pages import page
from .reading import visible_entries

#: The confirmation is plain text for every client but a browser.
_CONFIRMATIONS = (Offer("text/plain", Media.XML), Offer("text/html", Media.HTML))


@view_config(route_name="web.entries", request_method="POST", permission="entry:upload")
def upload(request: Request) -> Response:
    """Store the entry a request carries; 201 also where it is stored already."""
    runtime: Runtime = request.registry[Runtime]
    if runtime.settings.site.mode == "replica":
        raise HttpError(403, "site.read-only", "read-only repository")
    data = read_entry(request, runtime.settings.upload.max_bytes)
    receipt = submit(runtime.ingest, data)
    url = f"{runtime.settings.site.url}/metadata/{entry_path(receipt.coordinates)}"
    response = _confirmation(request, receipt)
    response.headerlist += [("Location", url), ("Content-Location", url), ("Cache-Control", "no-store")]
    return response


@view_config(route_name="web.upload", request_method="GET", permission="entry:upload")
def upload_form(request: Request) -> Response:
    """A page with a form."""
    return _upload_page(request, None)


@view_config(route_name="web.upload", request_method="POST", permission="entry:verify")
def check(request: Request) -> Response:
    """What an upload of the form's file would meet, step by step; nothing is stored."""
    runtime: Runtime = request.registry[Runtime]
    data = read_entry(request, runtime.settings.upload.max_bytes)
    policy = UploadPolicy(legacy=runtime.settings.upload.legacy)
    with visible_entries(request) as visible:
        examination = examine_upload(data, visible, policy, runtime.now())
    response = _upload_page(request, examination)
    response.headers["Cache-Control"] = "no-store"
    return response


def _upload_page(request: Request, examination: Examination | None) -> Response:
    max_bytes = request.registry[Runtime].settings.upload.max_bytes
    return page(request, "upload", {"max_bytes": max_bytes, "examination": examination})


def submit(ingest: IngestService, data: bytes) -> Receipt:
    """Hand an entry in, with every refusal as the response it becomes.

    Raises:
        HttpError: 400 invalid or refused by the gate, 409 taken coordinates, 503 no database.
    """
    try:
        return ingest.submit(data)
    except RefusedError as error:
        raise refused(error) from error
    except GateError as error:
        raise BadRequestError(error.code, f"invalid metadata: {error.message}", step=8) from error
    except AudienceError as error:
        raise BadRequestError(error.code, f"invalid metadata: {error.message}") from error
    except ConflictError as error:
        raise HttpError(409, error.code, error.message) from error
    except StoreUnavailableError as error:
        raise HttpError(503, error.code, error.message, headers=[("Retry-After", "5")]) from error


def refused(error: RefusedError) -> BadRequestError:
    """The 400 of an entry that acceptance refuses."""
    return BadRequestError(
        error.code,
        f"invalid metadata: {error.message}",
        step=error.step,
        element=error.element,
        found=error.found,
        expected=error.expected,
    )


def entry_path(coordinates: Coordinates) -> str:
    """Coordinates as part of a URL: an e-mail address may hold a percent sign."""
    return quote(coordinates.path(), safe="/@:+~")


def _confirmation(request: Request, receipt: Receipt) -> Response:
    offer = by_accept(request.environ.get("HTTP_ACCEPT", ""), _CONFIRMATIONS)
    if offer is not None and offer.media is Media.HTML:
        response = page(request, "uploaded", {"path": entry_path(receipt.coordinates)})
        response.status_int = 201
        return response
    return Response(body=b"metadata entry created", status=201, content_type="text/plain", charset="UTF-8")
