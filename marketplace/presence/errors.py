"""Why receipts, or the key of a site, are not taken: a code and a sentence each."""

from __future__ import annotations

from validators.coded_error import CodedError


class PresenceError(CodedError, code="receipt"):
    """Something that a site sends is not taken."""


class SiteKeyBindingError(PresenceError, code="receipt.key"):
    """Another key is bound to the site's name, or the name cannot be bound with this token."""


class SiteNotFoundError(PresenceError, code="site.unknown"):
    """No key is bound to the name."""


class NotTakenError(PresenceError):
    """One receipt of a request is refused.

    Args:
        code: stable name of the rule.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.name = code
