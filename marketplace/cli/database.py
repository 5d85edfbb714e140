"""``marketplace db``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode, explain
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.streams import say
from marketplace.cli.whole_help import WholeGroup
from marketplace.moments import counted

if TYPE_CHECKING:
    from marketplace.config import Settings
    from marketplace.db import Database
    from marketplace.ingest import IngestService
    from marketplace.ingest.site_filter import SiteFilter
    from marketplace.upgrading import Upgraded


@examples(
    "marketplace db upgrade",
    "marketplace db backup /backup/marketplace.sqlite",
)
@click.group("db", cls=WholeGroup)
def database() -> None:
    """Manage the database."""


@examples(
    "marketplace db upgrade --config marketplace.ini",
    "marketplace db upgrade --config marketplace.ini --only-expand",
)
@database.command()
@settings_options
@click.option(
    "--only-expand",
    is_flag=True,
    help="Leave out migrations that servers of the version before would not survive.",
)
@click.option(
    "--lock-timeout",
    type=click.FloatRange(0.1),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait at most this long for one lock of PostgreSQL; uploads wait during this time.",
)
@click.option(
    "--statement-timeout",
    type=click.FloatRange(0),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest time for one statement of PostgreSQL; 0: no limit.",
)
@click.option(
    "--attempts",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="How many times to try to get a lock.",
)
def upgrade(
    source: SettingsSource,
    only_expand: bool,
    lock_timeout: float,
    statement_timeout: float,
    attempts: int,
) -> None:
    """Upgrade the database schema to this version, or create the database.

    Servers may run meanwhile, of this version and of the one before.
    """
    from marketplace import db
    from marketplace.upgrading import Patience

    settings = source.read()
    make_data_directory(settings)
    patience = Patience(lock_timeout, statement_timeout, attempts)
    done = db.upgrade(
        settings.database_url,
        patience,
        only_expand=only_expand,
        tell=say,
    )
    say(_result(done))


def _result(done: Upgraded) -> str:
    """What an upgrade did, and what is still to do."""
    if done.before is None:
        told = f"made the schema of a new database (revision {done.after})."
    elif done.before == done.after:
        told = f"the database has revision {done.after} already: nothing was changed."
    else:
        told = f"upgraded the database from revision {done.before} to {done.after}."
    if done.left:
        told += (
            f" {counted(done.left, 'migration')} left: run marketplace db upgrade when no server of an "
            "older version runs."
        )
    return told


@examples("marketplace db backup /backup/marketplace.sqlite")
@database.command()
@settings_options
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path, source: SettingsSource) -> None:
    """Copy an SQLite database into FILE, also while a server writes to it.

    FILE must not exist yet. It is complete and on disk when the command ends. To restore it, put it
    in the place of marketplace.sqlite.
    """
    from marketplace.backup import copy_sqlite

    settings = source.read()
    with open_database(settings):
        copied = copy_sqlite(settings.database_url, file)
    say(f"{counted(copied, 'entry', 'entries')} copied to {file}.")


def make_data_directory(settings: Settings) -> None:
    """Make the directory of data where it is not there yet.

    Raises:
        CommandError: it cannot be made.
    """
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason, code = explain(error)
        if isinstance(error, FileExistsError):
            reason = f"{settings.data} is a file"
        raise CommandError(
            f"the data directory cannot be used: {reason}; choose another one by --data (setting: data)",
            code,
        ) from None


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The configured database, for a command that works on it directly.

    Raises:
        CommandError: it is not there, or has another schema than this version needs.
    """
    from marketplace.db import Database
    from marketplace.db.sqlite import find_missing_file
    from marketplace.migrate import verify_schema

    missing = find_missing_file(settings.database_url)
    if missing is not None:
        raise CommandError(
            f"there is no database {missing}: name its directory with --data, or create it with "
            "marketplace db upgrade",
            ExitCode.OTHER,
        )
    opened = Database.open(settings.database_url)
    try:
        with opened.read() as session:
            verify_schema(session.connection())
        yield opened
    finally:
        opened.close()


@contextmanager
def open_ingest(opened: Database, settings: Settings) -> Iterator[IngestService]:
    """The way into the database, closed when everything handed to it is stored."""
    from marketplace.ingest import IngestService, UploadPolicy

    ingest = IngestService(
        opened, UploadPolicy(legacy=settings.upload.legacy, site_filter=_site_filter(settings, opened))
    )
    try:
        yield ingest
    finally:
        ingest.close()


def _site_filter(settings: Settings, opened: Database) -> SiteFilter:
    """What the site shows of what a command brings in."""
    from marketplace.ingest.site_filter import SiteFilter
    from marketplace.moments import utc_now
    from marketplace.trust import TrustService, open_store
    from marketplace.trust.stored_crls import StoredCrls

    if not settings.federation.accept:
        return SiteFilter()
    trust = TrustService(open_store(settings.trust, StoredCrls(opened)))
    return SiteFilter(
        settings.federation.accept, lambda signer: trust.verdict(signer, utc_now()).standing.value
    )
