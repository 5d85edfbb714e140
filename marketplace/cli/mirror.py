"""``marketplace mirror``: what others publish, said again by oneself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from marketplace.cli.batch_result import BatchResult
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.keys import KeyFiles, key_options
from marketplace.cli.options import audience_option, endpoint_option, open_client
from marketplace.cli.output import Format, output_option
from marketplace.cli.whole_help import WholeGroup

_FILE = click.Path(path_type=Path)


@examples("marketplace mirror vendor --settings vendors.toml --p12 me.p12")
@click.group(cls=WholeGroup)
def mirror() -> None:
    """Publish images of others under your own key."""


@examples(
    "marketplace mirror vendor --settings vendors.toml --dry-run",
    "marketplace mirror vendor --settings vendors.toml --p12 me.p12 --only debian-13",
)
@mirror.command()
@endpoint_option
@output_option
@key_options
@audience_option
@click.option(
    "--settings",
    metavar="FILE",
    required=True,
    type=_FILE,
    help="TOML with a [[vendor]] table for each image.",
)
@click.option("--email", metavar="ADDRESS", help="The endorser's address, if the certificate contains none.")
@click.option("--only", metavar="NAME", multiple=True, help="This vendor only. Repeatable.")
@click.option("--dry-run", is_flag=True, help="Read and verify everything, sign and upload nothing.")
@click.option(
    "--work",
    metavar="DIR",
    default=".marketplace",
    show_default=True,
    type=_FILE,
    help="Directory for the dates of the catalogues read before.",
)
def vendor(
    endpoint: str | None,
    output: Format,
    keys: KeyFiles,
    audience: str | None,
    settings: Path,
    email: str | None,
    only: tuple[str, ...],
    dry_run: bool,
    work: Path,
) -> None:
    """Keep vendors' images current: verify the signed catalogue, read the newest image once, publish it.

    An image that is published already is not read again, so the command can run every hour. Images
    that the vendor no longer lists are deprecated if the settings say so. Every vendor is tried; if
    only some of several succeeded, the exit code is 9.
    """
    from marketplace.vendors.fetching import VendorReader
    from marketplace.vendors.mirroring import VendorMirror
    from marketplace.vendors.settings import read_settings

    vendors = [one for one in read_settings(settings) if not only or one.name in only]
    if not vendors:
        raise CommandError("--only names no vendor of the settings", ExitCode.USAGE)
    identity = None if dry_run and not keys.named else keys.load()
    address = (identity.email if identity is not None else None) or email
    if address is None:
        raise CommandError("nobody says who endorses: give a key, or --email", ExitCode.USAGE)
    results = BatchResult(len(vendors), "vendors", "mirrored")
    with open_client(endpoint) as client, VendorReader() as reader:
        signs = None if dry_run else identity
        run = VendorMirror(client, reader, signs, address, work / "vendors", datetime.now(UTC), audience)
        for one in vendors:
            try:
                for told in run.run(one):
                    results.succeed(told)
            except Exception as error:  # told of this vendor; the others go on
                results.fail(one.name, error)
    results.finish(("vendor", "version", "outcome", "entry"), output)
