"""Why a query is not answered: one tree, a stable code per reason."""

from __future__ import annotations

from typing import ClassVar


class QueryRefusedError(Exception):
    """A query is not answered; ``str()`` is one sentence fit for its author."""

    #: Stable, machine-readable name of the reason.
    code: ClassVar[str] = "query.refused"


class QueryNotAllowedError(QueryRefusedError):
    """Anything but a SELECT over the one public graph. The sentence is the one old clients know."""

    code = "query.not-allowed"

    def __init__(self) -> None:
        super().__init__("query not allowed.")


class QueryMalformedError(QueryRefusedError):
    """The text is not SPARQL; the sentence says where."""

    code = "query.malformed"


class QueryTooLargeError(QueryRefusedError):
    """The text, its nesting, its result or the memory it takes passes a bound."""

    code = "query.too-large"


class QueryTimeoutError(QueryRefusedError):
    """The query was stopped at the time limit.

    Args:
        seconds: the limit.
    """

    code = "query.timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"query took longer than {seconds:g} seconds")


class QueryBusyError(QueryRefusedError):
    """Every worker is taken and enough queries wait already; the same query may work later."""

    code = "query.busy"

    def __init__(self) -> None:
        super().__init__("too many queries are running; try again in a few seconds")


class QueryUnavailableError(QueryRefusedError):
    """The triple store cannot be read: not built yet, or damaged; nothing is wrong with the query."""

    code = "query.unavailable"

    def __init__(self) -> None:
        super().__init__("the triple store is not ready; try again in a few seconds")
