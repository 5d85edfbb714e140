"""Why a webhook is not made, changed or found: a code and a sentence each."""

from __future__ import annotations

from typing import ClassVar


class WebhookError(Exception):
    """Something about webhooks is refused."""

    code: ClassVar[str] = "webhook"


class WebhookDefinitionError(WebhookError):
    """A webhook cannot be as it is asked to be; every fault is named."""

    code = "webhook.definition"

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class WebhookNotFoundError(WebhookError):
    """There is no webhook of that name, or the person may not see it."""

    code = "webhook.unknown"

    def __init__(self) -> None:
        super().__init__("there is no webhook of this name")


class DeliveryNotFoundError(WebhookError):
    """There is no such delivery of the webhook."""

    code = "webhook.delivery"

    def __init__(self) -> None:
        super().__init__("there is no such delivery of this webhook, or it was forgotten")


class SecretKeyError(WebhookError):
    """Secrets of webhooks cannot be read or written; the message names the file and nothing it holds."""

    code = "webhook.key"
