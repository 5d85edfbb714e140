"""``marketplace site hook``: has libvirt ask the site before it starts a domain."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.site.common import config_option, read_site
from marketplace.cli.streams import say
from marketplace.cli.whole_help import WholeGroup


@examples(
    "marketplace site hook install libvirt",
    "marketplace site hook test",
)
@click.group(cls=WholeGroup)
def hook() -> None:
    """Manage the hook with which libvirt asks the site before it starts a domain."""


@examples(
    "marketplace site hook install libvirt",
    "marketplace site hook install libvirt --when-down allow",
)
@hook.command()
@config_option
@click.argument("driver", type=click.Choice(["libvirt"]))
@click.option(
    "--when-down",
    type=click.Choice(["refuse", "allow"]),
    default="refuse",
    show_default=True,
    help="What the hook answers if no daemon answers and the verdict file is missing or too old.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Directory of the hook; default: /etc/libvirt/hooks/qemu.d",
    metavar="DIR",
)
def install(
    config: Path | None, driver: str, when_down: Literal["refuse", "allow"], folder: Path | None
) -> None:
    """Install the hook; hooks of your own stay as they are."""
    from marketplace.sites.decisions.hook import FOLDER, hook_text, install_hook

    configuration = read_site(config)
    table = configuration.table
    why = f"marketplace site why --config {configuration.file.absolute()}"
    migrations = table.decision.refuse_migrations
    text = hook_text(table.run.absolute(), when_down, why, refuse_migrations=migrations)
    path = install_hook(folder or FOLDER, text)
    say(f"wrote {path}.")
    say(
        "reload libvirtd to use the hook: systemctl reload libvirtd; then test it: marketplace site hook test"
    )


@examples("marketplace site hook test --uri qemu:///system")
@hook.command()
@config_option
@click.option("--uri", help="URI of the libvirt daemon; default: that of the first libvirt store.")
def test(config: Path | None, uri: str | None) -> None:
    """Prove that libvirt calls the hook: it has to refuse a test domain. Ends with 5 if it does not."""
    from marketplace.sites.decisions.hook import prove_hook

    for one in [uri] if uri is not None else libvirt_uris(config):
        say(f"{one}: {prove_hook(one)}")


def libvirt_uris(config: Path | None) -> list[str]:
    """The libvirt daemons of the site's stores.

    Raises:
        CommandError: there is none.
    """
    from marketplace.sites.store_settings import LibvirtTable

    stores = read_site(config).table.store
    found = list(dict.fromkeys(one.uri for one in stores if isinstance(one, LibvirtTable)))
    if not found:
        raise CommandError("the site has no libvirt store; give --uri", ExitCode.USAGE)
    return found
