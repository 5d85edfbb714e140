"""What the commands of a site share."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from marketplace.sites.configuration import SiteConfiguration
    from marketplace.sites.state import State
    from marketplace.sites.verdicts import SiteVerdicts


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--config`` to a command of a site."""
    return click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The site's configuration; else MARKETPLACE_SITE_CONFIG, ./site.toml, "
        "/etc/marketplace/site.toml.",
    )(function)


def read_site(config: Path | None) -> SiteConfiguration:
    """The site's configuration.

    Raises:
        SiteConfigurationError: naming every fault.
    """
    from marketplace.sites.configuration import find_file, read_configuration

    return read_configuration(find_file(config))


@contextmanager
def open_state(configuration: SiteConfiguration) -> Iterator[State]:
    """The site's state, closed at the end.

    Raises:
        StateError: it cannot be used.
    """
    from marketplace.sites.state import State

    state = State(configuration.table.state)
    try:
        yield state
    finally:
        state.close()


def judge_image(configuration: SiteConfiguration, state: State, image: str) -> SiteVerdicts:
    """Judge one image that the site knows, as its daemon does.

    Returns:
        the verdicts, with that of the image.
    """
    from marketplace.sites.site import open_trust
    from marketplace.sites.verdicts import SiteVerdicts

    verdicts = SiteVerdicts(state, open_trust(configuration, state), configuration.policy, time.time)
    verdicts.judge([image])
    return verdicts


def show_time(wall: float | None) -> str | None:
    """A moment of the wall clock for people and programs: UTC, whole seconds."""
    return None if not wall else datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def who() -> str:
    """The name of the user who runs the command."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"
