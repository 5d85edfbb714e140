"""Requests as waitress parses them, and answers and errors as they are written to a connection."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from http import HTTPStatus
from uuid import uuid4
from xml.sax.saxutils import escape

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import build_http_date

from marketplace.logs import printable

PROBLEM_TYPE = "application/problem+json"
#: The request line of what only programs ask for, which get errors as problem documents.
_FOR_PROGRAMS = re.compile(rb"\s*[A-Z]+ (/api/|/fed/|/\.well-known/)")
_CODES = {400: "http.malformed", 408: "http.timeout", 413: "body.size", 431: "http.header-size"}


class WireErrorTask(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """An error found before the application is reached, in the application's shapes."""

    def execute(self) -> None:
        """Answer with the error and close the connection."""
        error = self.request.error
        accept = getattr(self.request, "headers", {}).get("ACCEPT", "")
        if getattr(self.request, "is_for_programs", False):
            accept = PROBLEM_TYPE
        reason = self._reason()
        self.status = f"{error.code} {error.reason}"
        content_type, body = wire_error(error.code, _CODES.get(error.code, "http"), reason, accept)
        self.response_headers += [("Content-Type", content_type), ("X-Content-Type-Options", "nosniff")]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)

    def _reason(self) -> str:
        """What is wrong, as a sentence: waitress names its own settings instead."""
        error, limits = self.request.error, self.channel.adj
        if error.code == 413:
            return f"the body is larger than the {limits.max_request_body_size} bytes that are taken"
        if error.code == 431:
            return f"URL and headers are longer than {limits.max_request_header_size} bytes together"
        return printable(str(error.body)) if error.code < 500 else str(error.reason)


def wire_error(status: int, code: str, reason: str, accept: str) -> tuple[str, bytes]:
    """Content type and body of an error; Accept is only searched for words: nothing here may fail."""
    if "problem+json" in accept:
        problem = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": reason,
            "code": code,
            "request_id": uuid4().hex,
        }
        return PROBLEM_TYPE, json.dumps(problem).encode()
    if "json" in accept:
        return "application/json", json.dumps({str(status): reason}).encode()
    if "text/html" in accept:
        # No template: whoever chose a wrong file in a form still gets something to read.
        told = escape(reason[:1].upper() + reason[1:])
        page = (
            f'<!doctype html><html lang="en"><title>{status}</title><h1>{told}</h1><p>Go back and try again.'
        )
        return "text/html; charset=UTF-8", page.encode()
    return "application/xml; charset=UTF-8", f"<error>{escape(reason)}</error>".encode()


#: A first piece of a body up to this size is copied behind its header, to be sent at once.
_JOINED_BYTES = 64 * 1024


@lru_cache(maxsize=256)
def _header_form(names: tuple[str, ...], has_body: bool) -> tuple[str, bool, bool, bool]:
    """Lines for headers of these names, as waitress writes names, with a place for each value.

    Applications use a bounded number of lists of names, so a response costs one look here and not one for
    each header.

    Returns:
        the lines, and whether Content-Length, Date and Server are among them.
    """
    shown = ["-".join(part.capitalize() for part in name.split("-")) for name in names]
    # A percent sign would be a place for a value. A place of no width takes the length of no body.
    lines = [
        f"{name.replace('%', '%%')}: %s\r\n" if has_body or name != "Content-Length" else "%.0s"
        for name in shown
    ]
    return "".join(lines), "Content-Length" in shown, "Date" in shown, "Server" in shown


@lru_cache(maxsize=2)
def _http_date(second: int) -> str:
    date: str = build_http_date(second)
    return date


class KeepAliveTask(WSGITask):  # type: ignore[misc]  # waitress has no types
    """Answers a request, and keeps the connection where the response tells its own end.

    waitress closes after every response without a Content-Length, which ends the
    connection of each client that asks whether it has the newest bytes (304).
    """

    def set_close_on_finish(self) -> None:
        """Close afterwards, unless only a missing Content-Length asks for it."""
        tells_its_end = self.chunked_response or not self.has_body
        wants_more = self.version == "1.1" and self.request.headers.get("CONNECTION", "").lower() != "close"
        if not (tells_its_end and wants_more) or self.wrote_header:
            super().set_close_on_finish()

    def write(self, data: bytes) -> None:
        """Send a piece of the body; to HEAD there is none, whatever an application returns."""
        if self.request.command == "HEAD":
            data = b""
        if self.wrote_header or len(data) > _JOINED_BYTES:
            super().write(data)
            return
        # waitress sends header and body apart: two system calls and two packets for each answer.
        self.channel.hold_writes()
        try:
            super().write(data)
        finally:
            self.channel.release_writes()

    def build_response_header(self) -> bytes:
        """The status line and the headers, quickly for what nearly every response is."""
        headers, has_body = self.response_headers, self.has_body
        if (
            self.version != "1.1"
            or (has_body and self.content_length is None)
            or self.request.headers.get("CONNECTION", "").lower() == "close"
        ):
            complete: bytes = super().build_response_header()
            return complete
        form, tells_length, tells_date, tells_server = _header_form(
            tuple([name for name, _ in headers]), has_body
        )
        length = "" if tells_length or not has_body else f"Content-Length: {self.content_length}\r\n"
        date = "" if tells_date else f"Date: {_http_date(int(self.start_time))}\r\n"
        values = form % tuple([value for _, value in headers])
        server = f"{'Via' if tells_server else 'Server'}: {self.channel.adj.ident}\r\n\r\n"
        return f"HTTP/1.1 {self.status}\r\n{values}{length}{date}{server}".encode("latin-1")

    def finish(self) -> None:
        """End the response; one to HEAD has no last chunk either (RFC 9112, section 6.3)."""
        if self.request.command == "HEAD":
            self.chunked_response = False
            if not self.wrote_header:
                self.write(b"")
                self.chunked_response = False
        super().finish()


class StrictParser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """waitress's parser, refusing what makes it fail instead: broken URLs, endless Content-Lengths.

    A request whose length is told in two ways is the last one of its connection (RFC 9112, section 6.1): a
    proxy may have taken the other one, and think that the rest is the request of somebody else.
    """

    is_for_programs = False

    def received(self, data: bytes) -> int:
        """Take bytes in; of headers that are too long only the request line is looked at."""
        if self.body_rcv is None and not self.is_for_programs:
            self.is_for_programs = _FOR_PROGRAMS.match(self.header_plus + data[:64]) is not None
        taken: int = super().received(data)
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the request line and the headers.

        Raises:
            ParsingError: they are malformed.
        """
        try:
            super().parse_header(header_plus)
        except ValueError:
            raise ParsingError("Request line or Content-Length is invalid") from None
        # HTTP/1.0 knows no codings: one that is named there was passed on by mistake.
        if "TRANSFER_ENCODING" in self.headers or (self.chunked and "CONTENT_LENGTH" in self.headers):
            self.headers["CONNECTION"] = "close"
            self.connection_close = True
