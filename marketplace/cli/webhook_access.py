"""The webhooks of the settings, for commands, and what is said where something about them is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.options import read_settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from marketplace.webhooks.registry import WebhookRegistry

name_argument = click.argument("name")


def registry_of(config: Path | None, data: str | None, session: Session) -> WebhookRegistry:
    """The webhooks, as a transaction sees them."""
    from marketplace.locations import AddressGuard
    from marketplace.webhooks.registry import WebhookRegistry
    from marketplace.webhooks.secrets import SecretBox

    settings = read_settings(config, data)
    return WebhookRegistry(session, SecretBox(settings.data), AddressGuard(settings.webhooks.allow_private))


@contextmanager
def explained() -> Iterator[None]:
    """Turn what is refused into the failure of a command."""
    from marketplace.webhooks.errors import (
        DeliveryNotFoundError,
        WebhookDefinitionError,
        WebhookError,
        WebhookNotFoundError,
    )

    codes: dict[type[WebhookError], ExitCode] = {
        WebhookDefinitionError: ExitCode.USAGE,
        WebhookNotFoundError: ExitCode.NOT_FOUND,
        DeliveryNotFoundError: ExitCode.NOT_FOUND,
    }
    try:
        yield
    except WebhookError as error:
        raise CommandError(f"{error} [{error.code}]", codes.get(type(error), ExitCode.OTHER)) from None
