"""How often entries, endorsers and views are used: sums of days and months, as JSON or CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.errors import BadRequestError, NotFoundError
from marketplace.http.negotiation import Media, Offer, choose
from marketplace.http.responses import fresh_response
from marketplace.http.security import principal_of
from marketplace.http.visible_entries import visible_entries
from marketplace.pages.usage import find_view_usage, is_exact
from marketplace.runtime import Runtime
from marketplace.usage import By, Figures, Span, Usage, last_days
from validators.errors import printable

from .answers import fresh
from .description import JSON, DescribedAnswer, Operation, Parameter
from .entry import COORDINATES, find_entry, read_coordinates
from .parameters import EMAIL
from .views import VIEW, find_contents, find_definition

GROUP = "Usage"
#: Most days or months of one answer.
MOST_DAYS: Final = 3660
CSV: Final = "text/csv"
_OFFERS: Final = (Offer(JSON, Media.JSON), Offer(CSV, Media.CSV))
#: Before it nothing was counted.
_FIRST: Final = date(2000, 1, 1)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DAY_PATTERN: Final = r"^\d{4}-\d{2}-\d{2}$"
_WHAT: Final = (
    "Sums of days (UTC), or of months: older days are kept as months only. Nobody who asked is remembered: "
    "who asks twice counts twice. Administrators, and an endorser whose token is of that address, get exact "
    "figures (`exact`). For all others each figure is rounded down to tens and today is left out, so that "
    "nobody can watch when machines start. Periods with nothing to tell are not there."
)


def _by(text: str | None) -> By:
    try:
        return By(text or "day")
    except ValueError:
        raise BadRequestError("query.by", f"by is {printable(text or '')}, not day or month") from None


def _day(name: str) -> Callable[[str | None], date | None]:
    def read(text: str | None) -> date | None:
        if text is None:
            return None
        try:
            day = date.fromisoformat(text) if _DAY.fullmatch(text) else date.min
        except ValueError:
            day = date.min
        if day < _FIRST:
            raise BadRequestError(
                f"query.{name}", f"{name} is {printable(text)}, not a day YYYY-MM-DD from {_FIRST} on"
            )
        return day

    return read


def _media(text: str | None) -> str | None:
    if text not in (None, "json", "csv"):
        raise BadRequestError("query.media", f"media is {printable(text)}, not json or csv")
    return text


BY = Parameter("by", "what one row is the sum of", {"type": "string", "enum": ["day", "month"]}, _by, "day")
FROM = Parameter(
    "from", "the first day; usually 30 days or 12 months ago", {"type": "string", "pattern": _DAY_PATTERN},
    _day("from"), "2026-01-01",
)  # fmt: skip
TO = Parameter("to", "the last day; usually today", {"type": "string", "pattern": _DAY_PATTERN}, _day("to"))
MEDIA = Parameter(
    "media", "in place of the Accept header", {"type": "string", "enum": ["json", "csv"]}, _media, "json"
)
_QUERY = (BY, FROM, TO, MEDIA)
_BAD = ("query.by", "query.from", "query.to", "query.media")

OF_ENTRY = Operation(
    "api.entry.usage",
    "How often an entry was used",
    "`verdicts`: how often it decided whether an image may be started. `downloads`: how often a view led "
    f"to its content. `imports`: stores of cloud sites that said that they have it. {_WHAT}",
    GROUP,
    [DescribedAnswer("The sums.", "EntryUsage", content_types=(JSON, CSV))],
    path=COORDINATES,
    query=_QUERY,
    errors={400: _BAD, 404: ["entry.unknown"], 410: ["entry.erased"]},
)
OF_ENDORSER = Operation(
    "api.endorser.usage",
    "How often an endorser's entries were used",
    f"The sums of all entries of the address that you may see. {_WHAT}",
    GROUP,
    [DescribedAnswer("The sums.", "EntryUsage", content_types=(JSON, CSV))],
    path=(EMAIL,),
    query=_QUERY,
    errors={400: _BAD, 404: ["endorser.unknown"]},
)
OF_VIEW = Operation(
    "api.view.usage",
    "How often a view was used",
    "`documents`: how often one of its documents was read. `downloads`: how often it led to content. "
    "`verdicts`, `imports`: those of the images that are in the view now, by the entries that show them, "
    "also through other views; they may be five minutes old, and are left out where you may not read what "
    "the view shows. Members of a group get exact `documents` and `downloads` of its views. Its images may "
    "be of anybody: each image's `verdicts` and `imports` are rounded down to tens, and then added. "
    f"{_WHAT}",
    GROUP,
    [DescribedAnswer("The sums.", "ViewUsage", content_types=(JSON, CSV))],
    path=(VIEW,),
    query=_QUERY,
    errors={400: _BAD, 404: ["view.unknown"], 503: ["view.dialect"]},
)
OPERATIONS = (OF_ENTRY, OF_ENDORSER, OF_VIEW)


@OF_ENTRY.view("entry:read")
def of_entry(request: Request) -> Response:
    """How often an entry was used."""
    entry, _ = find_entry(request, read_coordinates(request))
    email = entry.coordinates.email
    exact = is_exact(request, email)
    return _answer(
        request, OF_ENTRY, lambda usage, span: usage.of_entry(entry.entry_id, email, span, exact=exact)
    )


@OF_ENDORSER.view("endorser:read")
def of_endorser(request: Request) -> Response:
    """How often an endorser's entries were used."""
    email = request.matchdict["email"]
    with visible_entries(request) as visible:
        if visible.endorser(email) is None:
            raise NotFoundError("endorser.unknown", "no entry of this endorser is known")
    exact = is_exact(request, email)
    return _answer(request, OF_ENDORSER, lambda usage, span: usage.of_endorser(email, span, exact=exact))


@OF_VIEW.view("entry:read")
def of_view(request: Request) -> Response:
    """How often a view was used."""
    definition = find_definition(request)
    view = find_contents(request, definition)
    return _answer(
        request, OF_VIEW, lambda usage, span: find_view_usage(request, usage, span, definition, view)
    )


def _answer(request: Request, operation: Operation, find: Callable[[Usage, Span], Figures]) -> Response:
    asked = operation.read(request)
    offer = choose(request, asked[MEDIA], _OFFERS)
    runtime: Runtime = request.registry[Runtime]
    today = runtime.now().date()
    span = _span(asked[BY], asked[FROM], asked[TO], today)
    with runtime.database.read() as session:
        found = find(Usage(session, principal_of(request), today), span)
    if offer.media is Media.CSV:
        return fresh_response(request, to_csv(found), CSV)
    body = {
        "by": span.by.value,
        "from": span.first.isoformat(),
        "to": span.last.isoformat(),
        "exact": found.exact,
        "rounded": list(found.rounded),
        "total": dict(found.total),
        "periods": [{"period": one.name, **one.sums} for one in found.periods],
    }
    return fresh(request, body)


def _span(by: By, first: date | None, last: date | None, today: date) -> Span:
    last = last or today
    first = first or last_days(by, last).first
    if first > last:
        raise BadRequestError("query.from", f"from is {first}, after to, which is {last}")
    if (last - first).days > MOST_DAYS:
        raise BadRequestError("query.from", f"at most {MOST_DAYS} days are told at once: ask for fewer")
    return Span(by, first, last)


def to_csv(found: Figures) -> bytes:
    """Sums as CSV (RFC 4180), a row for each period."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\r\n")
    lines.writerow(["period", *found.names])
    rows: list[list[Any]] = [[one.name, *(one.sums[name] for name in found.names)] for one in found.periods]
    lines.writerows(rows)
    return written.getvalue().encode()
