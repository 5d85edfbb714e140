"""``marketplace mail``."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.operator import actor, reading, writing
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.streams import say
from marketplace.cli.whole_help import WholeGroup
from marketplace.moments import counted
from validators.document import format_time

_COLUMNS = ("id", "state", "recipient", "subject", "attempts", "next", "error")

#: Why a mail was not dropped, and why several were not.
_KEPT = ("does not exist, or is still to be sent", "do not exist, or are still to be sent")

_numbers = click.argument("numbers", nargs=-1, type=click.IntRange(min=1), metavar="[ID]...")
_all = click.option("--all", "everything", is_flag=True, help="All, instead of IDs.")


@examples(
    "marketplace mail list",
    "marketplace mail test me@example.org",
)
@click.group("mail", cls=WholeGroup)
def mail() -> None:
    """Manage outgoing mail.

    Runs on the server's machine, with the database of the settings; the server may be running.
    """


@examples(
    "marketplace mail list",
    "marketplace mail list --sent",
)
@mail.command("list")
@settings_options
@output_option
@click.option("--sent", is_flag=True, help="Also mail that was sent.")
def list_(source: SettingsSource, output: Format, sent: bool) -> None:
    """List mail that waits, and mail that was given up (dead)."""
    from marketplace.mail import Outbox

    states = ("waiting", "dead", "sent") if sent else ("waiting", "dead")
    with reading(source) as session:
        found = Outbox(session).list(states)
    rows = [
        {
            "id": one.key,
            "state": one.state,
            "recipient": one.recipient,
            "subject": one.subject,
            "attempts": one.attempts,
            "owed": format_time(one.created_at),
            "next": format_time(one.due_at) if one.state == "waiting" else None,
            "error": one.last_error,
        }
        for one in found
    ]
    write_records(rows, _COLUMNS, output, identify="id", none="no mail waits, and none was given up.")


@examples(
    "marketplace mail retry 17",
    "marketplace mail retry --all",
)
@mail.command()
@settings_options
@_all
@_numbers
def retry(source: SettingsSource, everything: bool, numbers: tuple[int, ...]) -> None:
    """Send mail that was given up (dead) again, and waiting mail now."""
    from marketplace.mail import operator_actions

    keys = _chosen(everything, numbers)
    with writing(source) as session:
        count = operator_actions.retry(session, keys, by=actor(), at=datetime.now(UTC))
    _finish(count, keys, "will be sent now", ("does not exist", "do not exist"))


@examples(
    "marketplace mail drop 17",
    "marketplace mail drop --all",
)
@mail.command()
@settings_options
@_all
@_numbers
def drop(source: SettingsSource, everything: bool, numbers: tuple[int, ...]) -> None:
    """Delete mail that was given up (dead)."""
    from marketplace.mail import operator_actions

    keys = _chosen(everything, numbers)
    with writing(source) as session:
        count = operator_actions.drop(session, keys, by=actor(), at=datetime.now(UTC))
    _finish(count, keys, "forgotten", _KEPT)


@examples("marketplace mail test me@example.org")
@mail.command()
@settings_options
@click.argument("address")
def test(source: SettingsSource, address: str) -> None:
    """Send a test mail to ADDRESS now, with the mail server of the settings, and show the result."""
    from marketplace.mail.operator_actions import send_test

    send_test(source.read(), address, datetime.now(UTC))
    say(f"the mail server accepted a mail to {address}.")


def _chosen(everything: bool, numbers: tuple[int, ...]) -> list[int] | None:
    if everything == bool(numbers):
        raise click.UsageError("give IDs, or --all", click.get_current_context())
    return None if everything else list(numbers)


def _finish(count: int, keys: list[int] | None, done: str, not_done: tuple[str, str]) -> None:
    """Say how many mails an action was done to; ``not_done`` is why not, of one mail and of several."""
    if keys is not None and count < len(set(keys)):
        one, several = not_done
        told = f"mail {keys[0]} {one}"
        if len(set(keys)) > 1:
            told = f"{count} of {counted(len(set(keys)), 'mail')} {done}: the rest {several}"
        raise CommandError(f"{told} (marketplace mail list)", ExitCode.NOT_FOUND)
    say(f"{counted(count, 'mail')} {done}.")
