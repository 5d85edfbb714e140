"""``marketplace publish``: from an image file to an entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from marketplace.cli.examples import examples
from marketplace.cli.keys import KeyFiles, key_options
from marketplace.cli.options import audience_option, endpoint_option, open_client
from marketplace.cli.output import Format, output_option, write_record
from marketplace.cli.publication import Publication, PublicationOrder
from marketplace.cli.publish_facts import get_facts
from marketplace.cli.publish_options import read_terms, term_options
from marketplace.publishing.work import Work
from validators import vocabulary as v
from validators.lxd import architectures, find_architecture

_WORK = ".marketplace"


@examples(
    'marketplace publish debian-13.qcow2 --tag debian-13 --title "Debian 13" \\\n'
    "    --location https://images.example.org/debian-13.qcow2 \\\n"
    "    --os debian --os-version 13 --arch x86_64 --valid 180d \\\n"
    "    --licence CC0-1.0 --cert me.cert.pem --key me.key.pem",
    "marketplace publish debian-13.1.qcow2 --like me@example.org/debian-13 --p12 me.p12",
)
@click.command()
@endpoint_option
@output_option
@key_options
@term_options
@audience_option
@click.option(
    "--from-json",
    metavar="FACTS",
    help="Facts of the image, as `describe -o json` writes them, in place of IMAGE; or Packer's manifest, "
    "whose image file is read.",
)
@click.option(
    "--like",
    metavar="ENTRY|TAG",
    help="Copy all other terms from this earlier entry, and state that the new entry replaces it.",
)
@click.option("--email", metavar="ADDRESS", help="The endorser's address, if the certificate contains none.")
@click.option(
    "--lxd",
    is_flag=True,
    help="Also sign the fingerprint by which LXD and Incus take this qcow2 disk from lists: one more digest. "
    "Needs --arch.",
)
@click.option("--edit", is_flag=True, help="Edit the draft in $EDITOR before it is checked.")
@click.option("--dry-run", is_flag=True, help="Do everything but sign and upload; needs no key.")
@click.option("--yes", is_flag=True, help="Ask nothing on a terminal.")
@click.option("--no-look", is_flag=True, help="Do not check the locations.")
@click.option(
    "--allow-private",
    multiple=True,
    metavar="NETWORK",
    help="Internal network or host that locations may lead to. Repeatable.",
)
@click.option(
    "--work",
    metavar="DIR",
    default=_WORK,
    show_default=True,
    type=click.Path(path_type=Path),
    help="Directory for the files of each step.",
)
@click.argument("image", required=False)
def publish(
    endpoint: str | None,
    output: Format,
    keys: KeyFiles,
    settings: tuple[str, ...],
    audience: str | None,
    from_json: str | None,
    like: str | None,
    email: str | None,
    lxd: bool,
    edit: bool,
    dry_run: bool,
    yes: bool,
    no_look: bool,
    allow_private: tuple[str, ...],
    work: Path,
    image: str | None,
    **values: Any,
) -> None:
    """Publish an image: read the file, write a draft, check it, sign it and upload it.

    On a terminal it asks for what is missing, and before it signs; in a pipe it never asks. If it
    is interrupted, or the marketplace is down, the same command continues where it stopped. What is
    published already is not published again.
    """
    if (image is None) == (from_json is None):
        raise click.UsageError("name the IMAGE, or its facts with --from-json", click.get_current_context())
    order = PublicationOrder(image, like, email, audience, edit, dry_run, yes, not no_look, allow_private)
    now = datetime.now(UTC)
    terms = read_terms(values, settings, now)
    architecture = _lxd_architecture(terms) if lxd else None
    identity = None if dry_run and not keys.named else keys.load()
    with ExitStack() as stack:
        client = stack.enter_context(open_client(endpoint))
        facts, at_hand = get_facts(image, from_json, Work(work), architecture)
        order = replace(order, image=at_hand)
        own = stack.enter_context(Work(work).image(facts.identifier))
        run = Publication(order, client, own, facts, identity, now)
        told = run.run(terms)
        if output == "table":
            told.pop("advice")  # was told line by line already
        write_record(told, output, identify="entry")


def _lxd_architecture(terms: Mapping[str, Sequence[str]]) -> str:
    """The architecture that ``--arch`` says, as LXD has it."""
    said = next(iter(terms.get(v.OS_ARCH, ())), "")
    found = find_architecture(said)
    if found is None:
        known = ", ".join(architectures())
        raise click.UsageError(f"--lxd needs --arch with one of {known}", click.get_current_context())
    return found
