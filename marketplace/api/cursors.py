"""Where a page begins, as text that clients hand back and need not understand.

A cursor names the last item of the page before, not how many there were, so
that nothing is skipped or repeated when something is added meanwhile.
"""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from marketplace.http.errors import BadRequestError

T = TypeVar("T")

#: What the last item of a page sorts by.
Cursor = tuple[str, ...]

#: Characters of the longest cursor.
MAX_CURSOR = 1000


def encode_cursor(cursor: Cursor | None, route: str) -> str | None:
    """The cursor as text that a URL holds without escapes; None stays None."""
    if cursor is None:
        return None
    told = json.dumps([route, *cursor], separators=(",", ":"))
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def parse_cursor(text: str | None, route: str) -> Cursor | None:
    """Read a cursor; None where there is none.

    Raises:
        BadRequestError: it is none of this operation.
    """
    if text is None:
        return None
    try:
        if len(text) > MAX_CURSOR or not text.isascii():
            raise ValueError
        told = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if not (isinstance(told, list) and told[:1] == [route] and all(isinstance(one, str) for one in told)):
            raise ValueError
    except (ValueError, RecursionError, binascii.Error):
        raise foreign_cursor() from None
    return tuple(told[1:])


def foreign_cursor() -> BadRequestError:
    """The 400 of a cursor that this operation did not give out."""
    return BadRequestError(
        "query.cursor", "the cursor belongs to no page of this list; search again without a cursor"
    )


def cut_page(
    items: Sequence[T], key: Callable[[T], Cursor], after: Cursor | None, limit: int
) -> tuple[Sequence[T], Cursor | None]:
    """A page of a list in memory.

    Args:
        items: ascending by ``key``.
        after: the cursor of the page before; None for the first page.

    Returns:
        the items, and the cursor of the next page, None on the last one.
    """
    start = 0 if after is None else bisect_right(items, after, key=key)
    page = items[start : start + limit]
    more = start + limit < len(items)
    return page, key(page[-1]) if more else None
