"""What all shapes of the API are made of, and the JSON Schema that is derived from them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, TypeAdapter, WithJsonSchema

from marketplace.api.parameters import EMAIL_PATTERN, IDENTIFIER_PATTERN, TIME_PATTERN
from validators.document import format_time

_PLACE = "#/components/schemas/{model}"
_WRITTEN: Final[Literal["serialization"]] = "serialization"


class Shape(BaseModel):
    """An object of an answer: its members in the order in which they are written, none left out.

    Patterns and limits of members tell clients what to expect. They refuse nothing when an answer is made.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, from_attributes=True, json_schema_serialization_defaults_required=True
    )


def text(**told: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **told})


Url = Annotated[str, text(format="uri")]
Time = Annotated[datetime, PlainSerializer(format_time, return_type=str), text(pattern=TIME_PATTERN)]
Count = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0})]
Digest = Annotated[str, text(pattern="^[0-9a-f]{64}$")]
Identifier = Annotated[str, text(pattern=IDENTIFIER_PATTERN)]
Email = Annotated[str, text(pattern=EMAIL_PATTERN)]
Code = Annotated[str, text(pattern="^[a-z0-9-]+$", description="stable")]
Next = Annotated[Url | None, Field(description="the next page; null on the last one")]
Status = Literal["valid", "deprecated", "expired"]
#: Of an entry that may have been superseded by its endorser.
Fate = Literal["valid", "deprecated", "expired", "superseded"]
Strength = Literal["strong", "legacy"]


class SelfLink(Shape):
    """Where it is."""

    self: Url


def components(shapes: Iterable[Any]) -> dict[str, Any]:
    """The schemas of some shapes and of all that they consist of, by name, as OpenAPI 3.1 takes them."""
    adapters = [(shape, _WRITTEN, TypeAdapter(shape)) for shape in dict.fromkeys(shapes)]
    _, told = TypeAdapter.json_schemas(adapters, ref_template=_PLACE)
    found: dict[str, Any] = _plain(told["$defs"])
    return found


def _plain(schema: Any) -> Any:
    """Without titles, which only repeat names, and without defaults, which no answer leaves out."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _plain(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str)) and (name, value) != ("default", None)
    }
