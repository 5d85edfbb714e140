"""JSON objects that requests carry, read strictly: each member has a type, and none is there unasked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pyramid.request import Request

from marketplace.http.body import content_type
from marketplace.http.errors import BadRequestError, TooLargeError, UnsupportedTypeError
from validators.errors import printable
from validators.strict_json import parse_strictly

from .description import JSON
from .shapes.base import RequestBody

B = TypeVar("B", bound=RequestBody)

#: Bytes of the largest object taken.
MAX_BYTES = 64 * 1024

CODES: Mapping[int, tuple[str, ...]] = {
    400: ("body.json", "body.member"),
    413: ("body.size",),
    415: ("body.type",),
}


def read_body(request: Request, shape: type[B], *, most: int = MAX_BYTES) -> B:
    """The JSON object of a request's body.

    Args:
        shape: what it must have, and what it may have.
        most: bytes of the body.

    Raises:
        UnsupportedTypeError: the body is of another type.
        TooLargeError: it is larger than any object here needs to be.
        BadRequestError: it is no JSON object, a member is missing, unknown, or of another type.
    """
    told = _read(request, most)
    try:
        body = shape.model_validate(told)
    except ValidationError as error:
        faults = {one["type"]: str(one["loc"][0]) for one in reversed(error.errors(include_url=False))}
    else:
        nulls = [name for name, value in told.items() if value is None]
        if not nulls:
            return body
        faults = {"null": nulls[0]}
    if (name := faults.get("extra_forbidden")) is not None:
        members = ", ".join(shape.model_fields)
        raise BadRequestError("body.member", f"there is no member {printable(name)}; there are {members}")
    if (name := faults.get("missing")) is not None:
        raise BadRequestError("body.member", f"member {name} is missing")
    name = next(reversed(faults.values()))
    raise BadRequestError("body.member", f"member {name} has a value of another type than it takes")


def _read(request: Request, most: int) -> dict[str, Any]:
    if content_type(request) != JSON:
        raise UnsupportedTypeError("body.type", content_type(request) or "no Content-Type", JSON)
    body: bytes = request.environ["wsgi.input"].read(most + 1)
    if len(body) > most:
        raise TooLargeError(most)
    try:
        told = parse_strictly(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise BadRequestError("body.json", "the body is not a JSON object")
    return told
