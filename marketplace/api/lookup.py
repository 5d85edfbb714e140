"""The current entries about many images in one request, for programs that know identifiers."""

from __future__ import annotations

from collections.abc import Sequence

from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.errors import BadRequestError
from marketplace.http.visible_entries import visible_entries
from marketplace.runtime import Runtime
from validators.errors import printable
from validators.identifier import is_identifier

from .answers import fresh, site_url
from .description import JSON, DescribedAnswer, Operation
from .json_body import CODES, read_body
from .presenters import Urls, show_line
from .shapes.entries import MOST_IDENTIFIERS, WantedImages

#: Entries of one answer.
MOST_ENTRIES = 5000

LOOKUP = Operation(
    "api.lookup",
    "Current entries by identifiers",
    f"Every current entry about each of up to {MOST_IDENTIFIERS} images, whatever its status and however "
    "this site stands to its endorser: each line says both. An image that is in no line has no entry that "
    f"you may see. An answer has at most {MOST_ENTRIES} entries; the images that it leaves out are in "
    "`left_out`, for the next request.",
    "Entries",
    [DescribedAnswer("The entries, by image.", "Found")],
    method="POST",
    bodies={JSON: WantedImages},
    errors={**CODES, 400: (*CODES[400], "lookup.identifiers")},
)


@LOOKUP.view("entry:read")
def lookup(request: Request) -> Response:
    """The current entries of the images that the body names."""
    wanted = _identifiers(read_body(request, WantedImages).identifiers)
    runtime: Runtime = request.registry[Runtime]
    now, urls = runtime.now(), Urls(site_url(request))
    with visible_entries(request) as visible:
        rows = visible.current_of(wanted, MOST_ENTRIES + 1)
        left_out: list[str] = []
        if len(rows) > MOST_ENTRIES:
            # The last image may be there in part: it and all behind it are for the next request.
            last = rows[-1].identifier
            whole = [row for row in rows if row.identifier < last]
            left_out = [one for one in wanted if one >= last]
            if not whole:  # one image with more entries than an answer has: the newest of them will do
                whole, left_out = list(rows[:MOST_ENTRIES]), [one for one in left_out if one > last]
            rows = whole
        verdicts = runtime.judge.judge_listed(visible, rows, now)
    lines = [show_line(row, row.status(now).value, urls, verdicts.get(row.identifier)) for row in rows]
    return fresh(request, {"total": len(lines), "entries": lines, "left_out": left_out})


def _identifiers(given: Sequence[object]) -> list[str]:
    if len(given) > MOST_IDENTIFIERS:
        raise BadRequestError("lookup.identifiers", f"name at most {MOST_IDENTIFIERS} images")
    for one in given:
        if not isinstance(one, str) or not is_identifier(one):
            raise BadRequestError("lookup.identifiers", f"{printable(one)} is not an identifier")
    return sorted({str(one) for one in given})
