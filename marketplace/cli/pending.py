"""``marketplace pending``."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from marketplace.cli.examples import examples
from marketplace.cli.operator import actor, reading, writing
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.streams import say
from marketplace.cli.whole_help import WholeGroup
from validators.document import format_time

_number = click.argument("number", type=click.IntRange(min=1), metavar="ID")


@examples("marketplace pending list")
@click.group("pending", cls=WholeGroup)
def pending() -> None:
    """Manage uploads that wait for confirmation by their endorser.

    Runs on the server's machine, with the database of the settings; the server may be running.
    """


@examples("marketplace pending list")
@pending.command("list")
@settings_options
@output_option
def list_(source: SettingsSource, output: Format) -> None:
    """List uploads that wait for confirmation (waiting) or were reported as abuse (frozen)."""
    from marketplace.confirmation import PendingUploads

    with reading(source) as session:
        found = PendingUploads(session).list()
    rows = [
        {
            "id": one.key,
            "state": one.state,
            "email": one.email,
            "log": one.log,
            "since": format_time(one.created_at),
            "until": None if one.state == "frozen" else format_time(one.expires_at),
            "certificate": one.fingerprint,
            "entry_id": one.entry_id,
        }
        for one in found
    ]
    write_records(
        rows,
        ("id", "state", "email", "log", "since", "until", "certificate"),
        output,
        identify="id",
        none="no uploads wait for confirmation.",
    )


@examples("marketplace pending drop 17")
@pending.command()
@settings_options
@_number
def drop(source: SettingsSource, number: int) -> None:
    """Delete upload ID. If it was frozen, its certificate may upload again."""
    from marketplace.confirmation import operator_actions

    with writing(source) as session:
        operator_actions.drop(session, number, by=actor(), at=datetime.now(UTC))
    say(f"upload {number} deleted.")


@examples("marketplace pending release 17")
@pending.command()
@settings_options
@_number
def release(source: SettingsSource, number: int) -> None:
    """Release frozen upload ID, and ask its endorser again by mail."""
    from marketplace.confirmation import operator_actions

    settings = source.read()
    with writing(source) as session:
        operator_actions.release(session, number, settings, by=actor(), at=datetime.now(UTC))
    say(f"upload {number} waits for its endorser again.")
