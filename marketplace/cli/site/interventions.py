"""``marketplace site import``, ``withdraw``, ``hold`` and ``release``: what people at the site say."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.site.common import config_option, judge_image, open_state, read_site, who
from marketplace.cli.streams import say
from validators.identifier import is_identifier

if TYPE_CHECKING:
    from marketplace.sites.configuration import SiteConfiguration
    from marketplace.sites.state import State


def _explaining(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.argument("image")(function)
    function = click.option("--reason", required=True, help="Reason, shown by `why` and in refusals.")(
        function
    )
    until = "End it automatically after this time, such as 12h or 30d."
    function = click.option("--until", metavar="DURATION", help=until)(function)
    return config_option(function)


@examples('marketplace site import MMZu9WvwKIro-rtBQfDk4PsKO7_ --reason "asked for by the physics group"')
@click.command("import")
@_explaining
def import_(config: Path | None, until: str | None, reason: str, image: str) -> None:
    """Import an image into every store without a subscription; the policy still has to allow it."""
    _say("import", config, until, reason, image)


@examples('marketplace site withdraw MMZu9WvwKIro-rtBQfDk4PsKO7_ --reason "CVE-2026-1234"')
@click.command()
@_explaining
def withdraw(config: Path | None, until: str | None, reason: str, image: str) -> None:
    """Let no machine start from an image, no matter who endorses it."""
    _say("withdraw", config, until, reason, image)


@examples('marketplace site hold MMZu9WvwKIro-rtBQfDk4PsKO7_ --until 12h --reason "incident 42"')
@click.command()
@_explaining
def hold(config: Path | None, until: str | None, reason: str, image: str) -> None:
    """Block an image until it is released, for example during an incident."""
    _say("hold", config, until, reason, image)


@examples('marketplace site release MMZu9WvwKIro-rtBQfDk4PsKO7_ --reason "incident 42 is over"')
@click.command()
@_explaining
def release(config: Path | None, until: str | None, reason: str, image: str) -> None:
    """Remove your own decision about an image: an import, a withdrawal or a hold."""
    _say("release", config, until, reason, image)


def _say(kind: str, config: Path | None, until: str | None, reason: str, image: str) -> None:
    from marketplace.sites.state import Intervention, InterventionKind
    from marketplace.sites.units import parse_duration

    if not is_identifier(image):
        raise CommandError(f"{image} is not an image identifier", ExitCode.USAGE)
    now = time.time()
    try:
        end = None if until is None else now + parse_duration(until)
    except ValueError as error:
        raise click.UsageError(f"--until {error}") from None
    configuration = read_site(config)
    with open_state(configuration) as state:
        known = image in state.evidence.identifiers()
        if kind == "release" and state.interventions.find(image, now) is None:
            raise CommandError(f"no decision about {image} by the operator", ExitCode.NOT_FOUND)
        state.interventions.add(Intervention(image, InterventionKind(kind), reason, who(), now, end))
        answered = _answer_by_it(configuration, state, kind)
        against = _reason_against(configuration, state, image) if kind == "import" and known else None
    note = "" if known or kind in ("import", "release") else " (the site does not know this image yet)"
    then = (
        "answers follow it now, stores at the next sync"
        if answered
        else "a running daemon acts at once, else the next sync does"
    )
    if kind == "import" and not known:
        then = "the site looks for it at its marketplaces, at once if the daemon runs, else at the next sync"
    say(f"noted{note}; {then}.")
    if against is not None:
        say(f"it is not imported as long as this is so: {against}")


def _reason_against(configuration: SiteConfiguration, state: State, image: str) -> str | None:
    """Why a known image may not be started now; None where it may."""
    verdicts = judge_image(configuration, state, image)
    verdict = verdicts.latest[image]
    return None if verdict.allowed else verdict.reason


def _answer_by_it(configuration: SiteConfiguration, state: State, kind: str) -> bool:
    """Make the answers anew, where no daemon does; whether it was done."""
    from marketplace.sites.errors import StateInUseError
    from marketplace.sites.site import Site
    from marketplace.sites.state import StateLock

    try:
        with StateLock(configuration.table.state, f"marketplace site {kind}"):
            site = Site(configuration, state)
            site.judge()
            site.publish()
            site.close()
    except StateInUseError:
        return False
    return True
