"""Where every view begins to read: one snapshot of what the one who asks may see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyramid.request import Request

from marketplace.access import Principal
from marketplace.access.narrowing import ALL, narrowed, parse_scope
from marketplace.entries import VisibleEntries
from marketplace.runtime import Runtime

from .security import principal_of


@contextmanager
def visible_entries(request: Request, scope: str = ALL) -> Iterator[VisibleEntries]:
    """The entries that a request's principal may see, or a part of them, while the block lasts.

    Args:
        scope: as ``access.narrowing.parse_scope`` gives it.
    """
    with entries_visible_to(request, narrowed(principal_of(request), scope)) as visible:
        yield visible


@contextmanager
def entries_visible_to(request: Request, principal: Principal) -> Iterator[VisibleEntries]:
    """The entries that a principal may see, while the block lasts."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        yield VisibleEntries(session, principal, runtime.list_caches)


def read_scope(fields: Mapping[str, str]) -> str:
    """The part of the entries that a URL's fields ask for.

    Raises:
        ScopeError: there is no such part.
    """
    return parse_scope(fields.get("scope") or ALL)
