"""One entry as JSON: everything it says, what proves it, and how it stands now."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from marketplace.entries import EntryRecord
from marketplace.http.errors import NotFoundError, erased_entry
from marketplace.http.visible_entries import visible_entries
from marketplace.pages.entry_page import MOST_LOCATIONS
from marketplace.pages.presence import find_presence
from marketplace.runtime import Runtime
from validators.document import AcceptedEntry, Coordinates
from validators.identifier import is_identifier
from validators.times import parse_time

from .answers import fresh, immutable, site_url
from .description import DescribedAnswer, Operation
from .parameters import CREATED, EMAIL, IDENTIFIER, TAG
from .presenters import JsonObject, Urls, show_entry, show_statement

COORDINATES = (IDENTIFIER, EMAIL, CREATED)

ENTRY = Operation(
    "api.entry",
    "One entry",
    "The entry with these coordinates, superseded or not: all terms and extensions, checksums, endorser, "
    "certificate, trust, and its status now. The status can change at any moment, so caches ask again with "
    "the entity tag; `/statement` is the part that never changes.",
    "Entries",
    [DescribedAnswer("The entry.", "Entry")],
    path=COORDINATES,
    errors={404: ["entry.unknown"], 410: ["entry.erased"]},
)
STATEMENT = Operation(
    "api.entry.statement",
    "Immutable entry",
    "The entry without its status and without anything else that can change. Caches may keep it permanently.",
    "Entries",
    [DescribedAnswer("The statement.", "Statement")],
    path=COORDINATES,
    errors={404: ["entry.unknown"], 410: ["entry.erased"]},
)
TAGGED = Operation(
    "api.tag",
    "The entry that a tag names",
    "The endorser's newest current entry with the tag that is not deprecated. Another entry may get the "
    "tag at any moment; `Content-Location` is the URL of the entry that has the tag now.",
    "Endorsers",
    [DescribedAnswer("The entry.", "Entry", headers=("Content-Location",))],
    path=(EMAIL, TAG),
    errors={404: ["tag.unknown"]},
)


@ENTRY.view("entry:read")
def entry(request: Request) -> Response:
    """The entry with these coordinates."""
    shown, record = find_entry(request, read_coordinates(request))
    return fresh(request, _show(request, shown, record, Urls(site_url(request))))


@STATEMENT.view("entry:read")
def statement(request: Request) -> Response:
    """The part of an entry that never changes."""
    shown, _ = find_entry(request, read_coordinates(request))
    return immutable(request, show_statement(shown, Urls(site_url(request))))


@TAGGED.view("entry:read")
def tagged(request: Request) -> Response:
    """The entry that e-mail and tag name now."""
    names = request.matchdict
    with visible_entries(request) as visible:
        row = visible.tagged(names["email"], names["tag"])
    if row is None:
        raise NotFoundError("tag.unknown", "this tag of this endorser names no entry")
    shown, record = find_entry(request, row.coordinates)
    urls = Urls(site_url(request))
    body = _show(request, shown, record, urls)
    return fresh(request, body, [("Content-Location", urls.entry(row.coordinates))])


def _show(request: Request, entry: AcceptedEntry, record: EntryRecord, urls: Urls) -> JsonObject:
    runtime: Runtime = request.registry[Runtime]
    now = runtime.now()
    reached = runtime.watch.find(entry.metadata.locations[:MOST_LOCATIONS], record.logs)
    with visible_entries(request) as visible:
        verdict = runtime.judge.judge(visible, entry.identifier, now)
    return show_entry(entry, record, now, urls, reached, verdict, find_presence(request, entry))


def read_coordinates(request: Request) -> Coordinates:
    """The coordinates in the URL.

    Raises:
        NotFoundError: they are none, so no entry has them.
    """
    names = request.matchdict
    try:
        if not is_identifier(names["identifier"]):
            raise ValueError
        return Coordinates(names["identifier"], names["email"], parse_time(names["created"]))
    except ValueError:
        raise unknown_entry() from None


def find_entry(request: Request, coordinates: Coordinates) -> tuple[AcceptedEntry, EntryRecord]:
    """The entry that the reader may see at these coordinates, and how it stands.

    Raises:
        NotFoundError: there is none.
        HttpError: 410; it was erased.
    """
    with visible_entries(request) as visible:
        stored = visible.find_body(coordinates)
        record = visible.find(coordinates)
        erased = visible.find_erased(coordinates) if stored is None else None
    if erased is not None:
        raise erased_entry(erased)
    if stored is None or record is None:
        raise unknown_entry()
    return request.registry[Runtime].acceptance.accept(stored.data), record


def unknown_entry() -> NotFoundError:
    """404 of coordinates that no entry has, for the one who asks."""
    return NotFoundError("entry.unknown", "there is no entry with these coordinates")
