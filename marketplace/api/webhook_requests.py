"""What requests about webhooks share: a webhook found and told, and what it is asked to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyramid.request import Request
from sqlalchemy.orm import Session

from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from marketplace.webhooks.definitions import AskedWebhook, EventFilters, Hook, parse_kinds
from marketplace.webhooks.deliveries import Deliveries
from marketplace.webhooks.errors import (
    WebhookNotFoundError,
)
from marketplace.webhooks.registry import WebhookRegistry
from marketplace.webhooks.rights import may_see
from marketplace.webhooks.signature import parse_secret

from .answers import site_url
from .description import Parameter
from .shapes import webhooks as shapes

GROUP = "Events and webhooks"
WEBHOOK = Parameter(
    "webhook",
    "the name of a webhook",
    {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    lambda text: text or "",
)
UNKNOWN = {404: ["webhook.unknown"]}


def read_asked(
    given: shapes.WebhookParts | shapes.ChangedWebhookParts, audience: str
) -> tuple[AskedWebhook, bytes | None]:
    """What a body asks a webhook to be, and the secret that it brings along.

    Raises:
        WebhookDefinitionError: a kind or the secret is none.
    """
    filters = EventFilters(parse_kinds(given.kinds), given.view, given.endorser, given.tag)
    secret = None if given.secret is None else parse_secret(given.secret)
    return AskedWebhook(given.url, audience, filters, given.description), secret


def find(request: Request, registry: WebhookRegistry) -> Hook:
    """The webhook of the path, which whoever asks has to be allowed to see.

    Raises:
        WebhookNotFoundError: there is none, or none for them.
    """
    hook = registry.get(request.matchdict["webhook"])
    if not may_see(principal_of(request), hook):
        raise WebhookNotFoundError
    return hook


@contextmanager
def reading(request: Request) -> Iterator[tuple[WebhookRegistry, Session]]:
    """The webhooks in a transaction that reads."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        yield runtime.webhook_registry(session), session


@contextmanager
def writing(request: Request) -> Iterator[tuple[WebhookRegistry, Session]]:
    """The webhooks in a transaction that writes."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.write() as session:
        yield runtime.webhook_registry(session), session


def webhook_members(session: Session, hook: Hook, request: Request) -> dict[str, Any]:
    """The members of a webhook as programs read it."""
    self = f"{site_url(request)}/api/v1/webhooks/{hook.name}"
    return {
        "name": hook.name,
        "url": hook.url,
        "owner": hook.owner,
        "audience": hook.audience,
        **{name: getattr(hook.filters, name) for name in ("kinds", "view", "endorser", "tag")},
        "description": hook.description,
        "enabled": hook.disabled_at is None,
        "state": hook.state,
        "created_at": hook.created_at,
        "failing_since": hook.failing_since,
        "disabled_at": hook.disabled_at,
        "disabled_reason": hook.disabled_reason,
        "former_secret_until": hook.rotating_until,
        "deliveries": Deliveries(session).counts(hook),
        "links": shapes.WebhookLinksShape(self=self, deliveries=f"{self}/deliveries"),
    }
