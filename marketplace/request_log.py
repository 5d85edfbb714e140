"""The log of requests: one event each, written in batches by a thread of its own.

Writing takes the interpreter lock away from a request thread and makes it queue
for it again behind all the others: measured under eight clients, a line written
by the request itself halves the number of entries served in a second. Errors do
not come this way; they are written at once.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from marketplace.logs import ADDED, JsonFormatter, json_lines

#: Seconds an event may wait: what a crash can lose of this log, and of this log only.
INTERVAL = 0.25
#: Events waiting; where the log cannot be written that fast, the oldest are dropped.
CAPACITY = 50_000
#: Events written with one call.
BATCH = 500

logger = logging.getLogger("marketplace.access")
_NAME = "request"
#: When a request was answered, and the fields of its event.
_Event = tuple[float, Mapping[str, Any]]


class RequestLog:
    """Collects events from all request threads.

    Args:
        interval: seconds between batches.
    """

    def __init__(self, interval: float = INTERVAL) -> None:
        self._interval = interval
        self._events: deque[_Event] = deque(maxlen=CAPACITY)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._writing = threading.Lock()
        self._closing = threading.Event()

    def add(self, fields: Mapping[str, Any]) -> None:
        """Note a request that was answered now; its fields become those of the event."""
        self._events.append((time.time(), fields))
        if self._thread is None:
            self._start()

    def flush(self) -> None:
        """Write what waits, on the calling thread."""
        with self._writing:
            while self._events:
                waiting = min(len(self._events), BATCH)
                events = [self._events.popleft() for _ in range(waiting)]
                for handler in _handlers(logger):
                    _write(handler, events)

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                # Under another server than our own nobody closes the log, but the process ends in order.
                atexit.register(self.flush)
                self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._closing.wait(self._interval):
            self.flush()


#: What all events share. A record made anew would look up thread, process and file of its maker.
_EVENT = vars(
    logging.makeLogRecord({"name": logger.name, "msg": _NAME, "levelno": logging.INFO, "levelname": "INFO"})
)


def _record(moment: float, fields: Mapping[str, Any]) -> logging.LogRecord:
    record = logging.LogRecord.__new__(logging.LogRecord)
    # Formatters find what the event adds without looking through all that a record holds.
    record.__dict__ = {**_EVENT, **fields, "created": moment, ADDED: fields}
    return record


def _handlers(start: logging.Logger) -> Iterator[logging.Handler]:
    """Every handler that gets a logger's events."""
    found: logging.Logger | None = start
    while found is not None:
        yield from (handler for handler in found.handlers if handler.level <= logging.INFO)
        found = found.parent if found.propagate else None


def _write(handler: logging.Handler, events: Sequence[_Event]) -> None:
    """Write a batch with one call where the handler writes to a stream: each call waits for its turn."""
    if type(handler) is not logging.StreamHandler:
        for event in events:
            handler.handle(_record(*event))
        return
    if type(handler.formatter) is JsonFormatter:
        lines = json_lines(logger.name, _NAME, events)
    else:
        lines = "".join(handler.format(_record(*event)) + handler.terminator for event in events)
    with handler.lock or nullcontext():
        handler.stream.write(lines)
        handler.flush()
