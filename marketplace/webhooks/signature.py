"""Secrets and signatures of webhooks. Pure.

Source: Standard Webhooks 1.0.0, "Signature scheme" and "Webhook headers (sending metadata to consumers)".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

from marketplace.webhooks.errors import MemberFault, WebhookDefinitionError

#: In front of a secret, so that people and scanners know one.
PREFIX = "whsec_"
#: Random bytes of a secret.
SECRET_BYTES = 32
#: Bytes of a secret that somebody brings along, as the specification has it.
_SHORTEST, _LONGEST = 24, 64


def make_secret() -> bytes:
    """The bytes of a new secret."""
    return secrets.token_bytes(SECRET_BYTES)


def spell_secret(secret: bytes) -> str:
    """A secret as receivers are given it."""
    return PREFIX + base64.b64encode(secret).decode()


def parse_secret(text: str) -> bytes:
    """A secret as receivers are given it.

    Raises:
        WebhookDefinitionError: it is none; the message does not repeat it.
    """
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        secret = b""
    if not text.startswith(PREFIX) or not _SHORTEST <= len(secret) <= _LONGEST:
        raise WebhookDefinitionError(
            MemberFault("secret", f"secret is {PREFIX} and {_SHORTEST} to {_LONGEST} random bytes in base64")
        )
    return secret


def headers(message_id: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers of one attempt.

    Args:
        message_id: names the message, at each attempt the same.
        at: when this attempt is made.
        body: exactly the bytes that are sent.
        keys: the secrets that are in force, the newest first; there is a signature by each.
    """
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    macs = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{mac}" for mac in macs),
    }
