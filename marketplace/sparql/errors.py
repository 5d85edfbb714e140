"""Why a query is not answered: one tree, a stable code per reason."""

from __future__ import annotations

from validators.coded_error import CodedError


class QueryRefusedError(CodedError, code="query.refused"):
    """A query is not answered; ``str()`` is one sentence fit for its author."""


class QueryNotAllowedError(QueryRefusedError, code="query.not-allowed"):
    """Anything but a SELECT over the one public graph. The sentence is the one old clients know."""

    def __init__(self) -> None:
        super().__init__("query not allowed.")


class QueryMalformedError(QueryRefusedError, code="query.malformed"):
    """The text is not SPARQL; the sentence says where."""


class QueryTooLargeError(QueryRefusedError, code="query.too-large"):
    """The text, its nesting, its result or the memory it takes passes a bound."""


class QueryTimeoutError(QueryRefusedError, code="query.timeout"):
    """The query was stopped at the time limit.

    Args:
        seconds: the limit.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"query took longer than {seconds:g} seconds")


class QueryBusyError(QueryRefusedError, code="query.busy"):
    """Every worker is taken and enough queries wait already; the same query may work later."""

    def __init__(self) -> None:
        super().__init__("too many queries are running; try again in a few seconds")


class QueryUnavailableError(QueryRefusedError, code="query.unavailable"):
    """The triple store cannot be read: not built yet, or damaged; nothing is wrong with the query."""

    def __init__(self) -> None:
        super().__init__("the triple store is not ready; try again in a few seconds")
