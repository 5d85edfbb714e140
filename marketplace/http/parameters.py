"""Query strings and forms from outside, read strictly.

WebOb replaces or raises on bad UTF-8 depending on the accessor, and takes any
number of fields; here every text is decoded once, checked for characters that
no parameter of ours can hold, and refused with a code of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl

from pyramid.request import Request

from validators.errors import printable

from .errors import BadRequestError, DocumentInFormError, TooLargeError

#: DataTables sends about five parameters a column and a dozen more.
_MAX_FIELDS = 200
#: Parameters whose value may have several lines: a SPARQL query, and words as they are pasted.
_MULTILINE = frozenset(
    {
        "query",
        "q",
        "kinds",
        "members",
        "mirrors",
        "policy",
        "sSearch",
        *(f"sSearch_{number}" for number in range(1, 6)),
    }
)
_LINES = str.maketrans("\t\n\r", "   ")
#: A form that only carries parameters is small.
_MAX_FORM_BYTES = 64 * 1024
#: How XML begins, also where curl escaped it; no field of ours has such a name.
_DOCUMENT = re.compile(rb"(\xef\xbb\xbf|%EF%BB%BF)?(\s|%0D|%0A|%20|\+)*(<|%3C)", re.IGNORECASE)


def read_query(request: Request) -> Mapping[str, str]:
    """The parameters of the query string; of a repeated one the last counts.

    Raises:
        BadRequestError: bad UTF-8, control characters, too many fields.
    """
    text = request.environ.get("QUERY_STRING", "")
    return read_fields(text) if text else MappingProxyType({})


def read_query_pairs(request: Request) -> list[tuple[str, str]]:
    """The parameters of the query string in order, repeated ones included.

    Raises:
        BadRequestError: as ``read_query``.
    """
    return read_pairs(request.environ.get("QUERY_STRING", ""))


def read_form(request: Request) -> Mapping[str, str]:
    """The fields of an ``application/x-www-form-urlencoded`` body, over those of the query string.

    Raises:
        DocumentInFormError, TooLargeError, BadRequestError: as ``read_body_form``.
    """
    return {**read_query(request), **read_body_form(request)}


def read_body_form(request: Request) -> Mapping[str, str]:
    """The fields of the body alone: what is secret must not stand in a URL, which is logged.

    Raises:
        DocumentInFormError: the body is a document, which curl sends as a form unless it is told otherwise.
        TooLargeError: the body is larger than a form of parameters needs.
        BadRequestError: as ``read_query``.
    """
    return dict(read_body_pairs(request))


def read_body_pairs(request: Request) -> list[tuple[str, str]]:
    """The fields of the body alone in order, repeated ones included.

    Raises:
        DocumentInFormError, TooLargeError, BadRequestError: as ``read_body_form``.
    """
    body: bytes = request.environ["wsgi.input"].read(_MAX_FORM_BYTES + 1)
    if _DOCUMENT.match(body):
        raise DocumentInFormError("a form of fields, NAME=VALUE")
    if len(body) > _MAX_FORM_BYTES:
        raise TooLargeError(_MAX_FORM_BYTES)
    return read_pairs(body.decode("latin-1"))


def read_fields(text: str) -> Mapping[str, str]:
    """Decode URL-encoded fields given as a WSGI string (each character one byte); of several the last."""
    return dict(read_pairs(text))


def read_pairs(text: str) -> list[tuple[str, str]]:
    """Decode URL-encoded fields given as a WSGI string (each character one byte).

    Raises:
        BadRequestError: as ``read_query``.
    """
    try:
        pairs = parse_qsl(
            # A byte above 127 may come unescaped: escape it, so it is decoded as UTF-8 like the others.
            "".join(c if c < "\x80" else f"%{ord(c):02X}" for c in text),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except UnicodeDecodeError:
        raise BadRequestError("query.encoding", "the query is not UTF-8") from None
    except ValueError:
        raise BadRequestError("query.fields", f"the query has more than {_MAX_FIELDS} fields") from None
    for name, value in pairs:
        if not (is_plain(name) and is_plain(value.translate(_LINES) if name in _MULTILINE else value)):
            raise BadRequestError("query.characters", f"parameter {printable(name)} holds control characters")
    return pairs


def is_plain(text: str) -> bool:
    """Whether a text is free of control characters and lone surrogates, which no value of ours can hold."""
    return text.isprintable() or not any(c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" for c in text)


def decode_path(path: str) -> str:
    """Decode a WSGI path as UTF-8.

    Raises:
        BadRequestError: bad UTF-8, or control characters.
    """
    try:
        decoded = path.encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise BadRequestError("path.encoding", "the path is not UTF-8") from None
    if not is_plain(decoded):
        raise BadRequestError("path.characters", "the path holds control characters")
    return decoded


def whole_number(name: str, text: str, *, least: int, most: int) -> int:
    """Read an ASCII decimal number.

    Args:
        name: the parameter, for the message; its code is ``query.<name>``.
        least: smallest value allowed.
        most: largest value allowed.

    Raises:
        BadRequestError: no such number, or out of bounds.
    """
    # int() would also take signs, underscores, spaces and the digits of other scripts.
    if text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most:
        return int(text)
    raise BadRequestError(
        f"query.{name}", f"{name} is {printable(text)}, expected a whole number from {least} to {most}"
    )


def one_of(name: str, text: str, values: tuple[str, ...]) -> str:
    """Read a word of a fixed set.

    Raises:
        BadRequestError: with code ``query.<name>``.
    """
    if text in values:
        return text
    words = ", ".join(filter(None, values))
    raise BadRequestError(f"query.{name}", f"{name} is {printable(text)}, expected one of {words}")
