"""``marketplace demo``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from marketplace.cli.database import open_database, open_ingest
from marketplace.cli.examples import examples
from marketplace.cli.options import read_settings, settings_options
from marketplace.demo import load_demo


@examples(
    "marketplace demo",
    "marketplace demo --data ./var",
)
@click.command(short_help="Load a demo catalogue, once.")
@settings_options
def demo(config: Path | None, data: str | None) -> None:
    """Load a small catalogue of entries signed by demo endorsers.

    Keys, a draft to sign, the signed files and tiny images are made on the first
    call and kept in DATA/demo; later calls change nothing.
    """
    settings = read_settings(config, data)
    with open_database(settings) as database, open_ingest(database, settings) as ingest:
        loaded = load_demo(settings.data / "demo", ingest, datetime.now(UTC))
    click.echo(
        f"marketplace: demo catalogue of {loaded.entries} entries ({loaded.created} new); "
        f"keys and a draft to sign are in {loaded.directory}.",
        err=True,
    )
