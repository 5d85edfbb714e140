"""The webhooks of the settings, for commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from marketplace.cli.options import SettingsSource

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from marketplace.webhooks.registry import WebhookRegistry

name_argument = click.argument("name")


def registry_of(source: SettingsSource, session: Session) -> WebhookRegistry:
    """The webhooks, as a transaction sees them."""
    from marketplace.locations import AddressGuard
    from marketplace.webhooks.registry import WebhookRegistry
    from marketplace.webhooks.secrets import SecretBox

    settings = source.read()
    return WebhookRegistry(session, SecretBox(settings.data), AddressGuard(settings.webhooks.allow_private))
