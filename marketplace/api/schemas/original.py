"""What the original URL space answers."""

from __future__ import annotations

from collections.abc import Mapping

from ..description import Schema
from . import parts as p

ORIGINAL: Mapping[str, Schema] = {
    "RdfJson": {
        "type": "object",
        "description": "Subject, predicate, objects (RDF 1.1 JSON Alternate Serialization).",
        "additionalProperties": {"type": "object", "additionalProperties": p.array({"type": "object"})},
    },
    "Table": p.record(
        "A page of the table protocol (DataTables 1.9); each row has an empty cell and ten columns.",
        sEcho=p.TEXT,
        iTotalRecords=p.COUNT,
        iTotalDisplayRecords=p.COUNT,
        rMsg=p.TEXT,
        aaData=p.array({"type": "array", "items": p.TEXT, "minItems": 11, "maxItems": 11}),
    ),
    "Bindings": p.record(
        "A table (SPARQL 1.1 Query Results JSON Format).",
        head=p.record("Its variables.", vars=p.array(p.TEXT)),
        results=p.record("Its rows.", bindings=p.array({"type": "object"})),
    ),
    "Results": {
        "anyOf": [
            {"$ref": "#/components/schemas/Bindings"},
            p.record("The answer to an ASK.", head={"type": "object"}, boolean=p.FLAG),
        ]
    },
    "OriginalError": {
        "type": "object",
        "description": "An object with one member: the status is its name, the reason its value.",
        "additionalProperties": p.TEXT,
    },
}
