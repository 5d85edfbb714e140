"""``marketplace webhook``: programs that are told of events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

import click

from marketplace.cli.deliveries import deliveries, redeliver, test
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.operator import actor, reading, writing, written
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, output_option, write_record, write_records
from marketplace.cli.streams import say
from marketplace.cli.webhook_access import name_argument, registry_of
from marketplace.cli.whole_help import WholeGroup

if TYPE_CHECKING:
    from marketplace.webhooks.definitions import Hook
    from marketplace.webhooks.registry import Made

_secret_file = click.option(
    "--secret-file",
    metavar="FILE",
    type=click.File("r"),
    help="A secret of your own: whsec_ and 24 to 64 random bytes in base64. - is standard input.",
)


@examples(
    "marketplace webhook create https://ci.example.org/hook --kind entry.deprecated",
    "marketplace webhook deliveries 1a2b3c4d5e6f7a8b",
)
@click.group("webhook", cls=WholeGroup)
def webhook() -> None:
    """Manage webhooks: programs that are told of events by signed requests.

    Runs on the server's machine, with the database of the settings; the running server sends the events.
    """


for one in (test, deliveries, redeliver):
    webhook.add_command(one)


@examples(
    "marketplace webhook create https://ci.example.org/hook --kind entry.deprecated --view stable",
    "marketplace webhook create https://astro.example.org/hook --group astronomy --owner ann@example.org",
    "marketplace webhook create https://alice.example.org/hook --own --owner alice@example.org",
)
@webhook.command()
@settings_options
@output_option
@click.argument("url")
@click.option("--group", metavar="GROUP", help="Events of this group's entries. Needs --owner, a member.")
@click.option("--own", is_flag=True, help="Events of entries that the owner endorses. Needs --owner.")
@click.option(
    "--owner",
    metavar="NAME",
    help="Whose permissions decide which events are sent, and who gets mail about the webhook.",
)
@click.option("--kind", "kinds", metavar="KIND", multiple=True, help="Only events of this kind. Repeatable.")
@click.option("--view", metavar="VIEW", help="Only events of entries of this view.")
@click.option("--endorser", metavar="EMAIL", help="Only events of entries of this endorser.")
@click.option("--tag", metavar="TAG", help="Only events of entries with this tag.")
@click.option("--description", default="", help="One line about the webhook.")
@_secret_file
def create(source: SettingsSource, output: Format, url: str, **given: Any) -> None:
    """Create a webhook that tells URL of events, and show its secret, only this time.

    Without --group and --own it receives all events of the public log.
    """
    from marketplace.webhooks.definitions import AskedWebhook, EventFilters, parse_audience, parse_kinds

    owner, group, own = given["owner"], given["group"], given["own"]
    if group is not None and own:
        raise CommandError("give --group or --own", ExitCode.USAGE)
    if (group is not None or own) and owner is None:
        raise CommandError("--group and --own need --owner: by whose rights is it told?", ExitCode.USAGE)
    with writing(source) as session:
        made = registry_of(source, session).create(
            AskedWebhook(
                url,
                parse_audience(group, own=own),
                EventFilters(parse_kinds(given["kinds"]), given["view"], given["endorser"], given["tag"]),
                given["description"],
            ),
            owner=owner or actor(),
            secret=_read_secret(given["secret_file"]),
            by=actor(),
            at=datetime.now(UTC),
        )
    _show_secret(made, output)


@examples(
    "marketplace webhook change 1a2b3c4d5e6f7a8b --url https://new.example.org/hook",
    "marketplace webhook change 1a2b3c4d5e6f7a8b --kind image.recalled --view ''",
)
@webhook.command()
@settings_options
@output_option
@name_argument
@click.option("--url", metavar="URL", help="Another address; what waits goes there at once.")
@click.option("--kind", "kinds", metavar="KIND", multiple=True, help="Only events of this kind. Repeatable.")
@click.option("--view", metavar="VIEW", help="Only events of entries of this view.")
@click.option("--endorser", metavar="EMAIL", help="Only events of entries of this endorser.")
@click.option("--tag", metavar="TAG", help="Only events of entries with this tag.")
@click.option("--description", help="One line about the webhook.")
def change(source: SettingsSource, output: Format, name: str, **given: Any) -> None:
    """Change a webhook NAME: what is given changes, the rest stays. An empty text removes a filter."""
    from marketplace.webhooks.definitions import AskedWebhook, EventFilters, parse_kinds

    with writing(source) as session:
        registry = registry_of(source, session)
        hook = registry.get(name)
        kinds = hook.filters.kinds
        if given["kinds"]:
            kinds = parse_kinds([one for one in given["kinds"] if one])
        filters = {
            one: getattr(hook.filters, one) if given[one] is None else given[one] or None
            for one in ("view", "endorser", "tag")
        }
        description = hook.description if given["description"] is None else given["description"]
        asked = AskedWebhook(
            given["url"] or hook.url, hook.audience, EventFilters(kinds, **filters), description
        )
        changed = registry.change(name, asked, by=actor(), at=datetime.now(UTC))
    write_record(_members(changed), output, identify="name")


@examples("marketplace webhook list", "marketplace webhook list -o json")
@webhook.command("list")
@settings_options
@output_option
def list_(source: SettingsSource, output: Format) -> None:
    """List webhooks."""
    with reading(source) as session:
        found = registry_of(source, session).list()
    columns = ("name", "url", "owner", "audience", "kinds", "state")
    write_records(
        [_members(one) for one in found], columns, output, identify="name", none="there are no webhooks."
    )


@examples("marketplace webhook show 1a2b3c4d5e6f7a8b")
@webhook.command()
@settings_options
@output_option
@name_argument
def show(source: SettingsSource, output: Format, name: str) -> None:
    """Show a webhook NAME, with the number of its deliveries in each state."""
    from marketplace.webhooks.deliveries import Deliveries

    with reading(source) as session:
        hook = registry_of(source, session).get(name)
        counts = Deliveries(session).counts(hook)
    write_record({**_members(hook), **counts}, output, identify="name")


@examples("marketplace webhook delete 1a2b3c4d5e6f7a8b")
@webhook.command()
@settings_options
@name_argument
def delete(source: SettingsSource, name: str) -> None:
    """Delete a webhook NAME with its deliveries."""
    with writing(source) as session:
        registry_of(source, session).delete(name, by=actor(), at=datetime.now(UTC))
    say(f"{name} is deleted.")


@examples("marketplace webhook rotate 1a2b3c4d5e6f7a8b")
@webhook.command()
@settings_options
@output_option
@name_argument
@_secret_file
def rotate(source: SettingsSource, output: Format, name: str, secret_file: IO[str] | None) -> None:
    """Give a webhook NAME a new secret and show it, only this time; for a day the old one signs too."""
    with writing(source) as session:
        made = registry_of(source, session).rotate(
            name, secret=_read_secret(secret_file), by=actor(), at=datetime.now(UTC)
        )
    _show_secret(made, output)


@examples("marketplace webhook enable 1a2b3c4d5e6f7a8b")
@webhook.command()
@settings_options
@name_argument
def enable(source: SettingsSource, name: str) -> None:
    """Send events to a webhook NAME again, from now on."""
    with writing(source) as session:
        registry_of(source, session).enable(name, by=actor(), at=datetime.now(UTC))
    say(f"{name} is enabled.")


@examples("marketplace webhook disable 1a2b3c4d5e6f7a8b --reason 'moved to another host'")
@webhook.command()
@settings_options
@click.option("--reason", default="by an operator", show_default=True, help="Why, in one line.")
@name_argument
def disable(source: SettingsSource, name: str, reason: str) -> None:
    """Send no events to a webhook NAME until it is enabled again."""
    with writing(source) as session:
        registry_of(source, session).disable(name, reason, by=actor(), at=datetime.now(UTC))
    say(f"{name} is disabled.")


def _read_secret(file: IO[str] | None) -> bytes | None:
    from marketplace.webhooks.signature import parse_secret

    try:
        return None if file is None else parse_secret(file.read(1000).strip())
    except UnicodeDecodeError:
        raise CommandError("the file of the secret is not text", ExitCode.USAGE) from None


def _show_secret(made: Made, output: Format) -> None:
    write_record({**_members(made.hook), "secret": made.secret}, output, identify="name")
    say("keep the secret: it is not shown again.")


def _members(hook: Hook) -> dict[str, Any]:
    return {
        "name": hook.name,
        "url": hook.url,
        "owner": hook.owner,
        "audience": hook.audience,
        "kinds": [one.value for one in hook.filters.kinds],
        "view": hook.filters.view,
        "endorser": hook.filters.endorser,
        "tag": hook.filters.tag,
        "description": hook.description,
        "created": written(hook.created_at),
        "state": hook.state,
        "failing_since": written(hook.failing_since),
        "disabled_reason": hook.disabled_reason,
    }
