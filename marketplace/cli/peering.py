"""``marketplace peer``: this site among others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.options import read_settings, settings_options
from marketplace.cli.peers import register

if TYPE_CHECKING:
    from marketplace.federation.keys import SiteKeys


@click.group("peer")
def peer() -> None:
    """Replicate with other marketplaces."""


register(peer)


@peer.command()
@settings_options
@click.option(
    "--origin",
    metavar="NAME",
    help="The site's name among others, for ever (default: the host of site.url), such as mp.example.org.",
)
def init(config: Path | None, data: str | None, origin: str | None) -> None:
    """Make this site's keys, once, and show what peers need of them.

    The keys stay in the data directory, readable by their owner only. Keep a copy
    in a safe place: without them this site cannot go on with its published log.
    """
    from marketplace.federation.keys import create_keys

    settings = read_settings(config, data)
    keys = create_keys(settings.data, origin or urlsplit(settings.site.url).netloc.lower())
    click.echo(f"marketplace: {keys.site} has keys now; restart its server to publish.", err=True)
    _write_keys(keys)


@peer.command("keys")
@settings_options
def show_keys(config: Path | None, data: str | None) -> None:
    """Show the public keys that peers and witnesses need."""
    from marketplace.federation.keys import load_keys

    keys = load_keys(read_settings(config, data).data)
    if keys is None:
        raise CommandError(
            "this site has no keys yet: 'marketplace peer init' makes them", ExitCode.NOT_FOUND
        )
    _write_keys(keys)


def _write_keys(keys: SiteKeys) -> None:
    for name, key in (("log", keys.log.verifier), ("auth", keys.auth.verifier), ("witness", keys.witness)):
        click.echo(f"{name:<8}{key}")
