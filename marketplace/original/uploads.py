"""Uploading an entry: ``POST /metadata`` and the form that does it without a client."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.access import find_group
from marketplace.changes import LogNotFoundError
from marketplace.confirmation import (
    AwaitedConfirmation,
    ConfirmationService,
)
from marketplace.confirmation.dry_run import with_confirmation
from marketplace.http.body import read_entry
from marketplace.http.coordinates import entry_path
from marketplace.http.errors import BadRequestError, HttpError
from marketplace.http.negotiation import Media, Offer, by_accept
from marketplace.http.parameters import read_query
from marketplace.http.rate_limits import Turn, take_turn
from marketplace.http.security import principal_of
from marketplace.http.upload_target import read_address, unknown_audience
from marketplace.ingest import (
    Addressing,
    IngestResult,
)
from marketplace.ingest.dry_run import DryRun, dry_run_upload
from marketplace.moments import exact
from marketplace.pages.rendering import page
from marketplace.runtime import Runtime
from validators.errors import RefusedError

#: The confirmation is plain text for every client but a browser.
_CONFIRMATIONS = (Offer("text/plain", Media.XML), Offer("text/html", Media.HTML))


@view_config(route_name="web.entries", request_method="POST", permission="entry:upload")
def upload(request: Request) -> Response:
    """Store the entry a request carries: 201, also where it is there already; 202 asks its endorser first."""
    runtime: Runtime = request.registry[Runtime]
    verify_takes_uploads(runtime)
    take_turn(request, Turn.UPLOAD)
    address = read_address(request, read_query(request))
    data = read_entry(request, runtime.settings.upload.max_bytes, runtime.settings.site.url)
    receipt = submit(runtime.confirmation, data, address, client_of(request))
    if isinstance(receipt, AwaitedConfirmation):
        return _awaited(request, receipt)
    url = f"{runtime.settings.site.url}/metadata/{entry_path(receipt.coordinates)}"
    response = _confirmation(request, receipt)
    response.headerlist += [("Location", url), ("Content-Location", url), ("Cache-Control", "no-store")]
    return response


def verify_takes_uploads(runtime: Runtime) -> None:
    """Check that the site is no replica.

    Raises:
        HttpError: 403; the sentence is the one that clients of the original service know.
    """
    if runtime.settings.site.mode == "replica":
        raise HttpError(403, "site.read-only", "read-only repository")


@view_config(route_name="web.upload", request_method="GET", permission="entry:upload")
def upload_form(request: Request) -> Response:
    """A page with a form."""
    return _upload_page(request, None)


@view_config(route_name="web.upload", request_method="POST", permission="entry:verify")
def check(request: Request) -> Response:
    """What an upload of the form's file would meet, step by step; nothing is stored."""
    runtime: Runtime = request.registry[Runtime]
    take_turn(request, Turn.UPLOAD)
    address = read_address(request, read_query(request))
    data = read_entry(request, runtime.settings.upload.max_bytes, runtime.settings.site.url)
    dry_run = try_upload(runtime, data, address, client_of(request))
    response = _upload_page(request, dry_run)
    response.headers["Cache-Control"] = "no-store"
    return response


def try_upload(runtime: Runtime, data: bytes, address: str | Addressing, client: str) -> DryRun:
    """What an upload would meet in the log it goes to; what other logs hold has no part in it.

    Args:
        client: address of whoever asks.
    """
    report = runtime.acceptance.examine(data)
    with runtime.database.read() as session:
        found = dry_run_upload(
            report, session, address, runtime.ingest.policy, runtime.now(), runtime.list_caches
        )
    return with_confirmation(found, runtime.confirmation, address, client)


def client_of(request: Request) -> str:
    """The address a request came from, or whatever names its client."""
    address: str = request.environ.get("REMOTE_ADDR", "")
    return address


def _upload_page(request: Request, dry_run: DryRun | None) -> Response:
    principal = principal_of(request)
    values = {
        "max_bytes": request.registry[Runtime].settings.upload.max_bytes,
        "dry_run": dry_run,
        "asks": request.registry[Runtime].settings.upload.confirm_email,
        "groups": sorted(group for group in principal.groups if principal.may_upload_to(group)),
    }
    return page(request, "upload", values)


def submit(
    confirmation: ConfirmationService, data: bytes, address: str | Addressing, client: str
) -> IngestResult | AwaitedConfirmation:
    """Hand an entry in.

    Args:
        client: address of whoever uploads.

    Raises:
        HttpError: 400 no entry, 404 no such group.
        IngestError: the entry is refused here; ``refusals`` has the responses.
        ConfirmationError: its confirmation cannot be asked for; likewise.
    """
    try:
        return confirmation.submit(data, address, client)
    except RefusedError as error:
        raise refused(error) from error
    except LogNotFoundError:
        # The group was there when the request came.
        raise unknown_audience() from None


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


def _awaited(request: Request, awaited: AwaitedConfirmation) -> Response:
    """202: it is stored, and in no log before its endorser agrees."""
    offer = by_accept(request.environ.get("HTTP_ACCEPT", ""), _CONFIRMATIONS)
    if offer is not None and offer.media is Media.HTML:
        response = page(request, "held", {"email": awaited.email, "expires_at": awaited.expires_at}, 202)
    else:
        sentence = (
            f"metadata entry waits for confirmation: a mail to {awaited.email} asks for it, "
            f"until {exact(awaited.expires_at)}"
        )
        response = Response(body=sentence.encode(), status=202, content_type="text/plain", charset="UTF-8")
    response.headers["Cache-Control"] = "no-store"
    return response


def _confirmation(request: Request, receipt: IngestResult) -> Response:
    offer = by_accept(request.environ.get("HTTP_ACCEPT", ""), _CONFIRMATIONS)
    if offer is not None and offer.media is Media.HTML:
        values = {"path": entry_path(receipt.coordinates), "group": find_group(receipt.log)}
        return page(request, "uploaded", values, 201)
    return Response(body=b"metadata entry created", status=201, content_type="text/plain", charset="UTF-8")
