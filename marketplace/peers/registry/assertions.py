"""Short-lived assertions by which sites tell each other who is asking (JWT, EdDSA, RFC 8037).

They are signed by a site's auth key, which its peers pinned; never by its log key.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from marketplace.federation.keys import SiteKeys
from marketplace.peers.errors import PeerError
from marketplace.tlog.note import VerifierKey

#: Seconds that an assertion of ours holds, that one of others may hold, and that clocks may differ.
LIFETIME, LONGEST, LEEWAY = 240, 300, 60
#: Characters of an assertion; ours have about 250.
_MOST = 2000
_ALGORITHM = "EdDSA"


class UnprovenAssertionError(PeerError, code="credentials.assertion"):
    """An assertion proves nothing."""


def make_assertion(keys: SiteKeys, audience: str, now: datetime) -> str:
    """Say to a peer that this site is asking.

    Args:
        audience: the peer's name.
    """
    issued = int(now.timestamp())
    claims = {"iss": keys.site, "aud": audience, "iat": issued, "exp": issued + LIFETIME}
    return jwt.encode(claims, keys.auth.private, algorithm=_ALGORITHM)


def looks_like_assertion(secret: str) -> bool:
    """Whether a bearer secret is an assertion; tokens of people have no dots."""
    return secret.count(".") == 2 and secret.startswith("ey")


def verify_assertion(
    text: str, find_key: Callable[[str], VerifierKey | None], audience: str, now: datetime
) -> str:
    """The name of the site that made an assertion for us.

    Args:
        find_key: the auth key that was pinned for a site; None for sites not known here.
        audience: our own name.

    Raises:
        UnprovenAssertionError: it is none, is out of date, for somebody else, or not signed by that key.
    """
    if len(text) > _MOST:
        raise UnprovenAssertionError("the assertion is too long")
    try:
        claimed = jwt.decode(text, options={"verify_signature": False})
        issuer = claimed.get("iss")
        key = find_key(issuer) if isinstance(issuer, str) else None
        if key is None:
            raise UnprovenAssertionError("the assertion is from a site that is not a peer here")
        claims = jwt.decode(
            text,
            Ed25519PublicKey.from_public_bytes(key.public),
            algorithms=[_ALGORITHM],
            audience=audience,
            issuer=issuer,
            # The times are compared below, with the clock that was passed in.
            options={"require": ["exp", "iat", "iss", "aud"], "verify_exp": False, "verify_iat": False},
        )
        issued, ends = float(claims["iat"]), float(claims["exp"])
    except (jwt.PyJWTError, RecursionError, ValueError, TypeError, OverflowError):
        raise UnprovenAssertionError("the assertion's signature is not valid") from None
    moment = now.timestamp()
    if not ends - issued <= LONGEST or not issued - LEEWAY <= moment <= ends + LEEWAY:
        raise UnprovenAssertionError("the assertion is out of date: check the clocks of both sites")
    return str(issuer)
