"""Results on standard output, in the form that ``-o`` asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Literal

import click

from marketplace.cli.colours import cell
from marketplace.cli.streams import can_show, say
from marketplace.logs import printable
from marketplace.moments import written_for_people

Format = Literal["table", "json", "yaml", "id"]
FORMATS = ("table", "json", "yaml", "id")
Record = Mapping[str, Any]

#: Bytes of results that are kept in memory before they go into a file without a name.
_IN_MEMORY = 8 * 1_048_576
_GAP = "  "
#: Characters of a column. A longer cell is not cut, its row only stands out of line: it may be a URL.
_WIDEST = 60


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-o`` to a command; its parameter is ``output``."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How results are written; id: names only, one per line. Times in tables are for "
        "people; json and yaml have exact ones.",
    )(function)


def document_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``-o`` to a command whose result is no entry; its parameter is ``output``."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice([form for form in FORMATS if form != "id"]),
        default="table",
        show_default=True,
        help="How the result is written.",
    )(function)


def write_records(
    records: Iterable[Record], columns: Sequence[str], output: Format, identify: str, *, none: str = ""
) -> None:
    """Write a list of results, all of them or none: whoever reads half a list could take it for the whole.

    Args:
        records: may come one by one from a server; nothing is written where that fails.
        columns: keys that a table shows, in order.
        identify: key whose value ``-o id`` writes, one a line; records without it are left out.
        none: what people are told where there are no results.
    """
    with _kept(records) as (kept, count):
        if output == "id":
            for record in _read(kept):
                if record.get(identify):
                    click.echo(printable(str(record[identify])))
        elif output == "table":
            if count:
                _write_table(kept, columns)
        elif output == "json":
            _write_array(_read(kept))
        else:
            for record in _read(kept):
                click.echo(_yaml([record]), nl=False)
            if not count:
                click.echo("[]")
    if none and not count:
        say(none)


def write_record(record: Record, output: Format, identify: str = "") -> None:
    """Write one result: a table has a line for each field.

    Args:
        identify: key whose value ``-o id`` writes, where the command has that form.
    """
    if output == "id":
        if record[identify]:
            click.echo(printable(str(record[identify])))
    elif output == "table":
        width = max(len(name) for name in record)
        for name, value in record.items():
            for number, line in enumerate(_lines(value)):
                click.echo(f"{name if number == 0 else '':<{width}}{_GAP}{cell(name, line)}".rstrip())
    else:
        _write_document(dict(record), output)


@contextmanager
def _kept(records: Iterable[Record]) -> Iterator[tuple[IO[bytes], int]]:
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as kept:
        count = 0
        for record in records:
            kept.write(json.dumps(dict(record), default=str).encode() + b"\n")
            count += 1
        yield kept, count


def _read(kept: IO[bytes]) -> Iterator[dict[str, Any]]:
    kept.seek(0)
    for line in kept:
        yield json.loads(line)


def _write_document(document: Any, output: Format) -> None:
    click.echo(json.dumps(document, indent=2, default=str) if output == "json" else _yaml(document).rstrip())


def _write_array(records: Iterator[Record]) -> None:
    """A JSON array as ``json.dumps`` lays it out, without holding it."""
    mark = "["
    for record in records:
        lines = json.dumps(record, indent=2).splitlines()
        click.echo(mark + "".join(f"\n  {line}" for line in lines), nl=False)
        mark = ","
    click.echo("[]" if mark == "[" else "\n]")


def _yaml(document: Any) -> str:
    import yaml  # only this format needs it

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    if text.replace("\n", "").isprintable() and can_show(text):
        return text
    # Characters that hide or reorder text are spelled out, as everywhere; the library spells all or none.
    spelled: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=False)
    return spelled


def _write_table(kept: IO[bytes], columns: Sequence[str]) -> None:
    titles = [name.upper().replace("_", " ") for name in columns]
    widths = [len(title) for title in titles]
    for record in _read(kept):
        widths = [
            max(width, len(_cell(record.get(name)))) for width, name in zip(widths, columns, strict=True)
        ]
    widths = [min(width, _WIDEST) for width in widths[:-1]] + [0]
    rows = ([_cell(record.get(name)) for name in columns] for record in _read(kept))
    for row in chain([titles], rows):
        cells = [f"{text:<{width}}" for text, width in zip(row, widths, strict=True)]
        # What ends in a colour does not end in blanks: the last column has none.
        click.echo(_GAP.join(map(cell, columns, cells)).rstrip())


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, "") else printable(_dated(" ".join(str(value).split())))


def _dated(text: str) -> str:
    return written_for_people(text, datetime.now(UTC))


def _lines(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [_cell(each) for each in value] or ["-"]
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    text = "-" if value in (None, "") else str(value)
    return [printable(_dated(line)) for line in text.splitlines()] or ["-"]
