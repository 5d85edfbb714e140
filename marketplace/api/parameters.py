"""The parameters that operations of the API share."""

from __future__ import annotations

from collections.abc import Callable

from marketplace.http.parameters import whole_number

from .cursors import MAX_CURSOR, Cursor, parse_cursor
from .description import VISIBLE_PATTERN, Parameter
from .shapes.base import EMAIL_PATTERN, IDENTIFIER_PATTERN, TIME_PATTERN

#: What the demo catalogue has at every start.
DEMO_EMAIL = "alice.archer@images.example.org"


def _text(value: str | None) -> str:
    return value or ""


IDENTIFIER = Parameter(
    "identifier",
    "the image's identifier: 27 characters that stand for its SHA-1",
    {"type": "string", "pattern": IDENTIFIER_PATTERN},
    _text,
)
EMAIL = Parameter(
    "email",
    "the endorser's e-mail address",
    {"type": "string", "pattern": EMAIL_PATTERN, "maxLength": 254},
    _text,
    DEMO_EMAIL,
)
CREATED = Parameter(
    "created",
    "when the endorser made the statement",
    {"type": "string", "pattern": TIME_PATTERN},
    _text,
)
TAG = Parameter(
    "tag",
    "a tag of the endorser; slashes may be escaped or not",
    {"type": "string", "pattern": VISIBLE_PATTERN},
    _text,
    "ubuntu-lts",
)


def limit(usual: int, most: int) -> Parameter[int]:
    """How many items a page has."""

    def read(text: str | None) -> int:
        return usual if text is None else whole_number("limit", text, least=1, most=most)

    return Parameter(
        "limit",
        "items on a page",
        {"type": "integer", "minimum": 1, "maximum": most, "default": usual},
        read,
        "10",
    )


def number(name: str, meaning: str, *, usual: int, most: int) -> Parameter[int]:
    """A whole number from 0 on."""

    def read(text: str | None) -> int:
        return usual if text is None else whole_number(name, text, least=0, most=most)

    schema = {"type": "integer", "minimum": 0, "maximum": most, "default": usual}
    return Parameter(name, meaning, schema, read, str(usual))


def cursor(route: str) -> Parameter[Cursor | None]:
    """Where a page begins; a cursor of another operation is refused."""
    read: Callable[[str | None], Cursor | None] = lambda text: parse_cursor(text, route)  # noqa: E731  # typed
    return Parameter(
        "cursor",
        "start of the page: the value of `next` in the page before; the text of a cursor has no other "
        "meaning",
        {"type": "string", "minLength": 1, "maxLength": MAX_CURSOR},
        read,
    )
