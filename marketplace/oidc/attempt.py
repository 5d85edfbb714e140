"""A sign-in that is under way: all of it is in the browser's cookie, so beginning one costs no write.

State, nonce and code verifier are made from one secret, which only the cookie holds. The provider and
whoever looks at URLs see the first two, and from them nothing can be told about the third.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256

_COOKIE = re.compile(r"([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{0,2000})")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that is under way.

    Args:
        secret: 43 characters, in the browser's cookie only.
        wanted: path of this site to go to afterwards.
    """

    secret: str = field(repr=False)
    wanted: str

    @classmethod
    def begin(cls, wanted: str) -> Attempt:
        """A new attempt to sign in."""
        return cls(secrets.token_urlsafe(32), wanted)

    @classmethod
    def parse(cls, cookie: str) -> Attempt | None:
        """The attempt in a cookie; None where this site did not make the cookie."""
        found = _COOKIE.fullmatch(cookie)
        if found is None:
            return None
        try:
            padded = found[2] + "=" * (-len(found[2]) % 4)
            return cls(found[1], base64.urlsafe_b64decode(padded).decode())
        except (binascii.Error, UnicodeDecodeError):
            return None

    def cookie(self) -> str:
        """What the browser keeps of it: letters, digits, ``-`` and ``_``."""
        return self.secret + base64.urlsafe_b64encode(self.wanted.encode()).decode().rstrip("=")

    @property
    def state(self) -> str:
        """Binds the provider's answer to this browser (RFC 6749, section 10.12)."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """Binds the ID token to this sign-in (OpenID Connect Core 1.0, section 3.1.2.1)."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """Proves to the provider who asked for the code (RFC 7636, section 4.1)."""
        return self._derived("verifier")

    @property
    def digest(self) -> str:
        """What is remembered of an attempt that was used (64 hex digits)."""
        return sha256(self.secret.encode()).hexdigest()

    def is_answered_by(self, state: str) -> bool:
        """Whether a state is this one's, in a time that does not tell how nearly."""
        return hmac.compare_digest(state.encode(), self.state.encode())

    def _derived(self, purpose: str) -> str:
        made = hmac.digest(self.secret.encode(), purpose.encode(), "sha256")
        return base64.urlsafe_b64encode(made).decode().rstrip("=")
