"""The original URL space as operations, for the documentation; ``marketplace.original`` serves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from marketplace.http.body import FORM_TYPE, MULTIPART_TYPE, XML_TYPES
from marketplace.ingest.errors import GateError
from marketplace.original.list_query import LOCATIONS, STATUSES, TRUSTS
from marketplace.original.query import QUERY_TYPE
from validators.errors import RefusedError, codes_of_rules

from .description import JSON, SPACED_PATTERN, DescribedAnswer, Operation, Parameter, Schema
from .filters import CHECKSUM_PATTERN, SCOPE_SCHEMA
from .parameters import CREATED, DEMO_EMAIL, EMAIL, IDENTIFIER, TAG

_XML, _HTML, _RDF, _TEXT = "application/xml", "text/html", "application/rdf+xml", "text/plain"
_CSV, _TSV = "text/csv", "text/tab-separated-values"
#: What the gate of an upload may refuse an entry for, and what a document may be refused for besides.
GATE_CODES = tuple(codes_of_rules(GateError))
UPLOAD_CODES = tuple(dict.fromkeys((*codes_of_rules(RefusedError), *GATE_CODES)))
GROUP = "The original URL space"
SERVICE = "Service"

UPLOAD_BODIES: Mapping[str, Schema | None] = {
    **dict.fromkeys(XML_TYPES),
    MULTIPART_TYPE: {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}},
    },
}


def _text(text: str | None) -> str | None:
    return text


def _parameter(name: str, meaning: str, schema: Schema, example: str | None = None) -> Parameter[str | None]:
    return Parameter(name, meaning, schema, _text, example)


#: Forms of tables.
_TABLES = ("xml", "json", "html", "rdf", "csv", "tsv")


def _media(values: Sequence[str] = ("xml", "json", "html", "rdf")) -> Parameter[str | None]:
    return _parameter(
        "media", "the form of the answer; overrides Accept", {"type": "string", "enum": list(values)}, "xml"
    )


#: Existing clients send empty fields; what no entry can have matches nothing.
_ANY = {"type": "string"}
_SEARCHED = {"type": "string", "maxLength": 500, "pattern": SPACED_PATTERN}
_LIST = (
    _parameter("status", "status of the entries", {"type": "string", "enum": list(STATUSES)}, "valid"),
    _parameter(
        "location",
        "web: some location is http, https or ftp, or there is none; pdisk: some location starts with pdisk",
        {"type": "string", "enum": list(LOCATIONS)},
        "all",
    ),
    _parameter(
        "trust",
        "this site's trust in the endorser; without it, the site's own choice (trust.show)",
        {"type": "string", "enum": list(TRUSTS)},
        "all",
    ),
    _parameter("identifier", "the image", _ANY),
    _parameter("email", "the endorser", _ANY),
    # Empty fields are absent ones here, as clients of tables send them.
    _parameter(
        "scope",
        "which part of what you may see",
        {**SCOPE_SCHEMA, "pattern": f"^$|{SCOPE_SCHEMA['pattern']}"},
        "all",
    ),
    _parameter(
        "checksum",
        "a checksum of the image, as in the search of the API",
        {"type": "string", "maxLength": 200, "pattern": f"^$|{CHECKSUM_PATTERN}"},
    ),
    _parameter("created", "creation time; with identifier and email it names one entry", _ANY),
    _parameter(
        "limit", "entries in the answer", {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}, "10"
    ),
    _parameter(
        "offset", "entries to leave out first", {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
    ),
    _media(),
)
_TABLE = (
    _parameter("sEcho", "a number that JSON answers repeat", _ANY, "1"),
    _parameter("iDisplayStart", "as offset", {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}, "0"),
    _parameter(
        "iDisplayLength",
        "as limit; -1 for all, as far as the site allows",
        {"type": "integer", "minimum": -1, "maximum": 2**31 - 1},
        "10",
    ),
    _parameter("iSortCol_0", "column to sort by", {"type": "integer", "minimum": 0, "maximum": 10}, "6"),
    _parameter("sSortDir_0", "direction", {"type": "string", "enum": ["asc", "desc"]}, "desc"),
    _parameter("sSearch", "space-separated words that must all occur in the row", _SEARCHED),
    *(_parameter(f"sSearch_{n}", f"words that must all occur in column {n}", _SEARCHED) for n in range(1, 6)),
)

_LIST_ERRORS: Mapping[int, Sequence[str]] = {
    400: ("query.status", "query.limit", "query.refused", "query.checksum", "query.media", "query.scope"),
    404: ("list.empty",),
}

AUDIENCE = _parameter(
    "audience",
    "a group that you may upload to: only its members see the entry. Without it the entry is public, or "
    "goes to the group that it is signed for",
    {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,62}$"},
)

UPLOAD = Operation(
    "web.entries",
    "Upload an entry",
    "The signed document as the body, or as the first file of a form. `Location` names the entry. Uploading "
    "the same bytes again changes nothing and answers the same.",
    GROUP,
    [
        DescribedAnswer(
            "The entry is stored.", content_types=(_TEXT, _HTML), status=201, headers=("Location",)
        ),
        DescribedAnswer(
            "It waits until its endorser confirms it by mail.", content_types=(_TEXT, _HTML), status=202
        ),
    ],
    method="POST",
    bodies=UPLOAD_BODIES,
    query=(AUDIENCE,),
    errors={
        400: (*UPLOAD_CODES, "audience.private", "audience.other-group", "body.empty", "form.no-file"),
        403: ("site.read-only", "confirmation.frozen", "csrf.origin"),
        404: ("audience.unknown",),
        409: ("conflict.coordinates",),
        410: ("entry.erased",),
        413: ("body.size",),
        415: ("body.type", "body.document", "body.coding"),
        503: ("store.unavailable",),
    },
)  # fmt: skip
LIST = Operation(
    "web.entries",
    "List current entries",
    "XML: the signed documents, each as it was received, inside `<metadata>`. JSON: a page of the table "
    "protocol. Where the site's cap ends the answer, a Link leads on.",
    GROUP,
    [
        DescribedAnswer("The entries.", "Table", (_XML, JSON, _HTML), headers=("Link",)),
    ],
    query=(*_LIST, *_TABLE),
    errors=_LIST_ERRORS,
)
#: No control characters, which no path of ours holds.
_PART = {"type": "string", "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"}
_PARTS = "Identifier, address and time may come in any order; anything else matches no entry."
BY_ONE = Operation(
    "web.entries.by",
    "List the entries of an image, an endorser or a time",
    f"As `/metadata`. {_PARTS} With an address and `tag` the entry that the tag names.",
    GROUP,
    [DescribedAnswer("The entries.", "Table", (_XML, JSON, _HTML, _RDF), headers=("Link",))],
    path=(_parameter("first", "identifier, address or time", _PART, DEMO_EMAIL),),
    query=(*_LIST, *_TABLE, _parameter("tag", "a tag of the endorser", _SEARCHED)),
    errors=_LIST_ERRORS,
)
BY_TWO = Operation(
    "web.entries.by2",
    "List the entries of two of image, endorser and time",
    f"As `/metadata`. {_PARTS}",
    GROUP,
    [DescribedAnswer("The entries.", "Table", (_XML, JSON, _HTML), headers=("Link",))],
    path=(
        _parameter("first", IDENTIFIER.meaning, _PART),
        _parameter("second", EMAIL.meaning, _PART, DEMO_EMAIL),
    ),
    query=(*_LIST, *_TABLE),
    errors=_LIST_ERRORS,
)
ENTRY = Operation(
    "web.entry",
    "One signed entry",
    "The bytes exactly as they were received; RDF/JSON; or a page. Identifier, address and time may come in "
    "any order. Any status, also superseded.",
    GROUP,
    [
        DescribedAnswer("The entry.", "RdfJson", (_RDF, JSON, _HTML)),
        DescribedAnswer("A part of it.", None, (_RDF,), 206, ("Content-Range",)),
        DescribedAnswer("There is no such part.", None, (), 416, ("Content-Range",)),
    ],
    path=(
        _parameter("first", IDENTIFIER.meaning, IDENTIFIER.schema),
        _parameter("second", EMAIL.meaning, EMAIL.schema, DEMO_EMAIL),
        _parameter("third", CREATED.meaning, CREATED.schema),
    ),
    query=(_media(),),
    errors={404: ("entry.unknown",), 410: ("entry.erased",)},
)
TAGGED = Operation(
    "web.tag",
    "The signed entry that a tag names",
    "The endorser's newest current entry with the tag that is not deprecated.",
    GROUP,
    [DescribedAnswer("The entry.", "RdfJson", (_RDF, JSON, _HTML), headers=("Content-Location",))],
    path=(EMAIL, TAG),
    query=(_media(),),
    errors={404: ("entry.unknown",)},
)
ENDORSERS = Operation(
    "web.endorsers",
    "List publishers",
    "Variables email, subject, issuer.",
    GROUP,
    [DescribedAnswer("The table.", "Bindings", (_XML, JSON, _HTML, _CSV, _TSV))],
    query=(_media(_TABLES),),
)
ENDORSER = Operation(
    "web.endorser",
    "Recent statements of a publisher",
    "Variables identifier, created, description, location, deprecated, email.",
    GROUP,
    [DescribedAnswer("The table.", "Bindings", (_XML, JSON, _HTML, _CSV, _TSV))],
    path=(EMAIL,),
    query=(
        _parameter("range", "days that count", {"type": "integer", "minimum": 0, "maximum": 36525}, "30"),
        _media(_TABLES),
    ),
    errors={400: ("query.range",), 404: ("endorser.unknown",)},
)
TAGS = Operation(
    "web.endorser.tags",
    "The tags of an endorser",
    "Variable tag.",
    GROUP,
    [DescribedAnswer("The table.", "Bindings", (_XML, JSON, _HTML, _CSV, _TSV))],
    path=(EMAIL,),
    query=(_media(_TABLES),),
    errors={404: ("endorser.unknown",)},
)
QUERY = Operation(
    "web.query",
    "SPARQL",
    "A SELECT or ASK query over all public entries. Without one the answer is empty.",
    GROUP,
    [
        DescribedAnswer("The result.", "Results", (_XML, JSON, _HTML, _CSV, _TSV)),
        DescribedAnswer("No query.", None, (), 204),
    ],
    query=(
        _parameter(
            "query",
            "the query",
            {"type": "string"},
            "SELECT ?s ?o WHERE { ?s <http://purl.org/dc/terms/title> ?o }",
        ),
        _media(_TABLES),
    ),
    errors={400: ("every code of the query",), 503: ("query.busy", "query.unavailable")},
)
QUERY_BODY = Operation(
    "web.query",
    "SPARQL, for long queries",
    "The query as a form's field or as the whole body.",
    GROUP,
    [
        DescribedAnswer("The result.", "Results", (_XML, JSON, _HTML, _CSV, _TSV)),
        DescribedAnswer("No query.", None, (), 204),
    ],
    method="POST",
    bodies={
        FORM_TYPE: {"type": "object", "properties": {"query": {"type": "string"}}},
        QUERY_TYPE: None,
    },
    errors={400: ("every code of the query",), 415: ("body.type",), 503: ("query.busy", "query.unavailable")},
)
ALIVE = Operation(
    "health.alive", "Is the process alive?", "", SERVICE, [DescribedAnswer("It answers.", "Health")]
)
READY = Operation(
    "health.ready",
    "Can the process do its work?",
    "503 names what keeps it from it.",
    SERVICE,
    [DescribedAnswer("It can.", "Health"), DescribedAnswer("It cannot.", "Health", status=503)],
)
METRICS = Operation(
    "metrics",
    "Figures for Prometheus",
    "Requests, uploads by outcome and code, size of the public log, followers, memory.",
    SERVICE,
    [DescribedAnswer("The figures.", content_types=(_TEXT, "application/openmetrics-text"))],
)

ROBOTS = Operation(
    "web.robots", "What robots may read", "", SERVICE, [DescribedAnswer("The rules.", content_types=(_TEXT,))]
)
FAVICON = Operation(
    "web.favicon", "The icon", "", SERVICE, [DescribedAnswer("The icon.", content_types=("image/svg+xml",))]
)
SECURITY = Operation(
    "web.security",
    "Contact for security reports",
    "RFC 9116.",
    SERVICE,
    [DescribedAnswer("The contact.", content_types=(_TEXT,))],
    errors={404: ("path.unknown",)},
)

OPERATIONS = (
    LIST,
    UPLOAD,
    BY_ONE,
    BY_TWO,
    ENTRY,
    TAGGED,
    ENDORSERS,
    ENDORSER,
    TAGS,
    QUERY,
    QUERY_BODY,
)
SERVICE_OPERATIONS = (ALIVE, READY, METRICS, ROBOTS, FAVICON, SECURITY)
