"""``marketplace site init`` and ``check``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.site.common import config_option, read_site
from marketplace.logs import printable


@click.command()
@config_option
@click.option("--from", "url", metavar="URL", help="Marketplace to follow; its published key is shown.")
@click.option("--yes", is_flag=True, help="Take the key without asking: you compared it by other means.")
def init(config: Path | None, url: str | None, yes: bool) -> None:
    """Write a commented site.toml.

    The key that a marketplace tells is worth no more than the connection: compare it with what
    the marketplace's operator gives you, before you say yes.
    """
    from marketplace.sites.template import find_log_key, template

    target = config or Path("site.toml")
    if target.exists():
        raise CommandError(f"{target} is there already", ExitCode.CONFLICT)
    key = None
    if url is not None:
        key = find_log_key(url)
        if key is None:
            click.echo(
                "marketplace: it publishes no log; a log that shrinks is found out by its size only.",
                err=True,
            )
        else:
            click.echo(printable(f"marketplace: the key of its published log is\n  {key}"), err=True)
            if not yes and not (sys.stdin.isatty() and click.confirm("Is that its key?", err=True)):
                raise CommandError("the key was not confirmed; nothing was written (--yes)", ExitCode.USAGE)
    with target.open("x", encoding="utf-8") as file:
        file.write(template(url, key))
    click.echo(f"marketplace: wrote {target}; change it, then: marketplace site check", err=True)


@click.command()
@config_option
@output_option
@click.option("--probe", is_flag=True, help="Also have libvirt refuse a canary domain.")
@click.option(
    "--hooks", type=click.Path(path_type=Path), help="Where libvirt keeps its hooks.", metavar="DIR"
)
def check(config: Path | None, output: Format, probe: bool, hooks: Path | None) -> None:
    """Look at everything that the site rests on. Ends with 5 if anything is wrong."""
    from marketplace.sites.checking import check_site
    from marketplace.sites.decisions.hook import FOLDER

    found = list(check_site(read_site(config), probe=probe, hooks=hooks or FOLDER))
    records = [
        {"what": one.what, "found": one.found, "ok": one.fault is None, "fault": one.fault} for one in found
    ]
    write_records(records, ("ok", "what", "found", "fault"), output, identify="what")
    wrong = sum(one.fault is not None for one in found)
    if wrong:
        raise CommandError(f"{wrong} things are wrong", ExitCode.VERIFICATION_FAILED)
