"""Lists in the DataTables 1.9 server-side protocol, which the original service's pages speak."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from marketplace.entries import EntryRow
from marketplace.http.errors import BadRequestError
from validators.document import format_time
from validators.errors import printable

#: Shown by the table where it has no rows; the original sends it with every answer.
_EMPTY_MESSAGE = "no metadata matching query found"


def to_datatables(fields: Mapping[str, str], rows: Iterable[EntryRow], total: int, matching: int) -> bytes:
    """Write a page of a list.

    Args:
        fields: of the request, for the number to echo.
        total: entries in the list.
        matching: of those, how many match the searches.

    Raises:
        BadRequestError: the number to echo is no number.
    """
    answer = {
        "sEcho": _echo(fields),
        "iTotalRecords": total,
        "iTotalDisplayRecords": matching,
        "rMsg": _EMPTY_MESSAGE,
        "aaData": [_cells(row) for row in rows],
    }
    return json.dumps(answer, ensure_ascii=False).encode()


def _echo(fields: Mapping[str, str]) -> str:
    echo = fields.get("sEcho") or "null"
    # Echoed text could be script to somebody; the protocol wants a number.
    if echo == "null" or (echo.isascii() and echo.isdigit() and len(echo) <= 19):
        return echo
    raise BadRequestError("query.sEcho", f"sEcho is {printable(echo)}, expected a whole number")


def _cells(row: EntryRow) -> list[str]:
    cells = (
        row.os,
        row.os_version,
        row.os_arch,
        row.email,
        row.kind,
        format_time(row.created),
        row.identifier,
        row.location,
        row.description,
        row.title,
    )
    return ["", *("null" if cell is None else cell for cell in cells)]
