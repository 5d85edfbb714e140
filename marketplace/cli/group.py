"""``marketplace group``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from marketplace.cli.examples import examples
from marketplace.cli.operator import actor, reading, writing, written
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.streams import say
from marketplace.cli.whole_help import WholeGroup
from marketplace.moments import utc_now

if TYPE_CHECKING:
    from marketplace.accounts.groups import Group


@examples(
    "marketplace group create astronomy me@example.org",
    "marketplace group add astronomy you@example.org",
)
@click.group("group", cls=WholeGroup)
def group() -> None:
    """Manage groups, whose members share private entries.

    Runs on the server's machine, with the database of the settings; the server may be running.
    """


@examples("marketplace group create astronomy me@example.org you@example.org")
@group.command()
@settings_options
@click.argument("name")
@click.argument("members", metavar="[MEMBER]...", nargs=-1)
def create(source: SettingsSource, name: str, members: tuple[str, ...]) -> None:
    """Create a group NAME, with members: owners of tokens."""
    from marketplace.accounts import GroupService

    with writing(source) as session:
        groups, now = GroupService(session), utc_now()
        groups.create(name, by=actor(), at=now)
        for member in members:
            groups.add(name, member, by=actor(), at=now)
    say(f"group {name} created.")


@examples(
    "marketplace group list",
    "marketplace group list -o json",
)
@group.command("list")
@settings_options
@output_option
def list_(source: SettingsSource, output: Format) -> None:
    """List groups and their members."""
    from marketplace.accounts import GroupService

    with reading(source) as session:
        groups = GroupService(session).list()
    columns = ("name", "created", "members")
    if output == "table":
        rows = [{**_members(one), "members": " ".join(one.members)} for one in groups]
    else:
        rows = [_members(one) for one in groups]
    write_records(rows, columns, output, identify="name", none="no groups yet.")


@examples("marketplace group add astronomy you@example.org")
@group.command()
@settings_options
@click.argument("name")
@click.argument("members", metavar="MEMBER...", nargs=-1, required=True)
def add(source: SettingsSource, name: str, members: tuple[str, ...]) -> None:
    """Add members to a group: they see all its entries, including the existing ones."""
    from marketplace.accounts import GroupService

    with writing(source) as session:
        for member in members:
            GroupService(session).add(name, member, by=actor(), at=utc_now())


@examples("marketplace group remove astronomy you@example.org")
@group.command()
@settings_options
@click.argument("name")
@click.argument("members", metavar="MEMBER...", nargs=-1, required=True)
def remove(source: SettingsSource, name: str, members: tuple[str, ...]) -> None:
    """Remove members from a group: they no longer see any of its entries."""
    from marketplace.accounts import GroupService

    with writing(source) as session:
        for member in members:
            GroupService(session).remove(name, member, by=actor(), at=utc_now())


@examples(
    "marketplace group delete astronomy",
    "marketplace group delete astronomy --yes",
)
@group.command()
@settings_options
@click.confirmation_option(
    prompt="Nobody will see its entries any more, and its name cannot be used again. Continue?"
)
@click.argument("name")
def delete(source: SettingsSource, name: str) -> None:
    """Delete a group permanently: its entries stay stored, and nobody sees them any more."""
    from marketplace.accounts import GroupService

    with writing(source) as session:
        GroupService(session).delete(name, by=actor(), at=utc_now())


def _members(one: Group) -> dict[str, Any]:
    return {"name": one.name, "created": written(one.created_at), "members": list(one.members)}
