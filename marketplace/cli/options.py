"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from validators.checksums import find_checksum

if TYPE_CHECKING:
    from marketplace.client import MarketplaceClient
    from marketplace.config import Settings

_CONFIG_VARIABLE = "MARKETPLACE_CONFIG"


@dataclass(frozen=True)
class SettingsSource:
    """Where an operator's command has its settings from.

    Args:
        config: file with settings; None: the one that the environment names, if it does.
        data: directory of data instead of the configured one.
    """

    config: Path | None
    data: str | None

    def read(self, **overrides: str | None) -> Settings:
        """The settings: file, then environment, then options.

        From here on the process makes files for its own user only: they hold what groups keep to themselves.

        Raises:
            ConfigurationError: naming every fault.
        """
        from marketplace.config import load_settings

        os.umask(0o077)
        config = self.config
        if config is None and os.environ.get(_CONFIG_VARIABLE):
            config = Path(os.environ[_CONFIG_VARIABLE])
        given = {"data": self.data} | {name.replace("_", "."): value for name, value in overrides.items()}
        return load_settings(
            config, os.environ, {name: value for name, value in given.items() if value is not None}
        )


def as_one(parameter: str, kind: type[Any], *options: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that adds options to a command, which has their values as one parameter.

    Args:
        parameter: its name.
        kind: the dataclass that it is made of; its fields are the options.
    """
    names = [one.name for one in fields(kind)]

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(**given: Any) -> Any:
            values = {name: given.pop(name) for name in names}
            return function(**given, **{parameter: kind(**values)})

        for option in reversed(options):
            call = option(call)
        return call

    return add


#: Adds ``--config`` and ``--data`` to an operator's command; its parameter is ``source``.
settings_options = as_one(
    "source",
    SettingsSource,
    click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help=f"Settings file (ini); else {_CONFIG_VARIABLE}.",
    ),
    click.option("--data", metavar="DIR", help="Data directory (setting: data; default: ./var)."),
)


def endpoint_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--endpoint`` to a client's command."""
    return click.option(
        "--endpoint",
        metavar="URL",
        help="Base URL of the marketplace; else MARKETPLACE_ENDPOINT, STRATUSLAB_MARKETPLACE_ENDPOINT, "
        "or 'endpoint' under [client] in ~/.config/marketplace/config.ini.",
    )(function)


def audience_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--audience`` to a command that uploads."""
    return click.option(
        "--audience",
        metavar="GROUP",
        help="Upload to this group: only its members see the entry. Needs MARKETPLACE_TOKEN.",
    )(function)


def scope_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--scope`` to a command that lists or searches."""
    return click.option(
        "--scope",
        metavar="SCOPE",
        help="Which entries: all that you may see, public, mine (of your groups) or group:NAME.",
    )(function)


def checksum_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--checksum`` to a command that lists or searches."""
    return click.option(
        "--checksum",
        metavar="CHECKSUM",
        callback=_read_checksum,
        help="Only entries about the image with this MD5, SHA-1, SHA-256, SHA-384 or SHA-512: "
        "hex digits, sha256:HEX, or an identifier.",
    )(function)


def _read_checksum(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    checksum = None if text is None else find_checksum(text)
    if text is not None and checksum is None:
        raise click.BadParameter(f"{text!r} is not a checksum: give all its hex digits", context, parameter)
    return None if checksum is None else f"{checksum.algorithm}:{checksum.value}"


def open_client(endpoint: str | None) -> MarketplaceClient:
    """A client of the marketplace that the option or the configuration names.

    Raises:
        EndpointError: none is configured.
    """
    from marketplace.client import MarketplaceClient, get_endpoint
    from marketplace.client.endpoint import find_token
    from marketplace.client.transport import Transport

    return MarketplaceClient(Transport(get_endpoint(endpoint, os.environ), token=find_token(os.environ)))
