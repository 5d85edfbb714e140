"""``/openapi.json``: the operations as an OpenAPI 3.1 document, written once for a process."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyramid.interfaces import IRoutesMapper
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.negotiation import PROBLEM_TYPE
from marketplace.http.responses import fresh_response
from marketplace.runtime import Runtime

from . import (
    audit,
    changes,
    conflicts,
    decision,
    deliveries,
    endorsers,
    entry,
    erasing,
    events,
    evidence,
    federation,
    feed,
    groups,
    image,
    index,
    lookup,
    original,
    peers,
    publishing,
    recall_feed,
    receipts,
    search,
    signed_lists,
    sites,
    tokens,
    usage,
    verdict,
    verify,
    views,
    webhooks,
)
from .answers import write_json
from .description import JSON, DescribedAnswer, Operation, Parameter
from .schemas import SCHEMAS
from .schemas.parts import TEXT, URL, ref
from .shapes.base import RequestBody, Shape, components, schema_name

#: Of the API: a new first number where a client has to change, a new second one where something is added.
API_VERSION = "1.5.0"

OPENAPI = Operation(
    "api.openapi",
    "OpenAPI document",
    "OpenAPI 3.1.",
    original.SERVICE,
    [DescribedAnswer("The document.")],
)

#: In the order in which people read them.
OPERATIONS: Sequence[Operation] = (
    *original.OPERATIONS,
    index.INDEX,
    search.SEARCH,
    feed.FEED,
    search.ENTRIES,
    lookup.LOOKUP,
    entry.ENTRY,
    entry.STATEMENT,
    publishing.PUBLISH,
    erasing.ERASE,
    decision.DECISION,
    evidence.EVIDENCE,
    image.IMAGE,
    verdict.OF_IMAGE,
    verdict.OF_ANYTHING,
    verify.VERIFY,
    endorsers.ENDORSERS,
    endorsers.ENDORSER,
    endorsers.TAGS,
    entry.TAGGED,
    conflicts.CONFLICTS,
    conflicts.SIGNED,
    changes.CHANGES,
    tokens.TOKENS,
    tokens.CREATE,
    tokens.READ,
    tokens.REVOKE,
    groups.GROUPS,
    groups.CREATE,
    groups.READ,
    groups.DELETE,
    groups.ADD,
    groups.REMOVE,
    *receipts.OPERATIONS,
    recall_feed.FEED,
    *sites.OPERATIONS,
    *views.OPERATIONS,
    *signed_lists.OPERATIONS,
    *usage.OPERATIONS,
    events.EVENTS,
    *webhooks.OPERATIONS,
    *deliveries.OPERATIONS,
    audit.AUDIT,
    *peers.OPERATIONS,
    *federation.OPERATIONS,
    *original.SERVICE_OPERATIONS,
    OPENAPI,
)
#: What any operation can be refused with.
COMMON_CODES = (
    "query.unknown-parameter",
    "query.twice",
    "query.encoding",
    "query.characters",
    "query.fields",
)

_HEADERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Link": ("where the next page is, if there is one (RFC 8288)", TEXT),
    "Location": ("the URL of the entry", URL),
    "Content-Range": ("which part it is, of how many bytes", TEXT),
    "Content-Location": ("the URL of the entry that was found", URL),
}
_ORIGINAL_ERRORS = ("application/xml", JSON, "text/html", PROBLEM_TYPE)

#: How what any operation may answer is told: the API has problem documents only.
_SAID_OF_ERRORS: Mapping[str, Any] = {
    "application/xml": {},
    JSON: {"schema": ref("OriginalError")},
    "text/html": {},
    PROBLEM_TYPE: {"schema": ref("Problem")},
}

#: The connection answers this before the request has a route, so its form goes by Accept alone.
_TOO_LONG: Mapping[str, Any] = {
    "description": "The URL and the headers are longer than 16 KiB together: `http.header-size`",
    "content": _SAID_OF_ERRORS,
}

_UNAUTHORIZED: Mapping[str, Any] = {
    "description": "The token is wrong (`token.invalid`), over (`token.expired`, `token.revoked`) or missing "
    "(`credentials.missing`)",
    "content": _SAID_OF_ERRORS,
    "headers": {"WWW-Authenticate": {"description": "the schemes taken", "schema": TEXT, "required": True}},
}
_TOO_MANY: Mapping[str, Any] = {
    "description": "Too many requests: `limit.address`, `limit.uploads`, `limit.queries`, `limit.token`, "
    "`limit.endorser`, `limit.failures`",
    "content": _SAID_OF_ERRORS,
    "headers": {
        "Retry-After": {
            "description": "seconds after which to ask again",
            "schema": {"type": "integer", "minimum": 1},
            "required": True,
        }
    },
}
_SECURITY: Mapping[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a token of this marketplace: `mpt_…`"},
    "basic": {"type": "http", "scheme": "basic", "description": "the token as user name, any password"},
}
_TOKENS: Sequence[Mapping[str, Any]] = ({"bearer": []}, {"basic": []})

_KEY = "marketplace.openapi"


@OPENAPI.view("site:read")
def openapi(request: Request) -> Response:
    """The document."""
    return fresh_response(request, _written(request.registry), JSON)


def document(registry: Registry) -> dict[str, Any]:
    """The OpenAPI document of this site."""
    site = registry[Runtime].settings.site
    return {
        "openapi": "3.1.0",
        "info": {
            "title": site.title,
            "version": API_VERSION,
            "summary": "Signed metadata about virtual machine images.",
            "description": "Reading public entries needs no account, and neither does uploading them: "
            "the signature counts. A token shows more, to its owner's groups. "
            "Errors are problem documents (RFC 9457) with a stable `code` for each rule.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": site.url}],
        "tags": [{"name": group} for group in dict.fromkeys(one.group for one in OPERATIONS)],
        "paths": _paths(registry),
        "components": {
            "schemas": {**SCHEMAS, **components(_shapes())},
            "responses": {"TooLong": _TOO_LONG, "Unauthorized": _UNAUTHORIZED, "TooMany": _TOO_MANY},
            "securitySchemes": _SECURITY,
        },
        # Every operation takes a token and shows more to who has one; most need none.
        "security": [{}, *_TOKENS],
    }


def _written(registry: Registry) -> bytes:
    if _KEY not in registry:
        registry[_KEY] = write_json(document(registry))
    body: bytes = registry[_KEY]
    return body


def _paths(registry: Registry) -> dict[str, dict[str, Any]]:
    mapper = registry.getUtility(IRoutesMapper)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        # OpenAPI has no word for what a part of a path may hold beside its schema.
        path = re.sub(r"\{(\w+):[^}]*\}", r"{\1}", mapper.get_route(operation.route).pattern)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation)
    return paths


def _operation(operation: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": f"{operation.route}.{operation.method.lower()}",
        "summary": operation.summary,
        "tags": [operation.group],
        "parameters": [
            *(_parameter(one, "path") for one in operation.path),
            *(_parameter(one, "query") for one in operation.query),
        ],
        "responses": dict(_responses(operation)),
    }
    if operation.description:
        told["description"] = operation.description
    if operation.needs:
        told["security"] = list(_TOKENS)
        told["description"] = f"Needs {operation.needs}. {operation.description}"
    if operation.bodies:
        content = {
            kind: {"schema": ref(schema_name(schema)) if isinstance(schema, type) else schema}
            if schema
            else {}
            for kind, schema in operation.bodies.items()
        }
        told["requestBody"] = {"required": True, "content": content}
    return told


def _parameter(parameter: Parameter[Any], where: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": parameter.name,
        "in": where,
        "description": parameter.meaning,
        "schema": parameter.schema,
    }
    if where == "path":
        told["required"] = True
    if parameter.example is not None:
        told["example"] = [parameter.example] if parameter.repeatable else _example(parameter)
    return told


def _example(parameter: Parameter[Any]) -> Any:
    return int(parameter.example or "") if parameter.schema.get("type") == "integer" else parameter.example


def _responses(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    for answer in operation.answers:
        yield str(answer.status), _answer(answer, operation.method)
    if operation.method == "GET":
        yield "304", {"description": "The client's copy is current."}
    for status, codes in {400: (), **operation.errors}.items():
        if status == 400 and _is_strict(operation):
            codes = (*COMMON_CODES, *codes)
        yield str(status), _error(operation, codes)
    if operation.route.startswith("web.") and operation.method == "GET":
        yield "406", _error(operation, ("accept.none",))
    if operation.needs.startswith("scope") and 404 not in operation.errors:
        yield "404", _error(operation, ("path.unknown",))
    yield "401", {"$ref": "#/components/responses/Unauthorized"}
    yield "429", {"$ref": "#/components/responses/TooMany"}
    yield "431", {"$ref": "#/components/responses/TooLong"}


def _answer(answer: DescribedAnswer, method: str) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.meaning}
    if answer.content_types:
        told["content"] = {
            kind: {"schema": ref(_name(answer.schema))} if kind == JSON and answer.schema else {}
            for kind in answer.content_types
        }
    headers = {
        name: {"description": _HEADERS[name][0], "schema": _HEADERS[name][1], "required": name == "Location"}
        for name in answer.headers
    }
    if headers:
        told["headers"] = headers
    return told


def _shapes() -> Iterator[type[Shape | RequestBody]]:
    for operation in OPERATIONS:
        for shape in (*(answer.schema for answer in operation.answers), *operation.bodies.values()):
            if isinstance(shape, type):
                yield shape


def _name(shape: type[Shape] | str) -> str:
    return shape if isinstance(shape, str) else schema_name(shape)


def _error(operation: Operation, codes: Sequence[str]) -> dict[str, Any]:
    content: dict[str, Any] = {PROBLEM_TYPE: {"schema": ref("Problem")}}
    if not operation.route.startswith(("api.", "fed.")):
        content = {
            **{kind: {} for kind in _ORIGINAL_ERRORS},
            **content,
            JSON: {"schema": ref("OriginalError")},
        }
    return {"description": ", ".join(f"`{code}`" for code in codes) or "Malformed.", "content": content}


def _is_strict(operation: Operation) -> bool:
    """Whether it belongs to the API, which answers JSON only and refuses parameters that it does not know."""
    return operation.route.startswith("api.")
