"""The process that answers queries: one at a time, until it is killed or its parent is gone.

Requests and answers are JSON in frames on standard input and output. The
process reads the current generation of the store and nothing else; it runs
confined. The parent ends it when a query takes too long, because nothing inside
can: the engine has no way to interrupt it.
"""

from __future__ import annotations

import json
import os
import queue
import re
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, QueryBoolean, QuerySolutions, Store

from marketplace.processes.confinement import limit_processor_time
from marketplace.processes.frames import read_frame
from marketplace.processes.inside import begin, send
from marketplace.sparql.errors import (
    QueryMalformedError,
    QueryNotAllowedError,
    QueryRefusedError,
    QueryTooLargeError,
    QueryUnavailableError,
)
from marketplace.sparql.generations import Generation, Generations

#: Seconds without a query after which an outdated generation is let go, so its disk space is given back.
_IDLE = 5.0
#: Processor seconds beyond the time limit before the system ends a process that nobody killed.
_GRACE = 5.0
#: Longest hint of the engine's parser that is shown.
_HINT = 80
#: Characters of an engine's message that are told.
_SHORT = 200
_POSITION = re.compile(r"error at (\d+):(\d+): ?(.*)", re.DOTALL)
_XSD_STRING = "http://www.w3.org/2001/XMLSchema#string"
_LANGUAGE_STRING = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"


class StoreReader:
    """The current generation, opened when it is first needed and kept while it is current."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations
        self._held: Generation | None = None
        self._store: Store | None = None

    def current(self) -> Store:
        """The store as last published.

        Raises:
            QueryUnavailableError: nothing is published, or it cannot be read.
        """
        self.release_outdated()
        if self._store is None:
            self._held = self._generations.acquire()
            if self._held is None:
                raise QueryUnavailableError
            try:
                self._store = Store.read_only(str(self._held.path))
            except (OSError, RuntimeError):
                self._release()
                raise QueryUnavailableError from None
        return self._store

    def release_outdated(self) -> None:
        """Let go of a generation that is no longer current."""
        if self._held is not None and self._held.path != self._generations.find_current():
            self._release()

    def _release(self) -> None:
        self._store = None  # closes the files before the lock on them goes
        if self._held is not None:
            self._held.release()
            self._held = None


def answer(reader: StoreReader, request: dict[str, Any]) -> dict[str, Any]:
    """Run one query.

    Args:
        request: ``query``; ``max_rows``; ``max_bytes`` of result; ``seconds``, the time limit.

    Returns:
        ``variables``, ``rows`` (a list of terms or nulls each) and ``truncated``; of an ASK ``boolean`` too;
        or ``error`` (a code) and ``message``.
    """
    limit_processor_time(request["seconds"] + _GRACE)
    try:
        return _select(reader.current(), request["query"], request["max_rows"], request["max_bytes"])
    except QueryRefusedError as error:
        return {"error": error.code, "message": str(error)}
    except SyntaxError as error:
        refused: QueryRefusedError = QueryMalformedError(_where(str(error)))
    except (RuntimeError, ValueError) as error:
        # The engine has one exception for functions it does not know and for files it cannot read.
        damaged = str(error).startswith("Corruption")
        sentence = f"query cannot be evaluated: {_shortened(str(error))}"
        refused = QueryUnavailableError() if damaged else QueryMalformedError(sentence)
    except OSError:
        refused = QueryUnavailableError()
    except MemoryError:
        refused = QueryTooLargeError("the query needs more memory than it may have")
    return {"error": refused.code, "message": str(refused)}


def _select(store: Store, query: str, max_rows: int, max_bytes: int) -> dict[str, Any]:
    # These two override FROM and leave GRAPH nothing to find, should a query get past the check.
    solutions = store.query(query, default_graph=DefaultGraph(), named_graphs=[])
    if isinstance(solutions, QueryBoolean):
        return {"variables": [], "rows": [], "truncated": False, "boolean": bool(solutions)}
    if not isinstance(solutions, QuerySolutions):
        raise QueryNotAllowedError
    variables = [variable.value for variable in solutions.variables]
    rows: list[list[list[str | None] | None]] = []
    size = 0
    for solution in solutions:
        if len(rows) == max_rows:
            return {"variables": variables, "rows": rows, "truncated": True}
        row = [_term(value) for value in solution]
        # Twenty bytes stand for the punctuation and the names around a value in any format.
        size += sum(20 + sum(len(part) for part in term if part) for term in row if term)
        if size > max_bytes:
            raise QueryTooLargeError(
                f"the result is larger than {max_bytes} bytes: ask for fewer variables or rows (LIMIT)"
            )
        rows.append(row)
    return {"variables": variables, "rows": rows, "truncated": False}


def _term(value: object) -> list[str | None] | None:
    match value:
        case None:
            return None
        case NamedNode():
            return ["uri", value.value]
        case BlankNode():
            return ["bnode", value.value]
        case Literal():
            datatype = value.datatype.value
            plain = datatype in (_XSD_STRING, _LANGUAGE_STRING)
            return ["literal", value.value, None if plain else datatype, value.language]
    raise QueryMalformedError("query cannot be evaluated: its result has a triple, which is not supported")


def _where(message: str) -> str:
    found = _POSITION.match(message)
    if found is None:
        return f"query malformed: {_shortened(message)}"
    line, column, expected = found.groups()
    # Long lists name every character the grammar allows there, which helps nobody.
    hint = f": {expected}" if len(expected) <= _HINT and expected.isprintable() else ""
    return f"query malformed at line {line}, column {column}{hint}"


def _shortened(text: str) -> str:
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= _SHORT else line[:_SHORT].rsplit(" ", 1)[0] + " ..."


def serve(requests: BinaryIO, answers: BinaryIO, reader: StoreReader) -> None:
    """Answer frames until the stream of requests ends; then end the process at once, mid-query too."""
    pending: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def receive() -> None:
        while True:
            try:
                pending.put(read_frame(requests))
            except EOFError:
                # The parent is gone, and whoever waits for the running query with it.
                os._exit(0)

    threading.Thread(target=receive, name="requests", daemon=True).start()
    while True:
        try:
            request = pending.get(timeout=_IDLE)
        except queue.Empty:
            reader.release_outdated()
            continue
        message = json.dumps(answer(reader, json.loads(request)), ensure_ascii=False)
        send(answers, message.encode("utf-8"))


def main() -> None:
    """Take the directory of generations and the bytes of memory from the command line; serve until killed."""
    directory, memory = Path(sys.argv[1]), int(sys.argv[2])
    serve(*begin([directory], memory), StoreReader(Generations(directory)))
