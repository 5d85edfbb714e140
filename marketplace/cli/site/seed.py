"""``marketplace site seed``: what a machine is told at its first start."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_bounded
from marketplace.cli.site.common import config_option, read_site
from marketplace.cli.site.why_may_start import ask_now
from marketplace.cli.streams import say


@examples(
    "marketplace site seed MMZu9WvwKIro-rtBQfDk4PsKO7_ --user-data user-data.yaml --out seed.iso \\\n"
    "    --hostname web-1",
)
@click.command()
@config_option
@click.option(
    "--user-data",
    type=click.Path(path_type=Path),
    help="File of user data for cloud-init; default: the user data of the context.",
)
@click.option(
    "--context",
    type=click.Path(path_type=Path),
    metavar="DISK",
    help="Disk or folder with a context of StratusLab, OpenNebula or HEPiX, which is copied to the seed.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="ISO", help="ISO file to write."
)
@click.option("--hostname", default="machine", show_default=True, help="Host name of the machine.")
@click.option("--instance", help="Id of the machine; default: a new one each time.")
@click.argument("image")
def seed(
    config: Path | None,
    user_data: Path | None,
    context: Path | None,
    out: Path,
    hostname: str,
    instance: str | None,
    image: str,
) -> None:
    """Write a seed for cloud-init (NoCloud), for a machine that will start from an image.

    Attach it as a second disk. With --context the files of an existing context are copied to it too, and
    the names that they set are shown; none of them is run. Ends with 6 if no machine may start from the
    image.
    """
    from marketplace.sites.contextualization import read_context
    from marketplace.sites.seed import MOST_USER_DATA, make_seed

    answer = ask_now(read_site(config), f"id:{image}")
    if not answer.allowed or not answer.known:
        raise CommandError(f"{image}: {answer.reason}", ExitCode.REFUSED_BY_POLICY)
    kept = None if context is None else read_context(context)
    data = kept.user_data if kept is not None else None
    if user_data is not None:
        data = read_bounded(user_data, MOST_USER_DATA + 1)
    if data is None:
        raise CommandError(
            "give --user-data FILE" + ("; the context has none" if kept is not None else ""),
            ExitCode.USAGE,
        )
    files = {} if kept is None else kept.files
    make_seed(data, instance or f"{image}-{secrets.token_hex(4)}", hostname, out, files)
    if kept is not None:
        say(f"kept {', '.join(sorted(kept.files))} of {context}")
        # Values may be passwords.
        say(f"context.sh sets {', '.join(kept.variables) or 'nothing'}")
    say(f"wrote {out}; cloud-init reads it as a disk with the label cidata.")
