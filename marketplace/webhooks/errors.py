"""Why a webhook is not made, changed or found: a code and a sentence each."""

from __future__ import annotations

from dataclasses import dataclass

from validators.coded_error import CodedError


class WebhookError(CodedError, code="webhook"):
    """Something about webhooks is refused."""


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


class WebhookDefinitionError(WebhookError, code="webhook.definition"):
    """A webhook cannot be as it is asked to be; every fault is named."""

    def __init__(self, *faults: MemberFault) -> None:
        super().__init__("; ".join(one.sentence for one in faults))
        self.faults = faults


class NotOwnerError(WebhookError, code="webhook.owner"):
    """Somebody who is not its owner asks to send the events of a group elsewhere."""

    def __init__(self) -> None:
        super().__init__("only its owner changes a webhook that is told of a group's entries")


class WebhookNotFoundError(WebhookError, code="webhook.unknown"):
    """There is no webhook of that name, or the person may not see it."""

    def __init__(self) -> None:
        super().__init__("there is no webhook of this name")


class DeliveryNotFoundError(WebhookError, code="webhook.delivery"):
    """There is no such delivery of the webhook."""

    def __init__(self) -> None:
        super().__init__("there is no such delivery of this webhook, or it was forgotten")


class SecretKeyError(WebhookError, code="webhook.key"):
    """Secrets of webhooks cannot be read or written; the message names the file and nothing it holds."""
