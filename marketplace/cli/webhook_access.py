"""The webhooks of the settings, for commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

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
