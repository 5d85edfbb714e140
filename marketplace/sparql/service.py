"""Answering queries: checked, then run in a process that can be killed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import (
    QueryMalformedError,
    QueryNotAllowedError,
    QueryRefusedError,
    QueryTooLargeError,
    QueryUnavailableError,
)
from .pool import WorkerPool
from .query_check import check_query
from .terms import Blank, Iri, Literal, Term

if TYPE_CHECKING:
    from marketplace.config import Settings

#: Inside the data directory: the store and its generations.
DIRECTORY = "sparql"
#: Inside that: what query processes may read.
GENERATIONS = "generations"


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one query, and all of them together, may take.

    Args:
        seconds: time limit of a query.
        max_rows: rows of a result; later ones are cut off and the result says so.
        max_bytes: approximate size of a result; a larger one is refused.
        memory: bytes of a query process.
        workers: query processes.
        max_waiting: callers that wait for a process; more are refused at once.
        max_wait: seconds such a caller waits at most.
    """

    seconds: float = 10.0
    max_rows: int = 10_000
    max_bytes: int = 16 * 2**20
    memory: int = 512 * 2**20
    workers: int = 2
    max_waiting: int = 2
    max_wait: float = 3.0


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The table that a SELECT gives, or the answer to an ASK.

    Args:
        variables: names without question mark, in the query's order.
        rows: an unbound variable is absent from its row.
        truncated: whether rows beyond the bound were cut off.
        boolean: the answer to an ASK; None of a table.
    """

    variables: tuple[str, ...]
    rows: tuple[Mapping[str, Term], ...]
    truncated: bool
    boolean: bool | None = None


class QueryService:
    """SELECT and ASK over every public entry. Safe to share between threads.

    Args:
        directory: the ``sparql`` directory of the data directory; the follower that fills it may be in
            another process.
    """

    def __init__(self, directory: Path, limits: QueryLimits) -> None:
        self.limits = limits
        self._generations = directory / GENERATIONS
        self._pool = WorkerPool(
            self._generations,
            size=limits.workers,
            max_waiting=limits.max_waiting,
            max_wait=limits.max_wait,
            memory=limits.memory,
        )

    def start(self) -> None:
        """Take queries from now on; later calls do nothing.

        Raises:
            OSError: there is no place for what they read.
        """
        self._generations.mkdir(parents=True, exist_ok=True)
        self._pool.start()

    def close(self) -> None:
        """End the query processes; running queries are answered as unavailable."""
        self._pool.close()

    def select(self, text: str) -> QueryResult:
        """Run a query.

        Raises:
            QueryRefusedError: one of its subclasses says why there is no result.
        """
        check_query(text)
        request = {
            "query": text,
            "max_rows": self.limits.max_rows,
            "max_bytes": self.limits.max_bytes,
            "seconds": self.limits.seconds,
        }
        answer = json.loads(self._pool.ask(json.dumps(request).encode("ascii"), self.limits.seconds))
        if "error" in answer:
            raise _refusal(answer["error"], answer["message"])
        return _result(answer)

    def process_ids(self) -> list[int]:
        """The ids of the living query processes, for measurements."""
        return list(self._pool.process_ids())


def _result(answer: dict[str, Any]) -> QueryResult:
    variables = tuple(answer["variables"])
    rows = tuple(
        {name: _term(*term) for name, term in zip(variables, row, strict=True) if term is not None}
        for row in answer["rows"]
    )
    return QueryResult(variables, rows, answer["truncated"], answer.get("boolean"))


def _term(kind: str, value: str, datatype: str | None = None, language: str | None = None) -> Term:
    match kind:
        case "uri":
            return Iri(value)
        case "bnode":
            return Blank(value)
    return Literal(value, datatype, language)


def _refusal(code: str, message: str) -> QueryRefusedError:
    """The error a query process reports, by its code."""
    for known in (QueryMalformedError, QueryTooLargeError):
        if code == known.code:
            return known(message)
    return QueryNotAllowedError() if code == QueryNotAllowedError.code else QueryUnavailableError()


def query_service(settings: Settings) -> QueryService:
    """The service of a marketplace process.

    Callers hold a server thread each, so at most half of the threads may be in
    queries: the rest of the site is never kept waiting by them.
    """
    workers = settings.query.workers
    waiting = max(0, settings.server.threads // 2 - workers)
    return QueryService(
        settings.data / DIRECTORY,
        QueryLimits(
            seconds=settings.query.timeout,
            max_rows=settings.query.max_rows,
            workers=workers,
            max_waiting=waiting,
        ),
    )
