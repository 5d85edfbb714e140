"""``marketplace webhook``: programs that are told of events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from marketplace.cli.acting import actor, reading, writing, written
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.options import read_settings, settings_options
from marketplace.cli.output import Format, output_option, write_record, write_records
from marketplace.cli.whole_help import WholeGroup

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from marketplace.webhooks.definitions import Hook
    from marketplace.webhooks.registry import Made, WebhookRegistry

_name = click.argument("name")


@examples(
    "marketplace webhook create https://ci.example.org/hook --kind entry.deprecated",
    "marketplace webhook deliveries 1a2b3c4d5e6f7a8b",
)
@click.group("webhook", cls=WholeGroup)
def webhook() -> None:
    """Manage webhooks: programs that are told of events by signed requests.

    Runs on the server's machine, with the database of the settings; the running server sends the events.
    """


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
@click.option("--owner", metavar="NAME", help="By whose rights it is told, and who gets mail about it.")
@click.option("--kind", "kinds", metavar="KIND", multiple=True, help="Only events of this kind. Repeatable.")
@click.option("--view", metavar="VIEW", help="Only events of entries of this view.")
@click.option("--endorser", metavar="EMAIL", help="Only events of entries of this endorser.")
@click.option("--tag", metavar="TAG", help="Only events of entries with this tag.")
@click.option("--description", default="", help="One line about the webhook.")
def create(config: Path | None, data: str | None, output: Format, url: str, **given: Any) -> None:
    """Create a webhook that tells URL of events, and show its secret, only this time.

    Without --group and --own it is told of all events of the public log, as an administrator's.
    """
    from marketplace.webhooks.definitions import EventFilters, parse_audience, parse_kinds

    owner, group, own = given["owner"], given["group"], given["own"]
    if group is not None and own:
        raise CommandError("give --group or --own", ExitCode.USAGE)
    if (group is not None or own) and owner is None:
        raise CommandError("--group and --own need --owner: by whose rights is it told?", ExitCode.USAGE)
    with _explained(), writing(config, data) as session:
        made = _registry(config, data, session).create(
            url,
            parse_audience(group, own=own),
            EventFilters(parse_kinds(given["kinds"]), given["view"], given["endorser"], given["tag"]),
            owner=owner or actor(),
            description=given["description"],
            by=actor(),
            at=datetime.now(UTC),
        )
    _show_secret(made, output)


@examples("marketplace webhook list", "marketplace webhook list -o json")
@webhook.command("list")
@settings_options
@output_option
def list_(config: Path | None, data: str | None, output: Format) -> None:
    """List webhooks."""
    with _explained(), reading(config, data) as session:
        found = _registry(config, data, session).list()
    columns = ("name", "url", "owner", "audience", "kinds", "state")
    write_records([_shown(one) for one in found], columns, output, identify="name")
    if not found:
        click.echo("marketplace: there are no webhooks.", err=True)


@examples("marketplace webhook show 1a2b3c4d5e6f7a8b")
@webhook.command()
@settings_options
@output_option
@_name
def show(config: Path | None, data: str | None, output: Format, name: str) -> None:
    """Show a webhook NAME, with the number of its deliveries in each state."""
    from marketplace.webhooks.deliveries import Deliveries

    with _explained(), reading(config, data) as session:
        hook = _registry(config, data, session).get(name)
        counts = Deliveries(session).counts(hook)
    write_record({**_shown(hook), **counts}, output, identify="name")


@examples("marketplace webhook delete 1a2b3c4d5e6f7a8b")
@webhook.command()
@settings_options
@_name
def delete(config: Path | None, data: str | None, name: str) -> None:
    """Delete a webhook NAME with its deliveries."""
    with _explained(), writing(config, data) as session:
        _registry(config, data, session).delete(name, by=actor(), at=datetime.now(UTC))
    click.echo(f"marketplace: {name} is deleted.", err=True)


@examples("marketplace webhook rotate 1a2b3c4d5e6f7a8b")
@webhook.command()
@settings_options
@output_option
@_name
def rotate(config: Path | None, data: str | None, output: Format, name: str) -> None:
    """Give a webhook NAME a new secret and show it, only this time; for a day the old one signs too."""
    with _explained(), writing(config, data) as session:
        made = _registry(config, data, session).rotate(name, by=actor(), at=datetime.now(UTC))
    _show_secret(made, output)


@examples("marketplace webhook enable 1a2b3c4d5e6f7a8b")
@webhook.command()
@settings_options
@_name
def enable(config: Path | None, data: str | None, name: str) -> None:
    """Send events to a webhook NAME again, from now on."""
    with _explained(), writing(config, data) as session:
        _registry(config, data, session).enable(name, by=actor(), at=datetime.now(UTC))
    click.echo(f"marketplace: {name} is enabled.", err=True)


@examples("marketplace webhook disable 1a2b3c4d5e6f7a8b --reason 'moved to another host'")
@webhook.command()
@settings_options
@click.option("--reason", default="by an operator", show_default=True, help="Why, in one line.")
@_name
def disable(config: Path | None, data: str | None, name: str, reason: str) -> None:
    """Send no events to a webhook NAME until it is enabled again."""
    with _explained(), writing(config, data) as session:
        _registry(config, data, session).disable(name, reason, by=actor(), at=datetime.now(UTC))
    click.echo(f"marketplace: {name} is disabled.", err=True)


@examples("marketplace webhook test 1a2b3c4d5e6f7a8b")
@webhook.command()
@settings_options
@_name
def test(config: Path | None, data: str | None, name: str) -> None:
    """Send a test event to a webhook NAME now, and show the result."""
    from marketplace.cli.database import open_database
    from marketplace.models.owed import SENT
    from marketplace.webhooks.sending import Sender

    settings = read_settings(config, data)
    with _explained(), open_database(settings) as database:
        with database.read() as session:
            hook = _registry(config, data, session).get(name)
        sender = Sender(database, settings, lambda: datetime.now(UTC))
        came = sender.send_test(hook, by=actor())
    if came.state != SENT:
        raise CommandError(f"the test did not arrive: {came.error}", ExitCode.NETWORK_OR_SERVER)
    click.echo(f"marketplace: the receiver answered {came.status} after {came.duration} ms.", err=True)


@examples("marketplace webhook deliveries 1a2b3c4d5e6f7a8b")
@webhook.command()
@settings_options
@output_option
@click.option("--limit", type=click.IntRange(1, 2000), default=50, show_default=True, help="Most deliveries.")
@_name
def deliveries(config: Path | None, data: str | None, output: Format, limit: int, name: str) -> None:
    """List deliveries of a webhook NAME: failed ones first, then the newest."""
    from marketplace.webhooks.deliveries import Deliveries

    with _explained(), reading(config, data) as session:
        found = Deliveries(session).list(_registry(config, data, session).get(name))[:limit]
    shown: list[dict[str, Any]] = [
        {
            "event": one.event_id,
            "kind": one.kind,
            "state": one.state,
            "attempts": one.attempts,
            "status": one.status,
            "ms": one.duration,
            "owed": written(one.created_at),
            "next": written(one.due_at) if one.state == "waiting" else None,
            "error": one.error,
            "answer": one.answer,
        }
        for one in found
    ]
    columns = ("event", "kind", "state", "attempts", "status", "ms", "next", "error")
    write_records(shown, columns, output, identify="event")
    if not found:
        click.echo("marketplace: there are no deliveries of this webhook.", err=True)


@examples("marketplace webhook redeliver 1a2b3c4d5e6f7a8b evt_0123456789abcdef01234567")
@webhook.command()
@settings_options
@_name
@click.argument("event")
def redeliver(config: Path | None, data: str | None, name: str, event: str) -> None:
    """Send an EVENT to a webhook NAME again; the running server does so at once."""
    from marketplace.webhooks.deliveries import Deliveries

    with _explained(), writing(config, data) as session:
        hook = _registry(config, data, session).get(name)
        Deliveries(session).redeliver(hook, event, by=actor(), at=datetime.now(UTC))
    click.echo(f"marketplace: {event} will be sent now.", err=True)


def _registry(config: Path | None, data: str | None, session: Session) -> WebhookRegistry:
    from marketplace.locations import AddressGuard
    from marketplace.webhooks.registry import WebhookRegistry
    from marketplace.webhooks.secrets import SecretBox

    settings = read_settings(config, data)
    return WebhookRegistry(session, SecretBox(settings.data), AddressGuard(settings.webhooks.allow_private))


@contextmanager
def _explained() -> Iterator[None]:
    from marketplace.webhooks.errors import (
        DeliveryNotFoundError,
        WebhookDefinitionError,
        WebhookError,
        WebhookNotFoundError,
    )

    codes: dict[type[WebhookError], ExitCode] = {
        WebhookDefinitionError: ExitCode.USAGE,
        WebhookNotFoundError: ExitCode.NOT_FOUND,
        DeliveryNotFoundError: ExitCode.NOT_FOUND,
    }
    try:
        yield
    except WebhookError as error:
        raise CommandError(f"{error} [{error.code}]", codes.get(type(error), ExitCode.OTHER)) from None


def _show_secret(made: Made, output: Format) -> None:
    write_record({**_shown(made.hook), "secret": made.secret}, output, identify="name")
    click.echo("marketplace: keep the secret: it is not shown again.", err=True)


def _shown(hook: Hook) -> dict[str, Any]:
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
