"""``marketplace serve``."""

from __future__ import annotations

from pathlib import Path

import click

from marketplace.cli.options import read_settings, settings_options


@click.command(short_help="Run web server and followers in one process.")
@settings_options
@click.option("--port", metavar="NUMBER", help="Port to listen on (setting: server.port; default: 6543).")
def serve(config: Path | None, data: str | None, port: str | None) -> None:
    """Run web server and followers in one process, until SIGTERM or SIGINT."""
    from marketplace import logs
    from marketplace.server import serve as run

    settings = read_settings(config, data, server_port=port)
    logs.configure(settings.log.level, settings.log.format)
    run(settings, ready=lambda address: click.echo(f"marketplace: serving {address}", err=True))
