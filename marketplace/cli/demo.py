"""``marketplace demo``."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from marketplace.cli.database import open_database, open_ingest
from marketplace.cli.examples import examples
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.streams import say
from marketplace.moments import counted


@examples(
    "marketplace demo",
    "marketplace demo --data ./var",
)
@click.command()
@settings_options
def demo(source: SettingsSource) -> None:
    """Load a small demo catalogue of signed entries.

    The first call makes the keys, a draft to sign and the signed files, and keeps them in DATA/demo.
    Later calls change nothing.
    """
    from marketplace.demo import load_demo

    settings = source.read()
    with open_database(settings) as database, open_ingest(database, settings) as ingest:
        loaded = load_demo(settings.data / "demo", ingest, datetime.now(UTC))
    entries = counted(loaded.entries, "entry", "entries")
    say(
        f"demo catalogue of {entries} ({loaded.created} new); "
        f"keys and a draft to sign are in {loaded.directory}."
    )
