"""Where every view begins to read: one snapshot of what the one who asks may see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyramid.request import Request

from marketplace.entries import EntryService, VisibleEntries
from marketplace.runtime import Runtime

from .security import principal_of


@contextmanager
def visible_entries(request: Request) -> Iterator[VisibleEntries]:
    """The entries that a request's principal may see, while the block lasts."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        yield EntryService(session, runtime.list_caches).visible_to(principal_of(request))
