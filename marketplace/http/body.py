"""The entry inside a request: a body of an XML type, or the first file of a form; and forms with a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from pyramid.request import Request

from validators.errors import printable

from .errors import BadRequestError, TooLargeError, UnsupportedTypeError

XML_TYPES = ("application/rdf+xml", "application/xml", "text/xml")
FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"

#: What the parts of a form may add around an entry.
_FORM_BYTES = 32 * 1024
_MAX_PARTS = 20
_MAX_PART_HEADER_BYTES = 4096
#: What an upload may be.
TAKEN = ", ".join((*XML_TYPES, MULTIPART_TYPE))


@dataclass(frozen=True, slots=True)
class FilledForm:
    """A form that a browser sends with a file.

    Args:
        fields: text by name; of a repeated one the last.
        file: content of the first file; None where there is none.
    """

    fields: dict[str, str]
    file: bytes | None


def content_type(request: Request) -> str:
    """The body's media type without parameters, in lower case; empty where none is given."""
    given: str = request.environ.get("CONTENT_TYPE", "")
    return given.partition(";")[0].strip().lower()


def upload_advice(request: Request, site_url: str) -> str:
    """The command that sends a file to where the request went.

    Args:
        site_url: public base URL of the site.
    """
    url = f"{site_url}{request.environ['PATH_INFO']}"
    return f"with curl: curl --data-binary @FILE --header 'Content-Type: {XML_TYPES[0]}' '{url}'"


def read_entry(request: Request, max_bytes: int, site_url: str) -> bytes:
    """The bytes of the entry a request carries.

    A charset parameter is not looked at: acceptance takes UTF-8 only, whatever
    is claimed, and the signature covers what was meant.

    Args:
        max_bytes: largest entry taken.
        site_url: public base URL of the site, for the sentence that says how to do it right.

    Raises:
        UnsupportedTypeError: the body's type or coding is not taken.
        TooLargeError: the entry is too large.
        BadRequestError: the body is empty, or no proper form with a file.
    """
    coding = request.environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedTypeError("body.coding", coding, "no Content-Encoding")
    kind = content_type(request)
    if kind == MULTIPART_TYPE:
        data = first_file(_read(request, max_bytes + _FORM_BYTES, max_bytes), request.environ["CONTENT_TYPE"])
    elif kind in XML_TYPES:
        data = _read(request, max_bytes, max_bytes)
    else:
        raise UnsupportedTypeError(
            "body.type", kind or "no Content-Type", TAKEN, upload_advice(request, site_url)
        )
    if not data:
        raise BadRequestError("body.empty", "the request contains no entry")
    if len(data) > max_bytes:
        raise TooLargeError(max_bytes)
    return data


def _read(request: Request, most: int, limit: int) -> bytes:
    body: bytes = request.environ["wsgi.input"].read(most + 1)
    if len(body) > most:
        raise TooLargeError(limit)
    return body


def read_filled_form(request: Request, max_bytes: int) -> FilledForm:
    """The fields and the file of a form (RFC 7578).

    Args:
        max_bytes: largest file taken.

    Raises:
        UnsupportedTypeError: the body is no such form.
        TooLargeError: the file is too large.
        BadRequestError: no proper form.
    """
    kind = content_type(request)
    if kind != MULTIPART_TYPE:
        raise UnsupportedTypeError("body.type", kind or "no Content-Type", MULTIPART_TYPE)
    body = _read(request, max_bytes + _FORM_BYTES, max_bytes)
    fields: dict[str, str] = {}
    file: bytes | None = None
    for name, is_file, content in _parts(body, request.environ["CONTENT_TYPE"]):
        if not is_file:
            fields[name] = content.decode("utf-8", "replace")
        elif file is None:
            file = content
    if file is not None and len(file) > max_bytes:
        raise TooLargeError(max_bytes)
    return FilledForm(fields, file)


def first_file(body: bytes, header: str) -> bytes:
    """The content of the first part that is a file (RFC 7578; multipart: RFC 2046, section 5.1.1).

    Args:
        body: the whole form.
        header: its Content-Type, which holds the boundary.

    Raises:
        BadRequestError: no boundary, no proper parts, or none of them a file.
    """
    for _, is_file, content in _parts(body, header):
        if is_file:
            return content
    raise BadRequestError("form.no-file", "the form contains no file")


def _parts(body: bytes, header: str) -> Iterator[tuple[str, bool, bytes]]:
    """Name of each part, whether it is a file, and its content.

    Raises:
        BadRequestError: no boundary, or no proper parts.
    """
    boundary = _parameter("Content-Type", header, "boundary")
    if not boundary or len(boundary) > 70 or not boundary.isascii():
        raise BadRequestError("form.boundary", "the form's Content-Type names no proper boundary")
    delimiter = b"\r\n--" + boundary.encode()
    # The first delimiter may stand at the very start; what precedes it is a preamble to ignore.
    _preamble, *parts = (b"\r\n" + body).split(delimiter, _MAX_PARTS)
    if not parts or not any(part.startswith(b"--") for part in parts):
        raise BadRequestError("form.cut", "the form does not end with its closing boundary")
    for part in parts:
        if part.startswith(b"--"):
            return
        yield _read_part(part)


def _read_part(part: bytes) -> tuple[str, bool, bytes]:
    head, blank, content = part.partition(b"\r\n\r\n")
    if not blank or len(head) > _MAX_PART_HEADER_BYTES:
        raise BadRequestError("form.part", "a part of the form has no proper header")
    headers: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    disposition = headers.get("content-disposition", "")
    name = _parameter("Content-Disposition", disposition, "name")
    if not _parameter("Content-Disposition", disposition, "filename"):
        return name, False, content
    coding = headers.get("content-transfer-encoding", "binary").lower()
    if coding not in ("7bit", "8bit", "binary"):
        raise BadRequestError(
            "form.coding", f"the file's transfer encoding is {printable(coding)}, expected binary"
        )
    return name, True, content


def _parameter(name: str, value: str, parameter: str) -> str:
    message = Message()
    message[name] = "".join(c if c.isprintable() else "?" for c in value)
    found = message.get_param(parameter, failobj="", header=name)
    # A value in RFC 2231 spelling comes as (charset, language, text).
    return found[2] if isinstance(found, tuple) else found
