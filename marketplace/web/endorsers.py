"""Who endorses, what they endorsed lately, and their tags: small tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from urllib.parse import quote

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.runtime import Runtime
from marketplace.sparql.terms import Literal
from validators.document import format_time

from .errors import NotFoundError
from .negotiation import RESULTS, Media, choose
from .pages import base_path, page
from .parameters import read_query, whole_number
from .presented import fresh_response
from .reading import visible_entries
from .sparql_results import to_json, to_xml
from .uploads import entry_path

#: Days that count as lately where the client does not say.
_RANGE_DAYS = 30
_MOST_DAYS = 36525

Row = Sequence[str | None]


@view_config(route_name="web.endorsers", request_method="GET", permission="endorser:read")
def endorsers(request: Request) -> Response:
    """Everybody who has signed an entry: address, subject, issuer."""
    with visible_entries(request) as visible:
        found = visible.endorsers()
    rows = [(row.email, row.subject, row.issuer) for row in found]
    return _table(request, "Endorsers", ("email", "subject", "issuer"), rows)


@view_config(route_name="web.endorser", request_method="GET", permission="endorser:read")
def endorser(request: Request) -> Response:
    """What an endorser said in the last days."""
    runtime: Runtime = request.registry[Runtime]
    email = request.matchdict["email"]
    text = read_query(request).get("range") or str(_RANGE_DAYS)
    days = whole_number("range", text, least=0, most=_MOST_DAYS)
    with visible_entries(request) as visible:
        if visible.endorser(email) is None:
            raise _unknown()
        found = visible.recent(email, runtime.now() - timedelta(days=days))
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
    paths = [entry_path(row.coordinates) for row in found]
    return _table(request, f"{email}: last {days} days", variables, rows, paths=paths, tags_of=email)


@view_config(route_name="web.endorser.tags", request_method="GET", permission="endorser:read")
def tags(request: Request) -> Response:
    """The tags an endorser uses."""
    email = request.matchdict["email"]
    with visible_entries(request) as visible:
        if visible.endorser(email) is None:
            raise _unknown()
        found = visible.tags(email)
    return _table(request, f"Tags of {email}", ("tag",), [(tag,) for tag in found], email=email)


def _unknown() -> NotFoundError:
    return NotFoundError("endorser.unknown", "no entry of this endorser is known")


def _table(
    request: Request,
    title: str,
    variables: tuple[str, ...],
    rows: Sequence[Row],
    *,
    paths: Sequence[str] = (),
    tags_of: str = "",
    email: str = "",
) -> Response:
    offer = choose(request, read_query(request).get("media"), RESULTS)
    if offer.media is not Media.HTML:
        write = to_xml if offer.media is Media.XML else to_json
        return fresh_response(request, write(variables, _bindings(variables, rows)), offer.content_type)
    base = base_path(request)
    cells = [
        [
            {"text": "" if text is None else text, "href": _link(base, name, text, paths[n : n + 1], email)}
            for name, text in zip(variables, row, strict=True)
        ]
        for n, row in enumerate(rows)
    ]
    links = [{"href": f"{base}/endorsers/{quote(tags_of)}/tags", "text": "Tags"}] if tags_of else []
    return page(request, "table", {"title": title, "variables": variables, "rows": cells, "links": links})


def _bindings(variables: tuple[str, ...], rows: Sequence[Row]) -> Iterator[dict[str, Literal]]:
    for row in rows:
        pairs = zip(variables, row, strict=True)
        yield {name: Literal(text) for name, text in pairs if text is not None}


def _link(base: str, variable: str, text: str | None, path: Sequence[str], email: str) -> str | None:
    if variable == "identifier" and path:
        return f"{base}/metadata/{path[0]}"
    if variable == "email" and text:
        return f"{base}/endorsers/{quote(text)}"
    if variable == "tag" and text:
        return f"{base}/tag/{quote(email)}/{quote(text, safe='')}"
    return None
