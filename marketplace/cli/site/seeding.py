"""``marketplace site seed``: what a machine is told at its first start."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_bounded
from marketplace.cli.site.asking import ask_now
from marketplace.cli.site.common import config_option, read_site


@examples(
    "marketplace site seed MMZu9WvwKIro-rtBQfDk4PsKO7_ --user-data user-data.yaml --out seed.iso \\\n"
    "    --hostname web-1",
)
@click.command()
@config_option
@click.option(
    "--user-data", required=True, type=click.Path(path_type=Path), help="File of user data for cloud-init."
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="ISO", help="ISO file to write."
)
@click.option("--hostname", default="machine", show_default=True, help="Host name of the machine.")
@click.option("--instance", help="Id of the machine; default: a new one each time.")
@click.argument("image")
def seed(
    config: Path | None, user_data: Path, out: Path, hostname: str, instance: str | None, image: str
) -> None:
    """Write a seed for cloud-init (NoCloud), for a machine that will start from an image.

    Attach it as a second disk. Refused (6) if no machine may start from the image.
    """
    from marketplace.sites.context import MOST_USER_DATA, make_seed

    answer = ask_now(read_site(config), f"id:{image}")
    if not answer.allowed or not answer.known:
        raise CommandError(f"{image}: {answer.reason}", ExitCode.REFUSED_BY_POLICY)
    data = read_bounded(user_data, MOST_USER_DATA + 1)
    make_seed(data, instance or f"{image}-{secrets.token_hex(4)}", hostname, out)
    click.echo(f"marketplace: wrote {out}; cloud-init reads it as a disk with the label cidata.", err=True)
