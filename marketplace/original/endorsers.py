"""Who endorses, what they endorsed lately, and their tags: as tables for programs and as pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.http.errors import NotFoundError
from marketplace.http.negotiation import RESULTS, Media, choose
from marketplace.http.parameters import read_query, whole_number
from marketplace.http.responses import fresh_response
from marketplace.http.visible_entries import visible_entries
from marketplace.pages.certificates import certificate_values
from marketplace.pages.endorser_pages import MOST_ROWS, endorser_values, endorsers_values, tags_values
from marketplace.pages.rendering import page
from marketplace.pages.trust_badges import lines_of
from marketplace.pages.usage import endorser_usage
from marketplace.runtime import Runtime
from marketplace.sparql.terms import Literal
from validators.document import format_time

from .sparql_results import TABLES

#: Days that count as lately where the client does not say.
_RANGE_DAYS = 30
_MOST_DAYS = 36525
_MOST_OFFSET = 2**31 - 1

Row = Sequence[str | None]


@view_config(route_name="web.endorsers", request_method="GET", permission="endorser:read")
def endorsers(request: Request) -> Response:
    """Everybody who has signed an entry: address, subject, issuer."""
    fields = read_query(request)
    offset = whole_number("offset", fields.get("offset") or "0", least=0, most=_MOST_OFFSET)
    with visible_entries(request) as visible:
        found = visible.endorsers()
        alike = visible.look_alikes()
    rows = [(row.email, row.subject, row.issuer) for row in found]

    def as_page() -> Response:
        return page(request, "endorsers", endorsers_values(found, offset, alike))

    return _answer(request, ("email", "subject", "issuer"), rows, as_page)


@view_config(route_name="web.endorser", request_method="GET", permission="endorser:read")
def endorser(request: Request) -> Response:
    """What an endorser said in the last days."""
    runtime: Runtime = request.registry[Runtime]
    email = request.matchdict["email"]
    text = read_query(request).get("range") or str(_RANGE_DAYS)
    days = whole_number("range", text, least=0, most=_MOST_DAYS)
    now = runtime.now()
    with visible_entries(request) as visible:
        record = visible.endorser(email)
        if record is None:
            raise _unknown()
        found = visible.recent(email, now - timedelta(days=days))
        tags = visible.tags(email)
        certificates = visible.certificates(email, now)
        changes = visible.endorser_changes(certificates)
        alike = visible.look_alikes().of(email)
    variables = ("identifier", "created", "description", "location", "deprecated", "email")
    rows = [
        (
            row.identifier,
            format_time(row.created),
            row.description,
            row.location,
            row.deprecated,
            row.email,
        )
        for row in found
    ]

    def as_page() -> Response:
        lines = lines_of(request, found[:MOST_ROWS])
        values = endorser_values(record, found, tags, days, lines)
        told = certificate_values(certificates, changes, alike, lines.judges)
        return page(request, "endorser", {**values, **told, "usage": endorser_usage(request, email)})

    return _answer(request, variables, rows, as_page)


@view_config(route_name="web.endorser.tags", request_method="GET", permission="endorser:read")
def tags(request: Request) -> Response:
    """The tags an endorser uses."""
    email = request.matchdict["email"]
    with visible_entries(request) as visible:
        if visible.endorser(email) is None:
            raise _unknown()
        found = visible.tags(email)

    def as_page() -> Response:
        with visible_entries(request) as visible:
            return page(request, "tags", tags_values(email, found, visible))

    return _answer(request, ("tag",), [(tag,) for tag in found], as_page)


def _unknown() -> NotFoundError:
    return NotFoundError("endorser.unknown", "no entry of this endorser is known")


def _answer(
    request: Request, variables: tuple[str, ...], rows: Sequence[Row], as_page: Callable[[], Response]
) -> Response:
    offer = choose(request, read_query(request).get("media"), RESULTS)
    if offer.media is Media.HTML:
        return as_page()
    body = TABLES[offer.media](variables, _bindings(variables, rows))
    return fresh_response(request, body, offer.answered)


def _bindings(variables: tuple[str, ...], rows: Sequence[Row]) -> Iterator[dict[str, Literal]]:
    for row in rows:
        pairs = zip(variables, row, strict=True)
        yield {name: Literal(text) for name, text in pairs if text is not None}
