"""``marketplace receipts``: which cloud sites are heard, and where withdrawn images still are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from marketplace.cli.examples import examples
from marketplace.cli.operator import actor, reading, writing, written
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.streams import say
from marketplace.cli.whole_help import WholeGroup


@examples(
    "marketplace receipts sites",
    "marketplace receipts recalls",
)
@click.group("receipts", cls=WholeGroup)
def receipts() -> None:
    """Manage receipts: what cloud sites report about imported images.

    A site sends receipts with a token of scope site (marketplace token create). Runs on the server's
    machine, with the database of the settings; the server may be running.
    """


@examples("marketplace receipts sites")
@receipts.command("sites")
@settings_options
@output_option
def sites(source: SettingsSource, output: Format) -> None:
    """List the sites whose receipts are accepted, with their keys."""
    from marketplace.presence import SiteRegistry

    with reading(source) as session:
        found = SiteRegistry(session).list()
    shown: list[dict[str, Any]] = [
        {"name": one.name, "key": one.key, "bound": written(one.bound_at), "by": one.bound_by}
        for one in found
    ]
    write_records(
        shown, ("name", "key", "bound", "by"), output, identify="name", none="no site sent receipts yet."
    )


@examples("marketplace receipts bind cloud-1+1a2b3c4d+AbCdEfGh")
@receipts.command()
@settings_options
@click.argument("key", metavar="KEY")
def bind(source: SettingsSource, key: str) -> None:
    """Accept receipts of a site with this KEY (NAME+hex8+base64), which replaces any other key."""
    from marketplace.presence import SiteRegistry
    from marketplace.receipts import parse_site_key

    parsed = parse_site_key(key)
    with writing(source) as session:
        SiteRegistry(session).bind(parsed, by=actor(), at=datetime.now(UTC))
    say(f"receipts of {parsed.name} are accepted with this key.")


@examples("marketplace receipts forget cloud-1")
@receipts.command()
@settings_options
@click.argument("name", metavar="SITE")
def forget(source: SettingsSource, name: str) -> None:
    """Delete a site, its key and all its receipts."""
    from marketplace.presence import SiteRegistry

    with writing(source) as session:
        SiteRegistry(session).forget(name, by=actor(), at=datetime.now(UTC))
    say(f"{name} is deleted.")


@examples(
    "marketplace receipts recalls",
    "marketplace receipts recalls -o json",
)
@receipts.command()
@settings_options
@output_option
def recalls(source: SettingsSource, output: Format) -> None:
    """List the sites that still have withdrawn images, including images of groups."""
    from marketplace.access import Principal
    from marketplace.changes import ChangeLog
    from marketplace.presence import Presence

    with reading(source) as session:
        everything = Principal(None, frozenset(ChangeLog(session).names()))
        found = Presence(session, everything).recalls()
    shown: list[dict[str, Any]] = [
        {
            "identifier": one.identifier,
            "email": one.email,
            "withdrawn": written(one.created),
            "site": copy.site,
            "store": copy.store,
            "since": written(copy.at),
        }
        for one in found
        for copy in one.copies
    ]
    write_records(
        shown,
        ("identifier", "email", "withdrawn", "site", "store", "since"),
        output,
        identify="identifier",
        none="no site reported that it has a withdrawn image.",
    )
