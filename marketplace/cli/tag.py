"""``marketplace tag``: names for an endorser's images that move."""

from __future__ import annotations

import click

from marketplace.cli.examples import examples
from marketplace.cli.extend_deprecate import Revision, revise, revision_options
from marketplace.cli.failures import CommandError, ExitCode
from validators.document import AcceptedEntry
from validators.revision import with_tag, without_tag


@examples(
    "marketplace tag --p12 me.p12 MMZu9WvwKIro-rtBQfDk4PsKO7_/me@example.org debian-13",
    "marketplace tag --p12 me.p12 --remove MMZu9WvwKIro-rtBQfDk4PsKO7_/me@example.org debian-13",
)
@click.command()
@click.option("--remove", is_flag=True, help="Remove the tag instead.")
@revision_options
@click.argument("entry", metavar="ID[/EMAIL[/CREATED]]")
@click.argument("tag", metavar="TAG")
def tag(remove: bool, revision: Revision, entry: str, tag: str) -> None:
    """Add a tag to one of your entries, or remove it: fetch, verify, sign again, upload.

    EMAIL/TAG then points to this entry, the newest of yours with the tag. Sites that follow the tag
    get this image next. Everything else in the entry stays as it is.
    """
    if not tag.strip() or tag != tag.strip():
        raise CommandError("TAG: is empty, or has spaces around it", ExitCode.USAGE)

    def change(present: AcceptedEntry) -> bytes:
        if present.metadata.deprecated is not None and not remove:
            raise CommandError("is deprecated, so a tag must not point to it", ExitCode.CONFLICT)
        if (tag in present.metadata.tags) is not remove:
            raise CommandError(
                f"has the tag {tag} already" if not remove else f"does not have the tag {tag}",
                ExitCode.CONFLICT,
            )
        return without_tag(present.data, tag) if remove else with_tag(present.data, tag)

    done = "untagged" if remove else "tagged"
    revise(revision, (entry,), change, done, tag="" if remove else tag)
