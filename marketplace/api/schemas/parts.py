"""What the schemas of answers are made of."""

from __future__ import annotations

from collections.abc import Mapping

from ..description import Schema
from ..shapes.base import EMAIL_PATTERN, IDENTIFIER_PATTERN, TIME_PATTERN

TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
URL: Schema = {"type": "string", "format": "uri"}
URL_OR_NULL: Schema = {"type": ["string", "null"], "format": "uri"}
TIME: Schema = {"type": "string", "pattern": TIME_PATTERN}
TIME_OR_NULL: Schema = {"type": ["string", "null"], "pattern": TIME_PATTERN}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
DIGEST: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
STATUS: Schema = {"type": "string", "enum": ["valid", "deprecated", "expired"]}
#: Of an entry that may have been superseded by its endorser.
FATE: Schema = {"type": "string", "enum": ["valid", "deprecated", "expired", "superseded"]}
STRENGTH: Schema = {"type": "string", "enum": ["strong", "legacy"]}


def ref(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema) -> Schema:
    """A list of things."""
    return {"type": "array", "items": items}


def record(meaning: str, **members: Schema) -> Schema:
    """An object that has all of these members."""
    return {"type": "object", "description": meaning, "required": list(members), "properties": members}


def doc(schema: Schema, meaning: str) -> Schema:
    """A schema with what it means."""
    return {**schema, "description": meaning}


def or_null(schema: Schema) -> Schema:
    """A schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


CODE: Schema = {"type": "string", "pattern": "^[a-z0-9-]+$", "description": "stable"}
COORDINATES: Mapping[str, Schema] = {
    "id": doc(DIGEST, "the entry id: the same for all encodings of a signature"),
    "identifier": {"type": "string", "pattern": IDENTIFIER_PATTERN},
    "email": {"type": "string", "pattern": EMAIL_PATTERN},
    "created": TIME,
}
LINKED: Mapping[str, Schema] = {
    **COORDINATES,
    "links": record("Where it is.", entry=URL, signed=URL),
}
TAGS: Mapping[str, Schema] = {"tags": array(TEXT)}
SITES: Schema = doc(COUNT, "cloud sites that say that they offer the image")
_NEXT: Mapping[str, Schema] = {"next": doc(URL_OR_NULL, "the next page; null on the last one")}


def page(meaning: str, **members: Schema) -> Schema:
    """An object that is a page of a list."""
    return record(meaning, **members, **_NEXT)
