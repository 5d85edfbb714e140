"""``marketplace view upload-list``: keeps the image list of a view that an endorser signed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_bounded
from marketplace.cli.operator import actor
from marketplace.cli.options import SettingsSource
from marketplace.cli.streams import say


def keep_list(source: SettingsSource, view: str, file: Path) -> None:
    """Verify a list and keep it.

    Raises:
        CommandError: there is no such view, it cannot be evaluated, or the list cannot be taken.
    """
    from marketplace.cli.view_selector import evaluating
    from marketplace.views.registry import ViewRegistry

    settings, now = source.read(), datetime.now(UTC)
    most = settings.upload.max_bytes
    message = read_bounded(file, most + 1)
    if len(message) > most:
        raise CommandError(f"{file} has more than {most} bytes (upload.max_bytes)", ExitCode.USAGE)
    with evaluating(settings, view) as (database, selector):
        with database.read() as session:
            definition = ViewRegistry(session).get(view)
            found = selector.select(session, definition, view, now).view
        verified = selector.verify_list(message, found, definition, now)
        with database.write() as session:
            ViewRegistry(session).keep_list(view, verified, by=actor(), at=now)
    say(f"the view {view} serves the list of {verified.email}.")
