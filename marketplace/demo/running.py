"""Serves the demo catalogue, its authority trusted and its images at hand: the last step of ``make run``."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import click

from marketplace.config import load_settings
from marketplace.demo.content import HOST, start
from marketplace.demo.loading import AUTHORITY, CONTENT, PORT

_COMMAND = (sys.executable, "-c", "from marketplace.cli import main; main()", "serve")


def main() -> None:
    """Become ``marketplace serve``, with the settings of the demo where the environment says nothing else."""
    config = os.environ.get("MARKETPLACE_CONFIG")
    demo = load_settings(None if config is None else Path(config), os.environ, {}).data / "demo"
    settings = {
        "LOG_FORMAT": "text",
        "TRUST_ANCHORS": str(demo / AUTHORITY),
        # The one site whose content server is on loopback.
        "WATCH_ENABLED": "true",
        "WATCH_ALLOW_PRIVATE": HOST,
        "WATCH_PAUSE": "0.1",
    }
    try:
        port = int((demo / PORT).read_text())
    except (FileNotFoundError, ValueError):
        # Made before the demo had images, or damaged.
        raise SystemExit(
            f"marketplace: the demo in {demo} is of another version; remove {demo.parent} and start again."
        ) from None
    if start(demo / CONTENT, port):
        click.echo(f"marketplace: the demo's images are at http://{HOST}:{port}/", err=True)
    else:
        click.echo(
            f"marketplace: port {port} is taken, so the demo's images cannot be downloaded; "
            "stop what listens there and start again.",
            err=True,
        )
    click.echo("marketplace: starting; every entry is checked once, which takes a few seconds ...", err=True)
    defaults = {f"MARKETPLACE_{name}": value for name, value in settings.items()}
    os.execve(sys.executable, list(_COMMAND), {**defaults, **os.environ})  # noqa: S606  # our own command


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*pkg_resources.*")
    main()
