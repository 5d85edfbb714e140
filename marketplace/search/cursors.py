"""Where a page of a search begins, as text that comes back from outside."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from marketplace.catalogue.order import SortKey
from marketplace.search.errors import SearchRefusedError
from marketplace.search.request import ORDERS, SearchRequest, Sort

_MAX_CURSOR = 1000
_ENTRY_ID = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last hit of a page: where it stood in the order, and which entry it was.

    The entry's key would do for the search, but keys count the entries of all logs, also of those
    that the reader knows nothing of.

    Args:
        value: a score, or the value the order goes by.
    """

    value: Any
    entry_id: str

    def encode(self, request: SearchRequest) -> str:
        """The cursor as text for URLs; it fits the same search only."""
        told = json.dumps([request.fingerprint(), self.value, self.entry_id], separators=(",", ":"))
        return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def parse_cursor(request: SearchRequest) -> Cursor | None:
    """The request's cursor, checked: it may be anything, since it comes back from outside.

    Raises:
        SearchRefusedError: it is none of ours, or belongs to another search.
    """
    if request.cursor is None:
        return None
    try:
        if len(request.cursor) > _MAX_CURSOR:
            raise ValueError
        padded = request.cursor + "=" * (-len(request.cursor) % 4)
        told = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        fingerprint, value, entry_id = told
        if fingerprint != request.fingerprint():
            raise ValueError
        return Cursor(_value(request.order(), value), _entry_id(entry_id))
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise foreign_cursor() from None


def foreign_cursor() -> SearchRefusedError:
    """The refusal of a cursor that belongs to another search."""
    return SearchRefusedError(
        "search.cursor", "The cursor belongs to another search; search again without a cursor."
    )


def _entry_id(value: Any) -> str:
    if not isinstance(value, str) or not _ENTRY_ID.fullmatch(value):
        raise ValueError
    return value


def _value(order: Sort, value: Any) -> Any:
    """The value of a cursor as the order compares it."""
    if order is Sort.RELEVANCE:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError
        return float(value)
    if ORDERS[order][0] is SortKey.TITLE:
        absent, title = value
        if not isinstance(absent, bool) or not isinstance(title, str):
            raise ValueError
        return absent, title
    return _whole(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise ValueError
    return value
