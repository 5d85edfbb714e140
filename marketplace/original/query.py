"""SPARQL over HTTP: the query in, its table out.

Source: SPARQL 1.1 Protocol, section 2.1 (query by GET, by URL-encoded POST and by direct POST).
"""

from __future__ import annotations

from collections.abc import Mapping

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.http.body import FORM_TYPE, content_type
from marketplace.http.errors import BadRequestError, HttpError, NotFoundError, UnsupportedTypeError
from marketplace.http.negotiation import BOOLEAN, RESULTS, Media, Offer, choose
from marketplace.http.parameters import read_fields, read_query
from marketplace.http.problems import error_offer
from marketplace.http.rate_limits import Turn, take_turn
from marketplace.http.responses import fresh_response
from marketplace.pages.rendering import base_path, page
from marketplace.runtime import Runtime
from marketplace.sparql.errors import (
    QueryBusyError,
    QueryNotAllowedError,
    QueryRefusedError,
    QueryUnavailableError,
)
from marketplace.sparql.service import QueryLimits, QueryResult
from marketplace.sparql.terms import Blank, Iri, Term

from .sparql_results import TABLES, boolean_to_json, boolean_to_xml

QUERY_TYPE = "application/sparql-query"
_UPDATE_TYPE = "application/sparql-update"
#: A query of the largest size with each of its bytes escaped, and its parameters.
_MAX_BODY_BYTES = 256 * 1024
#: The protocol's other way to say FROM and FROM NAMED, and to send an update.
_OUTSIDE = ("default-graph-uri", "named-graph-uri", "using-graph-uri", "using-named-graph-uri", "update")
#: Seconds after which a client may try again when every worker was taken.
_RETRY = "2"
_RESOURCE = "http://mp.stratuslab.eu/#"


@view_config(route_name="web.query", request_method="GET", permission="query:run")
def query(request: Request) -> Response:
    """The result of ``?query=``; without one a form for browsers."""
    return _answer(request, read_query(request))


@view_config(route_name="web.query", request_method="POST", permission="query:run")
def query_body(request: Request) -> Response:
    """The result of a query in a form's field, or as the whole body."""
    return _answer(request, _read_body(request))


def _answer(request: Request, fields: Mapping[str, str]) -> Response:
    service = request.registry[Runtime].queries
    if service is None:
        raise NotFoundError("query.disabled", "SPARQL queries are switched off at this marketplace")
    if fields.get("query"):
        take_turn(request, Turn.QUERY)
    try:
        if any(name in fields for name in _OUTSIDE):
            raise QueryNotAllowedError
        text = fields.get("query", "")
        # What is wrong with a query is told before what is wrong with the form its result is wanted in.
        result = service.select(text) if text.strip() else None
    except QueryRefusedError as error:
        failure = _http_error(error)
        if "query" in fields and error_offer(request).media is Media.HTML:
            return _mend(request, fields["query"], failure, service.limits)
        raise failure from None
    if result is not None and result.boolean is not None:
        return _tell(request, choose(request, fields.get("media"), BOOLEAN), text, result.boolean)
    offer = choose(request, fields.get("media"), RESULTS)
    if result is not None:
        return _present(request, offer, text, result, service.limits.max_rows)
    if offer.media is Media.HTML and "query" not in fields:
        return page(request, "query", {"text": "", "result": None, "failure": None, "limits": service.limits})
    return Response(status=204)


def _mend(request: Request, text: str, failure: HttpError, limits: QueryLimits) -> Response:
    """The query in its field again, under what is wrong with it."""
    values = {"text": text, "result": None, "failure": failure, "limits": limits}
    response = page(request, "query", values, failure.status)
    response.headerlist.extend(failure.headers)
    return response


def _present(request: Request, offer: Offer, text: str, result: QueryResult, max_rows: int) -> Response:
    cut_at = max_rows if result.truncated else None
    if offer.media is Media.HTML:
        table = {"variables": result.variables, "rows": _cells(request, result), "cut_at": cut_at}
        return page(request, "query", {"text": text, "result": table, "failure": None})
    body = TABLES[offer.media](result.variables, result.rows)
    # The header is the one that existing SPARQL servers send with a result they cut.
    headers = [("X-SPARQL-MaxRows", str(cut_at))] if cut_at is not None else []
    return fresh_response(request, body, offer.answered, headers)


def _tell(request: Request, offer: Offer, text: str, answer: bool) -> Response:
    """The answer to an ASK."""
    if offer.media is Media.HTML:
        return page(request, "query", {"text": text, "result": None, "answer": answer, "failure": None})
    write = boolean_to_xml if offer.media is Media.XML else boolean_to_json
    return fresh_response(request, write(answer), offer.answered)


def _cells(request: Request, result: QueryResult) -> list[list[dict[str, str | None]]]:
    base = base_path(request)
    return [[_cell(base, row.get(name)) for name in result.variables] for row in result.rows]


def _cell(base: str, term: Term | None) -> dict[str, str | None]:
    match term:
        case None:
            return {"text": "", "href": None}
        case Iri(value) if value.startswith(_RESOURCE) and value.count("/") == 5:
            return {"text": value, "href": f"{base}/metadata/{value.removeprefix(_RESOURCE)}"}
        case Blank(value):
            return {"text": f"_:{value}", "href": None}
    return {"text": term.value, "href": None}


def _http_error(error: QueryRefusedError) -> HttpError:
    if isinstance(error, QueryBusyError | QueryUnavailableError):
        return HttpError(503, error.code, str(error), headers=[("Retry-After", _RETRY)])
    return BadRequestError(error.code, str(error))


def _read_body(request: Request) -> Mapping[str, str]:
    """The fields of a POST, those of its URL included.

    Raises:
        UnsupportedTypeError: neither a form nor a query.
        BadRequestError: too large, or not UTF-8.
        HttpError: an update.
    """
    kind = content_type(request)
    if kind == _UPDATE_TYPE:
        raise _http_error(QueryNotAllowedError())
    if kind not in (FORM_TYPE, QUERY_TYPE):
        raise UnsupportedTypeError("body.type", kind or "no Content-Type", f"{FORM_TYPE}, {QUERY_TYPE}")
    body: bytes = request.environ["wsgi.input"].read(_MAX_BODY_BYTES + 1)
    if len(body) > _MAX_BODY_BYTES:
        raise BadRequestError("query.too-large", f"the body has more than {_MAX_BODY_BYTES} bytes")
    if kind == FORM_TYPE:
        return {**read_query(request), **read_fields(body.decode("latin-1"))}
    try:
        return {**read_query(request), "query": body.decode("utf-8")}
    except UnicodeDecodeError:
        raise BadRequestError("query.encoding", "the query is not UTF-8") from None
