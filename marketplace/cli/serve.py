"""``marketplace serve``."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import click

from marketplace.cli.database import open_database
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.options import read_settings, settings_options


@click.command(short_help="Run web server and followers in one process.")
@settings_options
@click.option("--port", metavar="NUMBER", help="Port to listen on (setting: server.port; default: 6543).")
def serve(config: Path | None, data: str | None, port: str | None) -> None:
    """Run web server and followers in one process, until SIGTERM or SIGINT."""
    # Pyramid imports pkg_resources, which warns of its own end; no operator can do anything about it.
    warnings.filterwarnings("ignore", message=".*pkg_resources.*")
    from marketplace import db, logs
    from marketplace.config import in_url
    from marketplace.server import serve as run

    settings = read_settings(config, data, server_port=port)
    db.initialise(settings.database_url)
    with open_database(settings):
        pass  # says what to do where the schema is not the one this version needs
    logs.configure(settings.log.level, settings.log.format)
    try:
        run(settings, ready=_announce)
    except OSError as error:
        if error.filename is not None:
            raise
        address = f"{in_url(settings.server.host)}:{settings.server.port}"
        raise CommandError(
            f"cannot listen on {address}: {(error.strerror or str(error)).lower()}",
            ExitCode.NETWORK_OR_SERVER,
        ) from None


def _announce(address: str) -> None:
    # Where standard error is collected, every line of it is a log event, and there is one for this.
    if sys.stderr.isatty():
        click.echo(f"marketplace: serving {address} (Ctrl-C stops it)", err=True)
