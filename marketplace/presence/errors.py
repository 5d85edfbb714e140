"""Why receipts, or the key of a site, are not taken: a code and a sentence each."""

from __future__ import annotations

from typing import ClassVar


class PresenceError(Exception):
    """Something that a site sends is not taken."""

    code: ClassVar[str] = "receipt"


class SiteKeyBindingError(PresenceError):
    """Another key is bound to the site's name, or the name cannot be bound with this token."""

    code = "receipt.key"


class SiteNotFoundError(PresenceError):
    """No key is bound to the name."""

    code = "site.unknown"


class NotTakenError(PresenceError):
    """One receipt of a request is refused.

    Args:
        code: stable name of the rule.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.name = code
