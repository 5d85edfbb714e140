"""``marketplace view``: named selections of images that other programs read in their own formats."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_bounded
from marketplace.cli.operator import actor, reading, writing, written
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.policy import read_policy
from marketplace.cli.whole_help import WholeGroup
from validators.policy.reading import MAX_FILE

if TYPE_CHECKING:
    from marketplace.views.definitions import Definition


@examples("marketplace view create stable --search 'tag=stable'", "marketplace view list")
@click.group("view", cls=WholeGroup)
def view() -> None:
    """Manage views: named selections of images that other programs read in their own formats.

    Runs on the server's machine, with the database of the settings; the server may be running.
    """


_definition = (
    click.option("--title", default="", help="Title, as readers see it."),
    click.option("--description", default="", help="One line about the view."),
    click.option("--search", default="", help="Query of a search, as in a URL: 'os=debian&tag=stable'."),
    click.option(
        "--policy",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="TOML with a [policy] table that every image has to pass.",
    ),
    click.option(
        "--option",
        "options",
        metavar="NAME=VALUE",
        multiple=True,
        help="Option of a format, such as vo=NAME. Repeatable.",
    ),
)


def _defined(command: Any) -> Any:
    for option in reversed(_definition):
        command = option(command)
    return command


@examples(
    "marketplace view create debian --search 'os=debian' --policy policy.toml",
    "marketplace view create astronomy:all --title 'Images of the astronomers'",
    "marketplace view create astronomy:feed --secret",
)
@view.command()
@settings_options
@_defined
@click.option("--secret", is_flag=True, help="Only for those who know its address, which is shown only once.")
@click.argument("name")
def create(source: SettingsSource, name: str, secret: bool, **given: Any) -> None:
    """Create a view NAME; GROUP:NAME also shows a group's entries, to its members."""
    from dataclasses import replace

    from marketplace.views.registry import ViewRegistry

    definition = replace(_read(name, given), secret=secret)
    with writing(source) as session:
        _, address = ViewRegistry(session).create(definition, by=actor(), at=datetime.now(UTC))
    click.echo(f"{source.read().site.url}/views/{address}")


@examples("marketplace view replace default --policy policy.toml --option vo=astronomy")
@view.command()
@settings_options
@_defined
@click.argument("name")
def replace(source: SettingsSource, name: str, **given: Any) -> None:
    """Replace the definition of a view; options that are left out have their defaults."""
    from marketplace.views.registry import ViewRegistry

    with writing(source) as session:
        ViewRegistry(session).replace(_read(name, given), by=actor(), at=datetime.now(UTC))


@examples("marketplace view delete debian")
@view.command()
@settings_options
@click.argument("name")
def delete(source: SettingsSource, name: str) -> None:
    """Delete a view; the view `default` gets its first definition again."""
    from marketplace.views.registry import ViewRegistry

    with writing(source) as session:
        ViewRegistry(session).delete(name, by=actor(), at=datetime.now(UTC))


@examples("marketplace view upload-list astronomy image.list")
@view.command("upload-list")
@settings_options
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
def upload_list(source: SettingsSource, name: str, file: Path) -> None:
    """Upload the HEPiX image list of a view, in FILE as its endorser signed it (S/MIME).

    It is served instead of the list that the site signs, until it expires or one of its images leaves the
    view.
    """
    from marketplace.cli.signed_lists import keep_list

    keep_list(source, name, file)


@examples("marketplace view remove-list astronomy")
@view.command("remove-list")
@settings_options
@click.argument("name")
def remove_list(source: SettingsSource, name: str) -> None:
    """Remove the uploaded HEPiX image list of a view; the site signs its own again."""
    from marketplace.views.registry import ViewRegistry

    with writing(source) as session:
        ViewRegistry(session).remove_list(name, by=actor(), at=datetime.now(UTC))


@examples("marketplace view list", "marketplace view list -o json")
@view.command("list")
@settings_options
@output_option
def list_(source: SettingsSource, output: Format) -> None:
    """List views."""
    from marketplace.views.registry import ViewRegistry

    with reading(source) as session:
        found = ViewRegistry(session).list()
    shown: list[dict[str, Any]] = [
        {
            "name": one.name,
            "title": one.title,
            "search": one.search,
            "policy": _policy(one, output),
            "secret": one.secret,
            "changed": written(one.changed_at),
        }
        for one in found
    ]
    write_records(shown, ("name", "title", "search", "policy", "secret", "changed"), output, identify="name")


def _policy(definition: Definition, output: Format) -> Any:
    if output == "table" and definition.policy is not None:
        return json.dumps(definition.policy, ensure_ascii=False, sort_keys=True)
    return definition.policy


def _read(name: str, given: dict[str, Any]) -> Definition:
    """The definition that the options make.

    Raises:
        CommandError: the policy cannot be used, or an option is no NAME=VALUE.
    """
    from marketplace.views.definitions import Definition

    policy = None
    if given["policy"] is not None:
        read_policy(given["policy"])  # every fault is told with the file's name
        table = tomllib.loads(read_bounded(given["policy"], MAX_FILE + 1).decode("utf-8-sig"))
        policy = table.get("policy", table)
    pairs = [one.partition("=") for one in given["options"]]
    if any(not equals for _, equals, _ in pairs):
        raise CommandError("--option takes NAME=VALUE", ExitCode.USAGE)
    return Definition(
        name=name,
        title=given["title"],
        description=given["description"],
        search=given["search"],
        policy=policy,
        options={option: value for option, _, value in pairs},
    )
