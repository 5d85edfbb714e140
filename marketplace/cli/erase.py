"""``marketplace erase``."""

from __future__ import annotations

import click

from marketplace.cli.database import open_database
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.operator import actor
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.moments import utc_now


@examples(
    "marketplace erase MMZu9WvwKIro-rtBQfDk4PsKO7_/me@example.org/2026-05-01T12:00:00Z \\\n"
    '    --reason "court order 7/2026"',
)
@click.command()
@settings_options
@click.argument("entry", metavar="ID")
@click.option("--reason", required=True, help="Reason, shown to everybody who asks for the entry.")
def erase(source: SettingsSource, entry: str, reason: str) -> None:
    """Erase the content of an entry permanently, in all logs, for example after a legal request.

    ID is an entry id, or IDENTIFIER/EMAIL/CREATED for all entries with these coordinates. Entries
    with the same content under another certificate are erased too. The log still shows that there
    was an entry; its URL answers 410 with the reason. A running server stops showing it within a
    minute. Other marketplaces, backups and caches keep their copies.
    """
    from marketplace.catalogue.snapshot import delete_snapshot
    from marketplace.ingest.erasing import ErasingService
    from validators.document import Coordinates
    from validators.times import parse_time

    which: str | Coordinates = entry
    if "/" in entry:
        identifier, _, rest = entry.partition("/")
        email, _, created = rest.rpartition("/")
        try:
            which = Coordinates(identifier, email, parse_time(created))
        except ValueError:
            raise CommandError("ID is an entry id or IDENTIFIER/EMAIL/CREATED", ExitCode.USAGE) from None
    settings = source.read()
    with open_database(settings) as database:
        service = ErasingService(database, utc_now, forget=lambda places: delete_snapshot(settings.data))
        erased = service.erase(which, reason, actor())
    for entry_id in erased:
        click.echo(entry_id)
