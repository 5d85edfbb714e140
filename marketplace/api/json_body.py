"""JSON objects that requests carry, read strictly: each member has a type, and none is there unasked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyramid.request import Request

from marketplace.http.body import content_type
from marketplace.http.errors import BadRequestError, TooLargeError, UnsupportedTypeError
from validators.errors import shown

from .description import JSON

#: Bytes of the largest object taken.
MAX_BYTES = 64 * 1024

CODES: Mapping[int, tuple[str, ...]] = {
    400: ("body.json", "body.member"),
    413: ("body.size",),
    415: ("body.type",),
}


def described(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """How a body that ``read_object`` reads is described.

    Args:
        required: the schema of each member that has to be there.
        optional: the schema of each that may be left out.
    """
    schema = {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": {**required, **(optional or {})},
    }
    return {JSON: schema}


def read_object(
    request: Request,
    required: Mapping[str, type],
    optional: Mapping[str, type] | None = None,
    *,
    most: int = MAX_BYTES,
) -> dict[str, Any]:
    """The JSON object of a request's body.

    Args:
        required: the type of each member that has to be there.
        optional: the type of each that may be left out.
        most: bytes of the body.

    Returns:
        every member, those left out as None.

    Raises:
        UnsupportedTypeError: the body is of another type.
        TooLargeError: it is larger than any object here needs to be.
        BadRequestError: it is no JSON object, a member is missing, unknown, or of another type.
    """
    if content_type(request) != JSON:
        raise UnsupportedTypeError("body.type", content_type(request) or "no Content-Type", JSON)
    body: bytes = request.environ["wsgi.input"].read(most + 1)
    if len(body) > most:
        raise TooLargeError(most)
    told, members = _parse(body), {**required, **(optional or {})}
    for name in told:
        if name not in members:
            raise BadRequestError(
                "body.member", f"there is no member {shown(name)}; there are {', '.join(members)}"
            )
    for name in required:
        if name not in told:
            raise BadRequestError("body.member", f"member {name} is missing")
    return {name: _member(name, told[name], kind) if name in told else None for name, kind in members.items()}


def _parse(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise BadRequestError("body.json", "the body is not a JSON object")
    return told


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Parsers disagree about which of two counts: somebody in front may have looked at the other one.
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a member stands twice")
    return told


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _member(name: str, value: Any, kind: type) -> Any:
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)  # JSON has one kind of number: 7.0 is 7
    # True is an int to Python, and to nobody else.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadRequestError("body.member", f"member {name} has a value of another type than it takes")
    return value
