"""``marketplace usage``: how often entries, endorsers and views are used."""

from __future__ import annotations

import csv
import sys
from typing import Any, Literal

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.list_show import find_path
from marketplace.cli.options import endpoint_option, open_client
from marketplace.cli.output import write_record, write_records
from marketplace.cli.streams import say


@examples(
    "marketplace usage me@example.org",
    "marketplace usage me@example.org/debian-13 --by month",
    "marketplace usage --view default -o csv",
)
@click.command()
@endpoint_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="How the result is written.",
)
@click.option(
    "--by",
    type=click.Choice(["day", "month"]),
    default="day",
    show_default=True,
    help="One row for each day or month.",
)
@click.option(
    "--from",
    "first",
    metavar="DAY",
    help="First day (YYYY-MM-DD); default: 30 days ago, by month 12 months ago.",
)
@click.option("--to", "last", metavar="DAY", help="Last day; default: today.")
@click.option("--view", metavar="NAME", help="How often a view was read, in place of ENTRY or EMAIL.")
@click.argument("what", metavar="[ENTRY|EMAIL]", required=False)
def usage(
    endpoint: str | None,
    output: Literal["table", "json", "csv"],
    by: str,
    first: str | None,
    last: str | None,
    view: str | None,
    what: str | None,
) -> None:
    """Show how often an entry, all entries of an EMAIL address, or a view was used.

    Counted are verdicts asked, downloads redirected and imports by cloud sites; for views also
    the documents read. Verdicts and imports of a view are those of the images that it has now.
    Days are days of UTC. With a token of the address, or of an administrator, the figures are
    exact; else they are rounded down to tens, and today is left out.
    """
    if (what is None) == (view is None):
        raise CommandError("name an entry, an e-mail address, or a view with --view", ExitCode.USAGE)
    given = {"by": by, "from": first, "to": last}
    query = {name: value for name, value in given.items() if value is not None}
    with open_client(endpoint) as client:
        if view is not None:
            found = client.usage("view", view, query)
        elif what is not None and "@" in what and "/" not in what:
            found = client.usage("endorser", what, query)
        else:
            found = client.usage("entry", find_path(client, what or ""), query)
    if output == "json":
        write_record(found, "json")
        return
    rows = [*found["periods"]]
    columns = ("period", *found["total"])
    if output == "csv":
        _write_csv(columns, rows)
        return
    total = [{"period": "total", **found["total"]}] if rows else []
    write_records([*rows, *total], columns, "table", identify="period")
    if not rows:
        say("nothing was counted in this time.")
    elif not found.get("exact"):
        rounded = found.get("rounded") or columns[1:]
        which = "figures" if len(rounded) == len(columns) - 1 else " and ".join(rounded)
        say(f"{which} are rounded down to tens, without today.")


def _write_csv(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    lines = csv.writer(sys.stdout, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows([[row.get(name) for name in columns] for row in rows])
