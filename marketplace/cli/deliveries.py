"""Commands of ``marketplace webhook`` about what was sent: a test, the log of deliveries, once more."""

from __future__ import annotations

from typing import Any

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.operator import actor, reading, writing, written
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.streams import say
from marketplace.cli.webhook_access import name_argument, registry_of
from marketplace.moments import utc_now


@examples("marketplace webhook test 1a2b3c4d5e6f7a8b")
@click.command()
@settings_options
@name_argument
def test(source: SettingsSource, name: str) -> None:
    """Send a test event to a webhook NAME now, and show the result."""
    from marketplace.cli.database import open_database
    from marketplace.models.owed import SENT
    from marketplace.webhooks.sending import Sender

    settings = source.read()
    with open_database(settings) as database:
        with database.read() as session:
            hook = registry_of(source, session).get(name)
        sender = Sender(database, settings, utc_now)
        came = sender.send_test(hook, by=actor())
    if came.state != SENT:
        raise CommandError(f"the test did not arrive: {came.error}", ExitCode.NETWORK_OR_SERVER)
    say(f"the receiver answered {came.status} after {came.duration} ms.")


@examples("marketplace webhook deliveries 1a2b3c4d5e6f7a8b")
@click.command()
@settings_options
@output_option
@click.option("--limit", type=click.IntRange(1, 2000), default=50, show_default=True, help="Most deliveries.")
@name_argument
def deliveries(source: SettingsSource, output: Format, limit: int, name: str) -> None:
    """List deliveries of a webhook NAME: failed ones first, then the newest."""
    from marketplace.webhooks.deliveries import Deliveries

    with reading(source) as session:
        found = Deliveries(session).list(registry_of(source, session).get(name))[:limit]
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
    write_records(shown, columns, output, identify="event", none="there are no deliveries of this webhook.")


@examples("marketplace webhook redeliver 1a2b3c4d5e6f7a8b evt_0123456789abcdef01234567")
@click.command()
@settings_options
@name_argument
@click.argument("event")
def redeliver(source: SettingsSource, name: str, event: str) -> None:
    """Send an EVENT to a webhook NAME again; the running server does so at once."""
    from marketplace.webhooks.deliveries import Deliveries

    with writing(source) as session:
        hook = registry_of(source, session).get(name)
        Deliveries(session).redeliver(hook, event, by=actor(), at=utc_now())
    say(f"{event} will be sent now.")
