"""``marketplace site sync`` and ``run``."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.site.common import config_option, open_state, read_site
from marketplace.cli.streams import say
from marketplace.logs import configure, printable
from marketplace.moments import counted

if TYPE_CHECKING:
    from marketplace.sites.configuration import SiteConfiguration
    from marketplace.sites.filler import Progress
    from marketplace.sites.runs import Done

#: Images of a kind that a run names, such as refused ones; the others are counted.
_NAMED = 5


@examples(
    "marketplace site sync --dry-run",
    "marketplace site sync --only debian",
)
@click.command()
@config_option
@output_option
@click.option("--dry-run", is_flag=True, help="Show what would be done and why; change nothing.")
@click.option("--only", metavar="SUBSCRIPTION", help="Import for this subscription only.")
def sync(config: Path | None, output: Format, dry_run: bool, only: str | None) -> None:
    """Run once: read marketplaces, judge images, withdraw and import.

    Made for a timer. Ends with 5 if an image is not what was endorsed, 9 if some images failed, 7 if
    no marketplace answered, 8 if another process is using the state. Requested images that the
    site's rules refuse are listed with the reason; they do not change the exit code.
    """
    configuration = _only(read_site(config), only)
    configure(os.environ.get("MARKETPLACE_LOG_LEVEL", "warning"), "text")
    if dry_run:
        _dry_run(configuration, output)
        return
    from marketplace.sites import runs
    from marketplace.sites.site import Site
    from marketplace.sites.state import StateLock

    with (
        StateLock(configuration.table.state, "marketplace site sync"),
        open_state(configuration) as state,
        _progress() as progress,
    ):
        site = Site(configuration, state, progress=progress)
        try:
            done = runs.sync(site)
        finally:
            site.close()
    _tell(done)
    _end(done, len(configuration.table.marketplace))


@examples("marketplace site run --config /etc/marketplace/site.toml")
@click.command()
@config_option
def run(config: Path | None) -> None:
    """Run the site's daemon: follow marketplaces and answer questions.

    Answers over a unix socket and in the verdict file, serves metrics, and reads its policy again
    when the file changes. SIGTERM ends it in order.
    """
    configuration = read_site(config)
    configure(os.environ.get("MARKETPLACE_LOG_LEVEL", "info"), _log_style())
    from marketplace.sites.daemon import Daemon
    from marketplace.sites.state import StateLock

    with StateLock(configuration.table.state, "marketplace site run"), open_state(configuration) as state:
        Daemon(configuration, state).run()


def _log_style() -> Literal["json", "text"]:
    return "text" if os.environ.get("MARKETPLACE_LOG_FORMAT") == "text" else "json"


def _only(configuration: SiteConfiguration, name: str | None) -> SiteConfiguration:
    if name is None:
        return configuration
    if name not in [one.name for one in configuration.table.subscription]:
        raise CommandError(f"{configuration.file} has no subscription {name}", ExitCode.NOT_FOUND)
    return replace(configuration, only=name)


def _dry_run(configuration: SiteConfiguration, output: Format) -> None:
    """Plan over a copy of the state, so that nothing is changed."""
    from marketplace.sites.runs import Done, hear
    from marketplace.sites.site import Site
    from marketplace.sites.state import State
    from marketplace.sites.state.database import FILE
    from marketplace.sites.units import show_size

    with tempfile.TemporaryDirectory(prefix="marketplace-site-") as folder:
        table = configuration.table
        if (table.state / FILE).exists():
            with open_state(configuration) as state:
                state.database.copy_to(Path(folder) / FILE)
        for_trial = replace(table, state=Path(folder), run=Path(folder))
        state = State(Path(folder))
        try:
            site = Site(replace(configuration, table=for_trial), state)
            done = Done()
            hear(site, done)
            steps = site.plan()
            site.close()
        finally:
            state.close()
    records = [
        {
            "step": one.step.value,
            "store": one.store,
            "identifier": one.identifier,
            "bytes": one.size,
            "reason": one.reason,
        }
        for one in steps
    ]
    write_records(records, ("step", "store", "identifier", "bytes", "reason"), output, identify="identifier")
    moved = sum(one.size for one in steps if one.step.value == "import")
    say(f"{counted(len(steps), 'step')}, {show_size(moved)} to fetch; nothing was changed.")
    _tell_requests(done)
    _end(done, len(configuration.table.marketplace))


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A line on a terminal that tells how many bytes came so far."""
    from marketplace.sites.filler import Progress
    from marketplace.sites.units import show_size

    if not sys.stderr.isatty():
        yield None
        return
    moved: dict[tuple[str, str], int] = {}
    width = shutil.get_terminal_size().columns - 1

    def tell(copy: object, size: int) -> None:
        from marketplace.sites.state import Copy

        assert isinstance(copy, Copy)  # noqa: S101  # progress is told of copies
        key = (copy.digest, copy.store)
        before = moved.get(key, 0)
        moved[key] = before + size
        if before >> 22 != moved[key] >> 22:
            share = 100 * moved[key] // max(copy.size, 1)
            whole = show_size(sum(moved.values()))
            line = f"{copy.identifier} {share}% of {show_size(copy.size)}; {whole} in all"
            click.echo("\r" + line[:width].ljust(width), nl=False, err=True)

    yield Progress(tell)
    if moved:
        click.echo("\r" + " " * width + "\r", nl=False, err=True)


def _tell(done: Done) -> None:
    for reason in done.unheard:
        say(reason)
    say(
        f"{done.imported} imported, {done.withdrawn} withdrawn, {done.removed} removed, "
        f"{done.failed} failed, {done.unproven} failed verification."
    )
    for one in done.withdrawals[:_NAMED]:
        told = f"  withdrawn: {one.identifier} from store {one.store}: {one.reason}"
        click.echo(printable(told), err=True)
    if (others := len(done.withdrawals) - _NAMED) > 0:
        told = f"  and {counted(others, 'other')}: marketplace site list --state withdrawn"
        click.echo(told, err=True)
    _tell_requests(done)


def _tell_requests(done: Done) -> None:
    """Say which requests the site's rules refuse, and for which subscriptions there is no image."""
    refused = done.refused_requests
    if refused:
        asked = counted(len(refused), "requested image is", "requested images are")
        say(f"{asked} refused, and not imported:")
        for one in refused[:_NAMED]:
            click.echo(printable(f"  {one.identifier} ({one.asked_by}): {one.reason}"), err=True)
        others = len(refused) - _NAMED
        if others > 0:
            click.echo(f"  and {counted(others, 'other')}: marketplace site status", err=True)
        say(f"every rule behind a refusal: marketplace site why {refused[0].identifier}")
    for name in done.without_images:
        say(f"subscription {name}: no marketplace that was heard lists an image for it")


def _end(done: Done, marketplaces: int) -> None:
    """Raise what the exit code is to be."""
    if done.unproven:
        raise CommandError(
            "some images differ from their entries, or are not safe: marketplace site quarantine list",
            ExitCode.VERIFICATION_FAILED,
        )
    if done.contradictions:
        raise CommandError("; ".join(done.contradictions), ExitCode.VERIFICATION_FAILED)
    if done.refused:
        raise CommandError("; ".join(done.refused), ExitCode.PARTLY)
    if done.failed:
        raise CommandError("some images failed: marketplace site list --state failed", ExitCode.PARTLY)
    if len(done.unheard) >= marketplaces:
        raise CommandError(
            "no marketplace answered; known images stay as they are", ExitCode.NETWORK_OR_SERVER
        )
    if done.hooks_failed:
        raise CommandError("some hooks failed; they run again at the next sync", ExitCode.PARTLY)
