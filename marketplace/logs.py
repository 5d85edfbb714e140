"""Structured logging: one event, one line, on standard error.

Values come from outside (paths, names, error texts), so every line is built
from an encoder that cannot let a newline or another control character through.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

#: The id of the request that the current thread answers; empty outside requests.
request_id: ContextVar[str] = ContextVar("request_id", default="")

#: How tokens, sessions, secret names of views and secrets of webhooks begin, and the characters behind that.
_SECRETS = {
    "mpt_": "[0-9A-Za-z_-]",
    "mps_": "[0-9A-Za-z_-]",
    "mpv_": "[0-9A-Za-z_-]",
    "whsec_": "[0-9A-Za-z+/=]",
}
_SECRET = re.compile("|".join(f"({begin}){character}{{8,}}" for begin, character in _SECRETS.items()))

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


#: Attribute of a record that lists what its event adds to the usual attributes; most records have none.
ADDED = "added_fields"

#: Made once: ``json.dumps`` with arguments makes an encoder for each line.
_ENCODER = json.JSONEncoder(default=str, ensure_ascii=True)


#: Characters of an error's own words.
_MOST_REASON = 300
#: Whether an error's words say all, so that no traceback is written.
_brief: list[Callable[[BaseException], bool]] = []


def tell_briefly(says_all: Callable[[BaseException], bool]) -> None:
    """Write the reason of some errors and no traceback: where a database is away, every thread meets that.

    Args:
        says_all: whether an error is one of them.
    """
    _brief[:] = [says_all]


class _EventFormatter(logging.Formatter):
    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """What the event holds: time, level, logger, message, request id, extra fields, traceback."""
        fields: dict[str, Any] = {
            "time": _written(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if request_id.get():
            fields["request_id"] = request_id.get()
        known = vars(record)
        added = known.get(ADDED)
        if added is None:
            added = {key: value for key, value in known.items() if key not in _STANDARD}
        fields.update(added)
        if record.exc_info:
            error = record.exc_info[1]
            if error is not None and any(says_all(error) for says_all in _brief):
                told = " ".join(str(getattr(error, "orig", None) or error).split())
                fields["reason"] = told[:_MOST_REASON]
            else:
                fields["traceback"] = self.formatException(record.exc_info)
        return fields


def _written(seconds: float) -> str:
    """A moment in UTC, to the millisecond."""
    whole = int(seconds)
    return f"{_written_second(whole)}.{int((seconds - whole) * 1000):03d}+00:00"


@lru_cache(maxsize=4)
def _written_second(second: int) -> str:
    """A log has many lines of one second."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class JsonFormatter(_EventFormatter):
    """One JSON object a line, ASCII only, so no value can start a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        return hide_secrets(_ENCODER.encode(self.fields(record)))


#: How values of these types are written (floats are finite). The encoder takes longer for a single value.
_WRITE: Mapping[type, Callable[[Any], str]] = {int: str, float: repr, type(None): lambda _: "null"}


def json_lines(logger: str, event: str, happened: Iterable[tuple[float, Mapping[str, Any]]]) -> str:
    """Many events of one kind as ``JsonFormatter`` writes each of them, in half the time.

    Args:
        logger: name of the logger.
        event: name of the events; their level is info.
        happened: time in seconds since the epoch, and further fields, of each event.

    Returns:
        the lines, each with its newline.
    """
    lines = [
        _line_form(logger, event, tuple(fields))
        % (f'"{_written(moment)}"', *[_WRITE.get(type(one), _ENCODER.encode)(one) for one in fields.values()])
        for moment, fields in happened
    ]
    return hide_secrets("".join(lines))


@lru_cache(maxsize=64)
def _line_form(logger: str, event: str, names: tuple[str, ...]) -> str:
    """The line of an event that adds fields of these names, with a place for the time and for each value."""
    fields = {"time": "\0", "level": "info", "logger": logger, "event": event, **dict.fromkeys(names, "\0")}
    return _ENCODER.encode(fields).replace("%", "%%").replace(_ENCODER.encode("\0"), "%s") + "\n"


class TextFormatter(_EventFormatter):
    """One readable line an event; only a traceback takes more, each of its lines indented."""

    def format(self, record: logging.LogRecord) -> str:
        fields = self.fields(record)
        traceback = fields.pop("traceback", None)
        head = f"{fields.pop('time')} {fields.pop('level'):<7} {fields.pop('logger')}:"
        event = printable(fields.pop("event"))
        line = " ".join([head, event, *(f"{key}={printable(str(value))}" for key, value in fields.items())])
        if traceback:
            line += "".join(f"\n    {printable(row)}" for row in traceback.splitlines())
        return hide_secrets(line)


def hide_secrets(text: str) -> str:
    """The text with ``[hidden]`` in the place of everything that looks like one of our secrets."""
    # Nearly no line has a secret, and a search for how secrets begin takes a tenth of the time.
    return _SECRET.sub(_hidden, text) if any(map(text.__contains__, _SECRETS)) else text


def _hidden(found: re.Match[str]) -> str:
    return f"{found[found.lastindex or 0]}[hidden]"


def printable(text: str) -> str:
    """The text with every character that is not printable written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def configure(level: str, style: Literal["json", "text"]) -> None:
    """Send every logger of the process to standard error in the given style."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # httpx and the template engine tell of every step; our own events say the same in our words.
    for chatty in ("httpx", "httpcore", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It warns of every format that a disk does not have; what a refusal means is told by our own code.
    logging.getLogger("marketplace._vendor").setLevel(logging.ERROR)
