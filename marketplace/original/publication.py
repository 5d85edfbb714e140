"""Making public what a group keeps: by a page that asks first, and for the API."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.access import Principal, find_group, group_log
from marketplace.confirmation import AwaitedConfirmation
from marketplace.entries.records import EntryRecord
from marketplace.http.coordinates import UnknownCoordinatesError, entry_path, read_coordinates
from marketplace.http.errors import NotFoundError, no_entry
from marketplace.http.rate_limits import Turn, take_turn
from marketplace.http.security import principal_of
from marketplace.http.visible_entries import entries_visible_to
from marketplace.ingest import IngestResult
from marketplace.ingest.addressing import ToEverybody
from marketplace.pages.admin.asking import Act, ActField, Acting, Given, Secret
from marketplace.pages.rendering import base_path, page
from marketplace.pages.sessions import own_form, see_other, session_key, unstored
from marketplace.runtime import Runtime
from validators.audience import read_audience
from validators.document import AcceptedEntry, Coordinates

from .uploads import client_of, submit, verify_takes_uploads


def publish_entry(
    request: Request, coordinates: Coordinates, absent: NotFoundError
) -> IngestResult | AwaitedConfirmation:
    """Append an entry that a group of the reader keeps to the public log.

    Args:
        absent: raised where there is no such entry for the reader.

    Raises:
        NotFoundError: there is no entry that the reader could publish.
        HttpError: as of ``submit``.
    """
    verify_takes_uploads(request.registry[Runtime])
    take_turn(request, Turn.UPLOAD)
    principal = principal_of(request)
    with entries_visible_to(request, publisher(principal)) as visible:
        stored = visible.find_body(coordinates)
    if stored is None:
        raise absent
    confirmation = request.registry[Runtime].confirmation
    return submit(confirmation, stored.data, ToEverybody(principal), client_of(request))


def publisher(principal: Principal) -> Principal:
    """The principal with the logs only that it may both read and upload to."""
    own = {group_log(group) for group in principal.groups if principal.may_upload_to(group)}
    return Principal(principal.name, principal.logs & own)


def may_publish(principal: Principal, record: EntryRecord, entry: AcceptedEntry) -> bool:
    """Whether only groups see an entry, it is not signed as private, and the principal may make it public."""
    if read_audience(entry.metadata).private:
        return False
    groups = [find_group(log) for log in record.logs]
    return all(groups) and any(group is not None and principal.may_upload_to(group) for group in groups)


def _nothing(acting: Acting, given: Given) -> Secret | None:
    raise AssertionError("unreachable: publishing needs the request that asks for it")


PUBLISH = Act(
    "account",
    "publish",
    "Make an entry public",
    "Everybody sees the entry from then on, and it cannot be made private again. It passes the checks for "
    "uploads again. An entry that is signed as private stays private.",
    "Make it public",
    "",
    _nothing,
    (ActField("entry", "Entry", about=True),),
)


@view_config(route_name="web.entry.publish", request_method="GET", permission="entry:publish")
def ask(request: Request) -> Response:
    """Ask whether an entry is to be public."""
    coordinates = _coordinates(request)
    with entries_visible_to(request, publisher(principal_of(request))) as visible:
        record = visible.find(coordinates)
    if record is None:
        raise no_entry()
    values = {
        "act": PUBLISH,
        "subject": ("Image", record.row.title or "(no title)"),
        "given": {"entry": coordinates.path()},
        "scopes": (),
        "problem": "",
        "code": "",
        "key": session_key(request),
        "back": f"/metadata/{entry_path(coordinates)}",
        "parts": (),
        "part": "account",
    }
    return unstored(page(request, "ask", values))


@view_config(route_name="web.entry.publish", request_method="POST", permission="entry:publish")
def publish(request: Request) -> Response:
    """Make it public, where the form was made for this very session."""
    coordinates = _coordinates(request)
    own_form(request)
    receipt = publish_entry(request, coordinates, no_entry())
    if isinstance(receipt, AwaitedConfirmation):
        held = {"email": receipt.email, "expires_at": receipt.expires_at}
        return unstored(page(request, "held", held, 202))
    return see_other(request, f"{base_path(request)}/metadata/{entry_path(receipt.coordinates)}")


def _coordinates(request: Request) -> Coordinates:
    names = request.matchdict
    try:
        named = read_coordinates((names["first"], names["second"], names["third"]))
    except UnknownCoordinatesError:
        raise no_entry() from None
    if named.identifier is None or named.email is None or named.created is None:
        raise no_entry()
    return Coordinates(named.identifier, named.email, named.created)
