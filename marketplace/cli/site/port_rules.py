"""``marketplace site rules``: the ports that an image asks for, as rules of firewalls."""

from __future__ import annotations

from pathlib import Path

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.site.common import config_option, judge_image, open_state, read_site
from marketplace.cli.streams import say

_KINDS = ("neutron", "openstack", "nft", "nwfilter")


@examples(
    "marketplace site rules MMZu9WvwKIro-rtBQfDk4PsKO7_ --as nft",
    "marketplace site rules MMZu9WvwKIro-rtBQfDk4PsKO7_ --as openstack > rules.sh",
)
@click.command()
@config_option
@click.option("--as", "kind", type=click.Choice(_KINDS), required=True, help="Form of the rules.")
@click.argument("image")
def rules(config: Path | None, kind: str, image: str) -> None:
    """Write the ports that an image asks for as firewall rules, within the limits of [network].

    Nothing is applied: pipe the output. Ports that are left out are named on standard error.
    """
    from marketplace.sites.network.rules import rules_of
    from marketplace.sites.network.writers import WRITERS

    configuration = read_site(config)
    with open_state(configuration) as state:
        if image not in state.evidence.identifiers():
            raise CommandError(f"{image} is not an image that this site knows", ExitCode.NOT_FOUND)
        verdicts = judge_image(configuration, state, image)
        verdict = verdicts.latest[image]
        if not verdict.allowed or verdict.entry is None:
            raise CommandError(f"{image}: {verdict.reason}", ExitCode.REFUSED_BY_POLICY)
        found = rules_of(verdicts.entry(verdict.entry.entry_id), configuration.table.network)
    for one in found.left_out:
        say(f"left out: {one}")
    if kind == "neutron" and found.outbound is not None:
        say("first delete the egress rules of the new group: they let everything out.")
    click.echo(WRITERS[kind](found, image), nl=False)
