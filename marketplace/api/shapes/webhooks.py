"""Shapes of webhooks and their deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from marketplace.events import Kind

from .base import Count, Next, RequestBody, Shape, Text, Time, Url, array, one_of, text


class ChangedWebhookParts(RequestBody):
    """What a webhook is to be; what is left out is empty, but `audience`, `secret` and `enabled` stay."""

    url: str
    kinds: Annotated[list[Any], array(one_of(*Kind))] = Field(default_factory=list)
    view: Text = None
    endorser: Text = None
    tag: Text = None
    description: str = ""
    secret: Text = None
    audience: Text = None
    enabled: Annotated[bool | None, WithJsonSchema({"type": "boolean"})] = None


class WebhookParts(RequestBody):
    """A webhook to make."""

    url: str
    audience: str
    kinds: Annotated[list[Any], array(one_of(*Kind))] = Field(default_factory=list)
    view: Text = None
    endorser: Text = None
    tag: Text = None
    description: str = ""
    secret: Text = None


class WebhookDeliveriesShape(Shape):
    """How many deliveries of a webhook there are."""

    waiting: Count
    sent: Count
    dead: Count


class WebhookLinksShape(Shape):
    """The addresses of a webhook."""

    self: Url
    deliveries: Url


class WebhookShape(Shape):
    """A webhook, without its secret."""

    name: Annotated[str, text(pattern="^[0-9a-f]{16}$")]
    url: Url
    owner: str
    audience: str = Field(description="`site`, `own` or `group:NAME`")
    kinds: Sequence[Kind]
    view: str | None
    endorser: str | None
    tag: str | None
    description: str
    enabled: bool = Field(description="whether it is told of events")
    state: Annotated[str, one_of("ok", "failing", "disabled")]
    created_at: Time
    failing_since: Time | None
    disabled_at: Time | None
    disabled_reason: str | None
    former_secret_until: Time | None = Field(description="until when the former secret signs too")
    deliveries: WebhookDeliveriesShape
    links: WebhookLinksShape


class NewWebhookShape(WebhookShape):
    """A webhook, with its secret where it was made just now."""

    secret: str | None = Field(description="shown this once: `whsec_` and base64")


class WebhooksShape(Shape):
    """Webhooks."""

    total: Count
    webhooks: Sequence[WebhookShape]
    next: Next = None


class DeliveryShape(Shape):
    """An event for a webhook."""

    event: str
    kind: str = Field(description="of the event, or `webhook.test`")
    state: Annotated[str, one_of("waiting", "sent", "dead")]
    attempts: Count
    status: Count | None = Field(description="of the last answer")
    duration_ms: Count | None
    answer: str = Field(description="its first characters")
    error: str | None
    owed_at: Time
    next_at: Time | None = Field(description="when it is tried next")
    finished_at: Time | None


class DeliveriesShape(Shape):
    """Deliveries."""

    total: Count
    deliveries: Sequence[DeliveryShape]
    next: Next = None
