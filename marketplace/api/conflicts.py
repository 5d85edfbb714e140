"""Entries that contradict each other, and the bytes of any entry by its id."""

from __future__ import annotations

import re

from pyramid.request import Request
from pyramid.response import Response

from marketplace.entries.cache import RememberedEntry
from marketplace.entries.conflicts import Conflict, ConflictingEntry
from marketplace.http.errors import BadRequestError, NotFoundError
from marketplace.http.responses import entry_response
from marketplace.http.visible_entries import visible_entries
from validators.document import Coordinates, format_time
from validators.times import parse_time

from .answers import page, site_url
from .cursors import Cursor, encode_cursor
from .description import DescribedAnswer, Operation, Parameter
from .parameters import cursor, limit
from .presenters import JsonObject, Urls, show_verdict
from .shapes.base import EMAIL_PATTERN

_ID = re.compile("[0-9a-f]{64}")
_ADDRESS = re.compile(EMAIL_PATTERN.strip("^$"))


def _address(text: str | None) -> str | None:
    if text is not None and (len(text) > 254 or not _ADDRESS.fullmatch(text)):
        raise BadRequestError("query.endorser", "endorser is the e-mail address of an endorser")
    return text


LIMIT = limit(50, 200)
CURSOR = cursor("api.conflicts")
ENDORSER = Parameter(
    "endorser",
    "only those in which this address is claimed",
    {"type": "string", "pattern": EMAIL_PATTERN, "maxLength": 254},
    _address,
)
ENTRY_ID = Parameter(
    "id",
    "the entry's id: 64 hexadecimal digits",
    {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    lambda text: text or "",
)

CONFLICTS = Operation(
    "api.conflicts",
    "Entries that contradict each other",
    "Coordinates (image, address, creation time) at which entries have different content, the entry that "
    "readers see first. `equivocation`: one key signed both, as the documents themselves prove. `contested`: "
    "each has a different key; somebody else may have put the address into a certificate.",
    "Endorsers",
    [DescribedAnswer("A page of conflicts.", "Conflicts", headers=("Link",))],
    query=(ENDORSER, LIMIT, CURSOR),
    errors={400: ["query.endorser", "query.limit", "query.cursor"]},
)
SIGNED = Operation(
    "api.signed",
    "The signed document of an entry, by its id",
    "The exact received bytes. It is the way to an entry that lost against another one with the same "
    "coordinates.",
    "Entries",
    [DescribedAnswer("The document.", content_types=("application/rdf+xml",))],
    path=(ENTRY_ID,),
    errors={404: ["entry.unknown"]},
)


@CONFLICTS.view("entry:read")
def conflicts(request: Request) -> Response:
    """A page of conflicts."""
    asked = CONFLICTS.read(request)
    most = asked[LIMIT]
    with visible_entries(request) as visible:
        found = visible.conflicts(_after(asked[CURSOR]), asked[ENDORSER], most + 1)
    shown, more = found[:most], len(found) > most
    urls = Urls(site_url(request))
    body = {"conflicts": [_show(conflict, urls) for conflict in shown]}
    return page(request, body, encode_cursor(_cursor_of(shown[-1]) if more else None, "api.conflicts"))


@SIGNED.view("entry:read")
def signed(request: Request) -> Response:
    """The received bytes of an entry."""
    entry_id = request.matchdict["id"]
    with visible_entries(request) as visible:
        stored = visible.find_body_by_entry_id(entry_id) if _ID.fullmatch(entry_id) else None
    if stored is None:
        raise NotFoundError("entry.unknown", "there is no entry with this id")
    place = stored.coordinates
    return entry_response(
        request.environ, RememberedEntry.of(stored.data), place.identifier, place.created_text
    )


def _cursor_of(conflict: Conflict) -> Cursor:
    place = conflict.coordinates
    return place.identifier, place.email, place.created_text


def _after(cursor: Cursor | None) -> Coordinates | None:
    if cursor is None:
        return None
    try:
        identifier, email, created = cursor
        return Coordinates(identifier, email, parse_time(created))
    except ValueError:
        raise BadRequestError("query.cursor", "the cursor belongs to no page of this list") from None


def _show(conflict: Conflict, urls: Urls) -> JsonObject:
    place = conflict.coordinates
    return {
        "identifier": place.identifier,
        "email": place.email,
        "created": place.created_text,
        "kind": conflict.kind.value,
        "total": conflict.total,
        "entries": [_conflicting(one, urls) for one in conflict.entries],
        "links": {"entry": urls.entry(place), "image": urls.image(place.identifier)},
    }


def _conflicting(entry: ConflictingEntry, urls: Urls) -> JsonObject:
    row = entry.row
    return {
        "id": row.entry_id,
        "title": row.title,
        "deprecated": row.deprecated,
        "subject": row.subject,
        "issuer": row.issuer,
        "certificate": entry.fingerprint,
        "key": row.key_digest,
        "accepted_at": format_time(entry.accepted_at),
        "verdict": show_verdict(row),
        "links": {"signed": urls.signed_by_id(row.entry_id)},
    }
