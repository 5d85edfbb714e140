"""``marketplace export`` and ``marketplace import``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.access.principal import PUBLIC, group_log
from marketplace.cli.database import open_database, open_ingest
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode, explain
from marketplace.cli.operator import actor, writing
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.progress import progress
from marketplace.cli.streams import say
from marketplace.logs import printable
from marketplace.moments import counted

if TYPE_CHECKING:
    from marketplace.archive import ImportService


@examples(
    "marketplace export entries",
    "marketplace export --audience astronomy entries-of-astronomy",
    "marketplace export --static --view default --url https://images.example.org/lists copy",
)
@click.command()
@settings_options
@click.option("--audience", metavar="GROUP", help="Export the private entries of this group instead.")
@click.option("--static", is_flag=True, help="Write a copy of a view that any web server can serve.")
@click.option("--view", metavar="VIEW", help="With --static: the view to copy; by default: default.")
@click.option("--url", metavar="URL", help="With --static: where the copy will be served.")
@click.argument("directory", type=click.Path(path_type=Path))
def export(
    source: SettingsSource,
    audience: str | None,
    static: bool,
    view: str | None,
    url: str | None,
    directory: Path,
) -> None:
    """Export all public entries into a directory, one signed file each, named by entry id.

    `marketplace import` rebuilds a marketplace from it. Private entries are left out: export them
    with --audience, each group into a directory of its own.

    With --static the directory becomes a copy of a view: its lists in every format, the signed
    entries, receipts of the log, and pages. A second run writes only what changed. `marketplace
    verify --static` proves it.
    """
    if static:
        if audience is not None:
            raise click.UsageError("--static takes no --audience: name a view of the group, GROUP:NAME")
        from marketplace.cli.view_copies import export_view

        export_view(source, view or "default", url, directory)
        return
    if view is not None or url is not None:
        raise click.UsageError("--view and --url go with --static")
    from marketplace.archive import ExportService

    log = PUBLIC if audience is None else _touch(source, audience, "log.export")
    with open_database(source.read()) as database:
        service = ExportService(database)
        count = 0
        with progress("Exporting", service.count(log)) as advance:
            for _ in service.export(directory, log):
                count += 1
                advance(1)
    say(f"exported {counted(count, 'entry', 'entries')} to {printable(str(directory))}.")


@examples(
    "marketplace import entries",
    "marketplace import --audience astronomy entries-of-astronomy",
)
@click.command("import")
@settings_options
@click.option("--audience", metavar="GROUP", help="Import into this group: only its members see the entries.")
@click.argument("directory", type=click.Path(path_type=Path))
def import_(source: SettingsSource, audience: str | None, directory: Path) -> None:
    """Import a directory of signed files (*.xml), without the checks for new uploads.

    A bad file is reported and does not stop the import; the exit code is then 9. Files that are
    stored already change nothing. Entries that are signed as private need --audience.
    """
    from marketplace.archive import ImportService, find_documents

    paths = find_documents(directory)
    if not paths:
        raise CommandError(f"{directory}: has no *.xml files", ExitCode.NOT_FOUND)
    log = _touch(source, audience, "log.import")
    settings = source.read()
    with open_database(settings) as database, open_ingest(database, settings) as ingest:
        counts = _import(ImportService(ingest), paths, log)
    say(
        f"{counted(counts['created'], 'entry', 'entries')} created, "
        f"{counts['unchanged']} unchanged, {counted(counts['failed'], 'file')} left out."
    )
    if counts["failed"]:
        everything = counts["failed"] == len(paths)
        code = ExitCode.VERIFICATION_FAILED if everything else ExitCode.PARTLY
        raise CommandError(f"left out {counts['failed']} of {counted(len(paths), 'file')}", code)


def _touch(source: SettingsSource, audience: str | None, action: str) -> str:
    """The log that a command works on, with a record of who does it.

    Raises:
        CommandError: there is no such group.
    """
    from marketplace.accounts import GroupService
    from marketplace.audit import AuditLog

    log = PUBLIC if audience is None else group_log(audience)
    with writing(source) as session:
        if audience is not None:
            GroupService(session).get(audience)
        AuditLog(session).record(actor(), action, log)
    return log


def _import(service: ImportService, paths: list[Path], log: str) -> Counter[str]:
    from marketplace.ingest import IngestResult

    counts: Counter[str] = Counter()
    with progress("Importing", len(paths)) as advance:
        for imported in service.import_directory(paths, log):
            if isinstance(imported.outcome, IngestResult):
                counts[imported.outcome.outcome] += 1
            else:
                counts["failed"] += 1
                message, code = explain(imported.outcome)
                if code is ExitCode.NETWORK_OR_SERVER:
                    raise imported.outcome  # the store is in trouble, not the file
                name = printable(imported.path.name)
                # What the operating system says of a file begins with its path.
                message = message.removeprefix(f"{printable(str(imported.path))}: ")
                say(f"{name}: {message}")
            advance(1)
    return counts
