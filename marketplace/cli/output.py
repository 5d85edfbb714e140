"""Results on standard output, in the form that ``-o`` asks for."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import click

from marketplace.logs import printable

Format = Literal["table", "json", "yaml", "id"]
FORMATS = ("table", "json", "yaml", "id")
Record = Mapping[str, Any]

_GAP = "  "
_MIN_COLUMN = 8


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-o`` to a command; its parameter is ``output``."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How results are written; id: one ID/EMAIL/CREATED a line.",
    )(function)


def write_records(records: Sequence[Record], columns: Sequence[str], output: Format, identify: str) -> None:
    """Write a list of results.

    Args:
        columns: keys that a table shows, in order.
        identify: key whose value ``-o id`` writes, one a line; records without it are left out.
    """
    if output == "id":
        for record in records:
            if record.get(identify):
                click.echo(printable(str(record[identify])))
    elif output == "table":
        if records:
            _write_table(records, columns)
    else:
        _write_document([dict(record) for record in records], output)


def write_record(record: Record, output: Format, identify: str) -> None:
    """Write one result: a table has a line for each field."""
    if output == "id":
        click.echo(printable(str(record[identify])))
    elif output == "table":
        width = max(len(name) for name in record)
        for name, value in record.items():
            for number, line in enumerate(_lines(value)):
                click.echo(f"{name if number == 0 else '':<{width}}{_GAP}{line}".rstrip())
    else:
        _write_document(dict(record), output)


def _write_document(document: Any, output: Format) -> None:
    if output == "json":
        click.echo(json.dumps(document, indent=2, default=str))
    else:
        import yaml  # only this format needs it

        click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)


def _write_table(records: Sequence[Record], columns: Sequence[str]) -> None:
    rows = [[_cell(record.get(name)) for name in columns] for record in records]
    titles = [name.upper().replace("_", " ") for name in columns]
    widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(len(columns))]
    if sys.stdout.isatty():
        # On a terminal the last column gives way; a pipe gets every character.
        room = shutil.get_terminal_size().columns - sum(widths[:-1]) - len(_GAP) * (len(columns) - 1)
        widths[-1] = min(widths[-1], max(room, _MIN_COLUMN))
    for row in [titles, *rows]:
        cells = [f"{_fit(cell, width):<{width}}" for cell, width in zip(row, widths, strict=True)]
        click.echo(_GAP.join(cells).rstrip())


def _fit(cell: str, width: int) -> str:
    return cell if len(cell) <= width else cell[: width - 1] + "…"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, "") else printable(" ".join(str(value).split()))


def _lines(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [_cell(each) for each in value] or ["-"]
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    text = "-" if value in (None, "") else str(value)
    return [printable(line) for line in text.splitlines()] or ["-"]
