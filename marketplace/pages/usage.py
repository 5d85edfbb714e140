"""What pages say of how often something is used: the last twelve months."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from pyramid.request import Request

from marketplace.access import Scope
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from marketplace.usage import By, Figures, Period, Span, Usage, ViewImages, last_days
from marketplace.views.definitions import Definition
from marketplace.views.value import View
from validators.document import AcceptedEntry

#: Height of the tallest bar.
_HEIGHT = 100


@dataclass(frozen=True, slots=True)
class Bar:
    """One month of a chart.

    Args:
        height: of 100, at least 1 where there is anything.
    """

    month: str
    count: int
    height: int


@dataclass(frozen=True, slots=True)
class UsageFigures:
    """The figures of usage that a page shows.

    Args:
        months: those with anything to tell, newest first.
        bars: all twelve months, oldest first, by the first sum.
    """

    figures: Figures
    months: Sequence[Period]
    bars: Sequence[Bar]


def is_exact(request: Request, email: str) -> bool:
    """Whether who asks is told exact figures of an endorser: administrators, and the endorser."""
    principal = principal_of(request)
    return Scope.ADMIN in principal.scopes or principal.name == email


def entry_usage(request: Request, entry: AcceptedEntry) -> UsageFigures:
    """How often an entry was used."""
    email = entry.endorser.email
    exact = is_exact(request, email)
    return _figures(request, lambda usage, span: usage.of_entry(entry.entry_id, email, span, exact=exact))


def endorser_usage(request: Request, email: str) -> UsageFigures:
    """How often an endorser's entries were used."""
    exact = is_exact(request, email)
    return _figures(request, lambda usage, span: usage.of_endorser(email, span, exact=exact))


def view_usage(request: Request, definition: Definition, view: View) -> UsageFigures:
    """How often a view and its images were used."""
    return _figures(request, lambda usage, span: find_view_usage(request, usage, span, definition, view))


def find_view_usage(
    request: Request, usage: Usage, span: Span, definition: Definition, view: View | None
) -> Figures:
    """How often a view and its images were used.

    Administrators, and members of the view's group, are told exact figures of the view. Its images may be
    of anybody: their figures are exact for administrators alone.

    Args:
        view: what it shows now; None: who asks may not read that, and is told nothing of its images.
    """
    runtime: Runtime = request.registry[Runtime]
    principal = principal_of(request)
    administers = Scope.ADMIN in principal.scopes
    exact = administers or definition.group in principal.groups
    found = usage.of_view(definition.name, span, exact=exact)
    if view is None:
        return found
    # Others read a secret view of a group too, by its address: its private entries are not counted for them.
    member = definition.logs <= principal.logs
    images = ViewImages(
        (definition.name, definition.revision, definition.changed_at, member),
        ((one.email, one.entry_id) for one in view.images if member or not one.private),
        chosen=definition.group is not None,
    )
    today = runtime.now().date()
    return found.joined(runtime.image_usage.of_images(images, span, today, exact=administers))


def _figures(request: Request, find: Callable[[Usage, Span], Figures]) -> UsageFigures:
    runtime: Runtime = request.registry[Runtime]
    today = runtime.now().date()
    span = last_days(By.MONTH, today)
    with runtime.database.read() as session:
        found = find(Usage(session, principal_of(request), today), span)
    return UsageFigures(found, found.periods[::-1], _bars(found, span.first))


def _bars(found: Figures, first: date) -> list[Bar]:
    name = found.names[0]
    counts = {one.name: one.sums[name] for one in found.periods}
    most = max(counts.values(), default=0) or 1
    months = [divmod(first.year * 12 + first.month - 1 + number, 12) for number in range(12)]
    return [
        Bar(month, counts.get(month, 0), -(-counts.get(month, 0) * _HEIGHT // most))
        for month in (f"{year:04}-{month + 1:02}" for year, month in months)
    ]
