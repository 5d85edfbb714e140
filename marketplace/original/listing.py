"""Lists of entries: a stream of the signed documents, the table protocol, and a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.entries import EntryPage, EntryQuery, EntryRow
from marketplace.http.body import FORM_TYPE, TAKEN, upload_advice
from marketplace.http.coordinates import UnknownCoordinatesError, entry_path
from marketplace.http.errors import DocumentInFormError, no_match
from marketplace.http.negotiation import LIST, Media, choose
from marketplace.http.parameters import read_form, read_query
from marketplace.http.responses import fresh_response, stream_response
from marketplace.http.streams import LongStreams
from marketplace.http.visible_entries import read_scope, visible_entries
from marketplace.pages.rendering import page
from marketplace.pages.trust_badges import Lines, lines_of
from marketplace.rules.trust import ListedTrust
from marketplace.runtime import Runtime
from validators.document import format_time

from .datatables import to_datatables
from .embed import root_bytes
from .entry import tag_response
from .list_query import EVERY_TRUST, LOCATIONS, STATUSES, TRUSTS, select

#: The POST that carries parameters of the table protocol, not an entry.
FORM = f"Content-Type:(?i){FORM_TYPE}"
#: Entries on a page for people.
_PAGE_ROWS = 25


@view_config(route_name="web.entries", request_method="GET", permission="entry:read")
@view_config(route_name="web.entries.by", request_method="GET", permission="entry:read")
@view_config(route_name="web.entries.by2", request_method="GET", permission="entry:read")
def entries(request: Request) -> Response:
    """The entries that path and query select, in the form the client wants."""
    fields = read_query(request)
    parts = tuple(request.matchdict.values())
    if fields.get("tag") and len(parts) == 1 and "@" in parts[0]:
        return tag_response(request, fields.get("media"), parts[0], fields["tag"])
    offer = choose(request, fields.get("media"), LIST)
    if offer.media is Media.JSON:
        return _as_table(request, fields, parts)
    try:
        if offer.media is Media.HTML:
            with request.registry[Runtime].database.snapshot():
                return _as_page(request, fields, parts)
        return _as_stream(request, fields, parts)
    except UnknownCoordinatesError:
        raise no_match() from None


@view_config(route_name="web.entries", request_method="POST", permission="entry:read", header=FORM)
def entries_of_form(request: Request) -> Response:
    """The table protocol by POST, for tables whose parameters outgrow a URL.

    Raises:
        DocumentInFormError: the body is an entry, whose sender has to be told that nothing was stored.
    """
    try:
        fields = read_form(request)
    except DocumentInFormError:
        site_url = request.registry[Runtime].settings.site.url
        raise DocumentInFormError(TAKEN, upload_advice(request, site_url)) from None
    return _as_table(request, fields, ())


def _as_stream(request: Request, fields: Mapping[str, str], parts: tuple[str, ...]) -> Response:
    query = _read_query(request, fields, parts)
    scope = read_scope(fields)
    with visible_entries(request, scope) as visible:
        matching = visible.list(replace(query, limit=0)).matching
    if matching <= query.offset:
        raise no_match()
    links = _links(request, fields, query, matching)
    entries = min(matching - query.offset, query.limit or matching)
    chunks = request.registry[LongStreams].send(_documents(request, query, scope), entries)
    return stream_response(chunks, "application/xml", links)


def _documents(request: Request, query: EntryQuery, scope: str) -> Iterator[bytes]:
    # No namespace and no attribute on the wrapper: whatever it declared would become part of what the
    # inclusive canonicalisation of an embedded document sees.
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<metadata>\n'
    with visible_entries(request, scope) as visible:
        for stored in visible.stream_bodies(query):
            yield root_bytes(stored.data) + b"\n"
    yield b"</metadata>\n"


def _as_table(request: Request, fields: Mapping[str, str], parts: tuple[str, ...]) -> Response:
    try:
        query = _read_query(request, fields, parts)
    except UnknownCoordinatesError:
        # A table shows what it got; its protocol has no word for "not found".
        return fresh_response(request, to_datatables(fields, (), 0, 0), "application/json")
    found = _page_of(request, query, read_scope(fields))
    body = to_datatables(fields, found.rows, found.total, found.matching)
    return fresh_response(request, body, "application/json", _links(request, fields, query, found.matching))


def _as_page(request: Request, fields: Mapping[str, str], parts: tuple[str, ...]) -> Response:
    query = _read_query(request, fields, parts, _PAGE_ROWS)
    found = _page_of(request, query, read_scope(fields))
    rest = query.offset + (query.limit or 0)
    lines = lines_of(request, found.rows)
    values = {
        "rows": [_line(row, lines) for row in found.rows],
        "first": query.offset + 1,
        "matching": found.matching,
        "filters": query,
        "words": fields.get("sSearch", ""),
        "statuses": STATUSES,
        "locations": LOCATIONS,
        "trusts": TRUSTS,
        "trust": fields.get("trust") or (EVERY_TRUST if not query.trust else ""),
        "every_trust": _every_trust(fields) if query.trust and not fields.get("trust") else None,
        "previous": _relative(fields, max(0, 2 * query.offset - rest)) if query.offset else None,
        "next": _relative(fields, rest) if rest < found.matching else None,
    }
    return page(request, "entries", values, 200 if found.rows else 404)


def _read_query(
    request: Request, fields: Mapping[str, str], parts: tuple[str, ...], page_rows: int | None = None
) -> EntryQuery:
    runtime: Runtime = request.registry[Runtime]
    cap = runtime.settings.list.cap
    return select(
        parts,
        fields,
        now=runtime.now(),
        default_limit=page_rows or cap,
        cap=cap,
        listed=ListedTrust(runtime.settings.trust.show),
    )


def _every_trust(fields: Mapping[str, str]) -> str:
    """A list with the entries that this site leaves out by default."""
    kept = {name: value for name, value in fields.items() if name not in ("offset", "iDisplayStart")}
    return "?" + urlencode({**kept, "trust": EVERY_TRUST})


def _page_of(request: Request, query: EntryQuery, scope: str) -> EntryPage:
    with visible_entries(request, scope) as visible:
        return visible.list(query)


def _line(row: EntryRow, lines: Lines) -> dict[str, Any]:
    return {
        "path": entry_path(row.coordinates),
        "title": row.title,
        "identifier": row.identifier,
        "os": row.os,
        "os_version": row.os_version,
        "os_arch": row.os_arch,
        "kind": row.kind,
        "email": row.email,
        "created": format_time(row.created),
        "badges": [lines.badge(row), *lines.privacy(row)],
    }


def _links(
    request: Request, fields: Mapping[str, str], query: EntryQuery, matching: int
) -> list[tuple[str, str]]:
    """A Link to the rest where the answer ends before the list does (RFC 8288)."""
    if not query.limit:
        return []
    rest = query.offset + query.limit
    if rest >= matching:
        return []
    path = request.environ["PATH_INFO"]
    url = f"{request.registry[Runtime].settings.site.url}{_quoted(path)}{_relative(fields, rest)}"
    return [("Link", f'<{url}>; rel="next"')]


def _relative(fields: Mapping[str, str], offset: int) -> str:
    """The query with another first row."""
    kept = {name: value for name, value in fields.items() if name not in ("offset", "iDisplayStart")}
    return "?" + urlencode({**kept, "offset": str(offset)})


def _quoted(path: str) -> str:
    return quote(path.encode("latin-1"), safe="/@:+~")
