"""One entry: the received bytes, its statements as RDF/JSON, and a page; also by e-mail and tag."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.access import ANONYMOUS, PUBLIC
from marketplace.entries import EntryRecord
from marketplace.entries.cache import RememberedEntry
from marketplace.http.coordinates import UnknownCoordinatesError, entry_path, read_coordinates
from marketplace.http.errors import HttpError, erased_entry, no_entry
from marketplace.http.negotiation import ENTRY, Media, choose
from marketplace.http.parameters import read_query
from marketplace.http.responses import entry_response, fresh_response, immutable_response
from marketplace.http.security import principal_of
from marketplace.http.visible_entries import visible_entries
from marketplace.pages.certificates import alike_badges, new_badges
from marketplace.pages.changed_terms import history
from marketplace.pages.entry_page import MOST_LOCATIONS, confirmed_badges, entry_values
from marketplace.pages.presence import find_presence
from marketplace.pages.rendering import page
from marketplace.pages.trust_badges import Judging, banner, judging
from marketplace.pages.usage import entry_usage
from marketplace.runtime import Runtime
from marketplace.sparql.triples import triples
from validators.document import Coordinates

from .publication import may_publish
from .rdfjson import to_rdf_json


@view_config(route_name="web.entry", request_method="GET", permission="entry:read")
def entry(request: Request) -> Response:
    """The entry with these coordinates, whatever its status."""
    coordinates = _coordinates(tuple(request.matchdict.values()))
    offer = choose(request, read_query(request).get("media"), ENTRY)
    found = _remembered(request, coordinates)
    if offer.media is Media.JSON:
        return immutable_response(request, to_rdf_json(triples(found.data)), "application/json")
    if offer.media is Media.HTML:
        return _as_page(request, found.data)
    return entry_response(request.environ, found, coordinates.identifier, coordinates.created_text)


@view_config(route_name="web.tag", request_method="GET", permission="entry:read")
def tag(request: Request) -> Response:
    """The entry that an endorser's tag names now."""
    names = request.matchdict
    return tag_response(request, read_query(request).get("media"), names["email"], names["tag"])


def tag_response(request: Request, media: str | None, email: str, name: str) -> Response:
    """The entry that e-mail and tag name, in the form the client wants.

    Raises:
        NotFoundError: they name none.
    """
    offer = choose(request, media, ENTRY)
    runtime: Runtime = request.registry[Runtime]
    with visible_entries(request) as visible:
        row = visible.tagged(email, name)
    if row is None:
        raise no_entry()
    found = _remembered(request, row.coordinates)
    location = ("Content-Location", f"{runtime.settings.site.url}/metadata/{entry_path(row.coordinates)}")
    if offer.media is Media.HTML:
        response = _as_page(request, found.data)
        response.headerlist.append(location)
        return response
    if offer.media is Media.JSON:
        return fresh_response(request, to_rdf_json(triples(found.data)), "application/json", [location])
    attachment = ("Content-Disposition", f'attachment; filename="{row.coordinates.identifier}.xml"')
    return fresh_response(request, found.data, "application/rdf+xml", [location, attachment])


def _coordinates(parts: tuple[str, ...]) -> Coordinates:
    try:
        named = read_coordinates(parts)
    except UnknownCoordinatesError:
        raise no_entry() from None
    if named.identifier is None or named.email is None or named.created is None:
        raise no_entry()
    return Coordinates(named.identifier, named.email, named.created)


def _remembered(request: Request, coordinates: Coordinates) -> RememberedEntry:
    """The entry from the database, kept for the next time where everybody may see it."""
    runtime: Runtime = request.registry[Runtime]
    cache = runtime.entry_cache
    generation = cache.generation()
    with visible_entries(request) as visible:
        stored = visible.find_body(coordinates)
        erased = visible.find_erased(coordinates) if stored is None else None
    if erased is not None:
        raise erased_entry(erased)
    if stored is None:
        raise no_entry()
    found = RememberedEntry.of(stored.data)
    # Which of several entries these coordinates show can change with the site's verdicts.
    if stored.alone and principal_of(request) == ANONYMOUS:
        cache.remember(coordinates.path(), found, generation)
    return found


def _receipt(runtime: Runtime, record: EntryRecord, entry_id: str) -> str | None:
    """Where the public log proves that it holds an entry."""
    if runtime.federation is None or PUBLIC not in record.logs:
        return None
    return f"/fed/v1/logs/{PUBLIC}/proof/{entry_id}"


def _as_page(request: Request, data: bytes) -> Response:
    runtime: Runtime = request.registry[Runtime]
    report = runtime.acceptance.examine(data)
    shown = report.entry
    if shown is None:
        # Acceptance is a pure function of the bytes: a stored entry that fails it is damaged.
        raise HttpError(
            500, "store.damaged", "the stored entry is damaged; the operator should run marketplace fsck"
        )
    now = runtime.now()
    with visible_entries(request) as visible:
        record = visible.find(shown.coordinates)
        timeline = visible.timeline(shown.identifier)
        used = visible.certificates(shown.endorser.email, now)
        alike = visible.look_alikes().of(shown.endorser.email)
        verdict = runtime.judge.judge(visible, shown.identifier, now, asked=shown.coordinates)
        told = history(visible, timeline, shown.endorser.email)
    if record is None:
        raise no_entry()
    own = next((one for one in used if one.fingerprint == shown.signer.fingerprint), None)
    confirmed = runtime.confirmation.has_confirmed(shown)
    flags = [*new_badges(own), *alike_badges(alike), *confirmed_badges(confirmed)]
    site_url = runtime.settings.site.url
    reached = runtime.watch.find(shown.metadata.locations[:MOST_LOCATIONS], record.logs)
    decision = runtime.trust.find_decision(shown, now, email_confirmed=confirmed)
    values = entry_values(
        shown,
        report.steps,
        record,
        timeline,
        site_url,
        now,
        decision,
        flags,
        reached,
        banner(verdict, judging(request)),
        find_presence(request, shown),
        () if verdict is None or judging(request) is Judging.NOT_AT_ALL else verdict.rules,
        told,
        _receipt(runtime, record, shown.entry_id),
    )
    return page(
        request,
        "entry",
        {
            **values,
            "usage": entry_usage(request, shown),
            "publishable": may_publish(principal_of(request), record, shown),
        },
    )
