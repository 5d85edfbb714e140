"""Why a webhook is not made, changed or found: a code and a sentence each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class WebhookError(Exception):
    """Something about webhooks is refused."""

    code: ClassVar[str] = "webhook"


@dataclass(frozen=True, slots=True)
class MemberFault:
    """What is wrong with something that a webhook is asked to be.

    Args:
        member: that is wrong: ``url``, ``audience``, ``kinds``, ``view``, ``endorser``, ``tag``,
            ``description``, ``secret``; empty where it is none of them.
        sentence: names the member and says what it may be.
    """

    member: str
    sentence: str


class WebhookDefinitionError(WebhookError):
    """A webhook cannot be as it is asked to be; every fault is named."""

    code = "webhook.definition"

    def __init__(self, *faults: MemberFault) -> None:
        super().__init__("; ".join(one.sentence for one in faults))
        self.faults = faults


class NotOwnerError(WebhookError):
    """Somebody who is not its owner asks to send the events of a group elsewhere."""

    code = "webhook.owner"

    def __init__(self) -> None:
        super().__init__("only its owner changes a webhook that is told of a group's entries")


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
