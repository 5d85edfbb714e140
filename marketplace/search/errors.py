"""Why a search is not answered: one class per cause, each with a stable code."""

from __future__ import annotations

from validators.coded_error import CodedError


class SearchError(CodedError, code="search"):
    """Base of everything that keeps a search from being answered."""


class SearchRefusedError(SearchError):
    """The request itself cannot be answered: a 400.

    Args:
        code: stable name of the rule, e.g. ``search.prefix-too-short``.
        message: one sentence that says what to change.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class SearchUnavailableError(SearchError, code="search.unavailable"):
    """Words cannot be searched at the moment: a 503. Lists without words still work.

    Args:
        retry_after: seconds after which asking again makes sense.
    """

    def __init__(self, message: str, retry_after: int = 5) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class IndexBrokenError(SearchError, code="search.index-broken"):
    """An index cannot be read and has to be built again from the log."""


class IndexBusyError(SearchError, code="search.index-busy"):
    """Another living process is writing this index."""


def too_costly() -> SearchRefusedError:
    """The refusal of a search that the database would need too long for."""
    return SearchRefusedError(
        "search.too-costly", "The search takes too long to answer; use rarer words, or fewer."
    )
