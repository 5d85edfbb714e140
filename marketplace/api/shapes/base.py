"""What all shapes of the API are made of, and the JSON Schema that is derived from them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    WithJsonSchema,
)

from validators.document import format_time

#: Patterns of the metadata format, for clients; acceptance has the rules themselves.
IDENTIFIER_PATTERN = "^[A-P][A-Za-z0-9_-]{26}$"
TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"
EMAIL_PATTERN = r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$"

_PLACE = "#/components/schemas/{model}"
#: How the names of shapes end, so that each has another name than what it shows; clients do not see it.
_SUFFIX = "Shape"
_READ: Final[Literal["validation"]] = "validation"
_WRITTEN: Final[Literal["serialization"]] = "serialization"


class Shape(BaseModel):
    """An object of an answer: its members in the order in which they are written, none left out.

    The names of its classes end in ``Shape``; see ``schema_name``.
    Patterns and limits of members tell clients what to expect. They refuse nothing when an answer is made.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, from_attributes=True, json_schema_serialization_defaults_required=True
    )


class RequestBody(BaseModel):
    """An object that a request carries: no member unasked, and none of another type."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def text(**told: Any) -> WithJsonSchema:
    """A text, and what clients are told of it."""
    return WithJsonSchema({"type": "string", **told})


def one_of(*words: str) -> WithJsonSchema:
    """One of some words."""
    return text(enum=list(words))


def array(item: WithJsonSchema, **told: Any) -> WithJsonSchema:
    """Things of a body that the view itself looks at, one by one."""
    return WithJsonSchema({"type": "array", "items": item.json_schema, **told})


def _whole(given: Any) -> Any:
    return int(given) if isinstance(given, float) and given.is_integer() else given


Url = Annotated[str, text(format="uri")]
Time = Annotated[datetime, PlainSerializer(format_time, return_type=str), text(pattern=TIME_PATTERN)]
Count = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0})]
Digest = Annotated[str, text(pattern="^[0-9a-f]{64}$")]
Identifier = Annotated[str, text(pattern=IDENTIFIER_PATTERN)]
Email = Annotated[str, text(pattern=EMAIL_PATTERN)]
Next = Annotated[Url | None, Field(description="the next page; null on the last one")]
#: Of a body, where it may be left out but not be null.
Text = Annotated[str | None, text()]
#: Of a body: JSON has one kind of number, 7.0 is 7.
Number = Annotated[int, BeforeValidator(_whole)]


class SelfLinkShape(Shape):
    """The address of an object."""

    self: Url


def schema_name(shape: type[Shape | RequestBody]) -> str:
    """The name of a shape's schema in OpenAPI, which clients know: that of the class without ``Shape``."""
    return shape.__name__.removesuffix(_SUFFIX)


def components(shapes: Iterable[type[Shape | RequestBody]]) -> dict[str, Any]:
    """The schemas of some shapes and of all that they consist of, by name, as OpenAPI 3.1 takes them."""
    adapters = [
        (shape, _READ if issubclass(shape, RequestBody) else _WRITTEN, TypeAdapter(shape))
        for shape in dict.fromkeys(shapes)
    ]
    _, told = TypeAdapter.json_schemas(adapters, ref_template=_PLACE)
    named = {name.removesuffix(_SUFFIX): _plain(schema) for name, schema in told["$defs"].items()}
    return dict(sorted(named.items()))


def _plain(schema: Any) -> Any:
    """A schema with the names that clients know, without titles and defaults.

    Titles only repeat names, and no answer leaves a default out.
    """
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: value.removesuffix(_SUFFIX) if name == "$ref" else _plain(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str)) and not (name == "default" and not value)
    }
