"""``marketplace site init`` and ``check``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.site.common import config_option, read_site
from marketplace.cli.streams import say
from marketplace.moments import counted


@examples("marketplace site init --name cloud-1 --from https://marketplace.example.org")
@click.command()
@config_option
@click.option(
    "--name", default="my-site", show_default=True, help="Name of the site, which is part of its key."
)
@click.option("--from", "url", metavar="URL", help="URL of a marketplace to follow; its key is shown.")
@click.option("--yes", is_flag=True, help="Accept the key without asking, after you have compared it.")
def init(config: Path | None, name: str, url: str | None, yes: bool) -> None:
    """Write a commented site.toml, and make the site's key next to it.

    A marketplace's key is shown as the connection delivers it: compare it with the key that the
    marketplace's operator gave you, before you answer yes.
    """
    from marketplace.receipts import is_site_name
    from marketplace.sites.template import KEY_FILE, find_log_key, template

    target = config or Path("site.toml")
    if target.exists():
        raise CommandError(f"{target} exists already", ExitCode.CONFLICT)
    if not is_site_name(name):
        raise CommandError("a site's name is 1-63 letters, digits and . _ -", ExitCode.USAGE)
    key = None
    if url is not None:
        key = find_log_key(url)
        if key is None:
            say(f"{url} publishes no signed log, so lost entries are noticed by their number only.")
        else:
            say(f"the key of its published log is {key}")
            if not yes and not (sys.stdin.isatty() and click.confirm("Is this key right?", err=True)):
                raise CommandError("the key was not confirmed; nothing was written (--yes)", ExitCode.USAGE)
    with target.open("x", encoding="utf-8") as file:
        file.write(template(name, url, key))
    key_file = target.with_name(KEY_FILE)
    if not key_file.exists():
        _make_key(key_file, name)
    say(f"wrote {target}; change it, then: marketplace site check")


@examples(
    "marketplace site key",
    "marketplace site key --new",
)
@click.command()
@config_option
@click.option("--new", is_flag=True, help="Make a key first; an existing key is never replaced.")
def key(config: Path | None, new: bool) -> None:
    """Show the public key with which the site signs its receipts.

    A marketplace binds this key to the site's token at the first receipt.
    """
    from marketplace.sites.site_key import read_site_key

    table = read_site(config).table
    if table.receipts is None:
        raise CommandError("the configuration has no table [receipts]", ExitCode.USAGE)
    if new:
        _make_key(table.receipts.key_file, table.name)
    click.echo(str(read_site_key(table.receipts.key_file, table.name).verifier))


def _make_key(file: Path, name: str) -> None:
    from marketplace.sites.site_key import make_site_key

    try:
        make_site_key(file, name)
    except FileExistsError:
        raise CommandError(f"{file} exists already; nothing was written", ExitCode.CONFLICT) from None
    say(f"made the key of {name} in {file}")


@examples(
    "marketplace site check",
    "marketplace site check --probe",
)
@click.command()
@config_option
@output_option
@click.option("--probe", is_flag=True, help="Also test that libvirt refuses a test domain.")
@click.option("--hooks", type=click.Path(path_type=Path), help="Directory of libvirt's hooks.", metavar="DIR")
def check(config: Path | None, output: Format, probe: bool, hooks: Path | None) -> None:
    """Check everything that the site depends on. Ends with 5 if anything is wrong."""
    from marketplace.sites.decisions.hook import FOLDER
    from marketplace.sites.site_check import check_site

    found = list(check_site(read_site(config), probe=probe, hooks=hooks or FOLDER))
    records = [
        {"what": one.what, "found": one.found, "ok": one.fault is None, "fault": one.fault} for one in found
    ]
    write_records(records, ("ok", "what", "found", "fault"), output, identify="what")
    wrong = sum(one.fault is not None for one in found)
    if wrong:
        raise CommandError(f"{counted(wrong, 'thing is', 'things are')} wrong", ExitCode.VERIFICATION_FAILED)
