"""``marketplace view upload-list``: keeps the image list of a view that an endorser signed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from marketplace.cli.database import open_database
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_bounded
from marketplace.cli.operator import actor
from marketplace.cli.options import read_settings


def keep_list(config: Path | None, data: str | None, view: str, file: Path) -> None:
    """Verify a list and keep it.

    Raises:
        CommandError: there is no such view, it cannot be evaluated, or the list cannot be taken.
    """
    from marketplace.cli.view_selector import open_selector
    from marketplace.search.errors import SearchRefusedError, SearchUnavailableError
    from marketplace.search.read_only_indexes import open_indexes
    from marketplace.views.errors import DialectUnavailableError, ViewError, ViewNotFoundError
    from marketplace.views.registry import ViewRegistry
    from validators.policy import PolicyError

    settings, now = read_settings(config, data), datetime.now(UTC)
    most = settings.upload.max_bytes
    message = read_bounded(file, most + 1)
    if len(message) > most:
        raise CommandError(f"{file} has more than {most} bytes (upload.max_bytes)", ExitCode.USAGE)
    try:
        with open_database(settings) as database, open_indexes(settings, database) as indexes:
            selector = open_selector(settings, database, indexes)
            with database.read() as session:
                definition = ViewRegistry(session).get(view)
                found = selector.select(session, definition, view, now).view
            verified = selector.verify_list(message, found, definition, now)
            with database.write() as session:
                ViewRegistry(session).keep_list(view, verified, by=actor(), at=now)
    except ViewNotFoundError:
        raise
    except (SearchUnavailableError, SearchRefusedError, PolicyError, DialectUnavailableError) as error:
        raise CommandError(f"the view {view} cannot be evaluated: {error}", ExitCode.OTHER) from None
    except ViewError as error:
        raise CommandError(f"{error} [{error.code}]", ExitCode.VERIFICATION_FAILED) from None
    click.echo(f"marketplace: the view {view} serves the list of {verified.email}.", err=True)
