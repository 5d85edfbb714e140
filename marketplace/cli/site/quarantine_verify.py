"""``marketplace site quarantine`` and ``verify``."""

from __future__ import annotations

import random
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.output import Format, output_option, write_record, write_records
from marketplace.cli.progress import progress
from marketplace.cli.site.common import config_option, open_state, read_site, show_time, who
from marketplace.cli.streams import say
from marketplace.cli.whole_help import WholeGroup
from marketplace.moments import counted

if TYPE_CHECKING:
    from marketplace.sites.state import Copy, State


@examples(
    "marketplace site quarantine list",
    "marketplace site quarantine show MMZu9WvwKIro-rtBQfDk4PsKO7_",
)
@click.group(cls=WholeGroup)
def quarantine() -> None:
    """Manage images that are not what was endorsed, or not safe."""


@examples("marketplace site quarantine list")
@quarantine.command("list")
@config_option
@output_option
def list_(config: Path | None, output: Format) -> None:
    """List the images in quarantine."""
    with open_state(read_site(config)) as state:
        records = [_record(one) for one in _quarantined(state)]
    write_records(records, ("identifier", "store", "since", "reason"), output, identify="identifier")


@examples("marketplace site quarantine show MMZu9WvwKIro-rtBQfDk4PsKO7_")
@quarantine.command()
@config_option
@output_option
@click.argument("image")
def show(config: Path | None, output: Format, image: str) -> None:
    """Show why an image is in quarantine."""
    with open_state(read_site(config)) as state:
        for one in _named(state, image):
            write_record(_record(one), output, identify="identifier")


@examples(
    'marketplace site quarantine release MMZu9WvwKIro-rtBQfDk4PsKO7_ --reason "the mirror was mended"',
)
@quarantine.command()
@config_option
@click.option("--reason", required=True, help="Reason for the new attempt.")
@click.argument("image")
def release(config: Path | None, reason: str, image: str) -> None:
    """Try an image in quarantine again: it passes through every check."""
    from marketplace.sites.state import CopyState

    with open_state(read_site(config)) as state:
        for one in _named(state, image):
            why = f"released from quarantine: {reason} ({who()})"
            state.copies.move(one, CopyState.WANTED, why, time.time(), failures=0, measured_by=None)
    say("the daemon tries it again, or the next sync.")


@examples("marketplace site quarantine drop MMZu9WvwKIro-rtBQfDk4PsKO7_")
@quarantine.command()
@config_option
@click.argument("image")
def drop(config: Path | None, image: str) -> None:
    """Delete the bytes of an image in quarantine."""
    from marketplace.sites.state import CopyState
    from marketplace.sites.stores.opening import open_stores

    configuration = read_site(config)
    stores = open_stores(configuration.table)
    with open_state(configuration) as state:
        for one in _named(state, image):
            if one.store in stores and one.external is not None:
                stores[one.store].remove(one.external)
            state.copies.move(one, CopyState.REMOVED, f"dropped from quarantine ({who()})", time.time())


@examples(
    "marketplace site verify",
    "marketplace site verify --sample 10",
)
@click.command()
@config_option
@output_option
@click.option(
    "--sample", type=click.IntRange(min=1), metavar="N", help="Only this many copies, chosen at random."
)
def verify(config: Path | None, output: Format, sample: int | None) -> None:
    """Verify the copies in the stores, byte by byte.

    A wrong copy is hidden from users at once. Ends with 5 if there is one, else with 9 if a copy
    could not be read from its store.
    """
    from marketplace.sites.site import Site
    from marketplace.sites.verifying import available_copies, verify_copy

    configuration = read_site(config)
    faults: list[dict[str, Any]] = []
    with open_state(configuration) as state:
        site = Site(configuration, state)
        site.judge()
        copies = available_copies(site)
        if sample is not None and sample < len(copies):
            copies = random.SystemRandom().sample(copies, sample)
        with progress("verifying", sum(one.size for one in copies)) as step:
            for one in copies:
                found = verify_copy(site, one)
                if found is not None:
                    faults.append({"identifier": one.identifier, "store": one.store} | asdict(found))
                step(one.size)
        site.close()
    write_records(faults, ("identifier", "store", "fault"), output, identify="identifier")
    wrong = sum(one["wrong"] for one in faults)
    unseen = len(faults) - wrong
    say(
        f"{counted(len(copies) - unseen, 'copy', 'copies')} verified, "
        f"{counted(wrong, 'is', 'are')} wrong" + (f"; {unseen} could not be read." if unseen else ".")
    )
    if wrong:
        raise CommandError("wrong copies cannot be started any more", ExitCode.VERIFICATION_FAILED)
    if unseen:
        raise CommandError("some copies could not be read; they stay as they are", ExitCode.PARTLY)


def _quarantined(state: State) -> list[Copy]:
    from marketplace.sites.state import CopyState

    return [one for one in state.copies.all() if one.state is CopyState.QUARANTINED]


def _named(state: State, image: str) -> list[Copy]:
    found = [one for one in _quarantined(state) if image in (one.identifier, one.digest)]
    if not found:
        raise CommandError(f"{image} is not in quarantine", ExitCode.NOT_FOUND)
    return found


def _record(one: Copy) -> dict[str, Any]:
    return {
        "identifier": one.identifier,
        "store": one.store,
        "since": show_time(one.changed),
        "name": one.external,
        "digest": one.digest,
        "reason": one.reason,
    }
