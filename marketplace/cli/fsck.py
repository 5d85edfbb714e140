"""``marketplace fsck``."""

from __future__ import annotations

import click

from marketplace.cli.database import open_database
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.progress import progress
from marketplace.cli.streams import say
from marketplace.moments import counted


@examples(
    "marketplace fsck",
    "marketplace fsck --data /srv/marketplace -o json",
)
@click.command()
@settings_options
@output_option
def fsck(source: SettingsSource, output: Format) -> None:
    """Verify all stored data, without changing anything.

    Every document is accepted again; every column, log row and current entry is computed again. Ends
    with 5 if anything differs. A server may run at the same time.
    """
    from marketplace.fsck import FsckService

    with open_database(source.read()) as database:
        service = FsckService(database)
        workload = service.workload()
        with progress("Verifying", workload.documents) as advance:
            found = list(service.run(advance))
    if found or output in ("json", "yaml"):
        records = [{"where": each.where, "code": each.code, "message": each.message} for each in found]
        write_records(records, ("where", "code", "message"), output, identify="where")
    checked = f"{counted(workload.documents, 'document')} and {counted(workload.changes, 'log row')} verified"
    if found:
        raise CommandError(f"{checked}: {counted(len(found), 'fault')} found", ExitCode.VERIFICATION_FAILED)
    say(f"{checked}, no faults.")
