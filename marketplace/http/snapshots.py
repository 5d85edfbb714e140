"""Views that read several things and write nothing: from one snapshot of the database, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from pyramid.request import Request
from pyramid.response import Response

from marketplace.runtime import Runtime


def of_one_snapshot(view: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """A view whose parts see the same state, and begin one transaction together instead of one each.

    Args:
        view: must not write. What it streams after it returned reads by itself.
    """

    @wraps(view)
    def answer(request: Request) -> Response:
        with request.registry[Runtime].database.snapshot():
            return view(request)

    return answer
