"""Proves an ID token (OpenID Connect Core 1.0, section 3.1.3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ClaimError, InvalidKeyIdError, JoseError
from joserfc.jws import JWSRegistry

from marketplace.oidc.errors import IdTokenError
from marketplace.oidc.provider import Provider

#: Seconds that clocks may differ, and that an ID token may be old: it is made while the browser waits.
LEEWAY, OLDEST = 60, 600
#: How the checks of the library read to people, by the claim they are about.
_REASONS = {
    "iss": "the token is from another provider",
    "aud": "the token was issued for another site",
    "azp": "the token was issued for another site",
    "nonce": "the token belongs to another sign-in",
    "exp": "the token has expired",
    "iat": "the token's time is in the future or too long ago: check the clocks of this site and the "
    "provider",
    "nbf": "the token is not valid yet",
    "at_hash": "the token belongs to another access token",
    "sub": "the token names no person",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token has to say.

    Args:
        access_token: that came with it.
    """

    client_id: str
    nonce: str
    access_token: str


def prove(token: object, expected: Expected, provider: Provider, now: datetime) -> Mapping[str, Any]:
    """The claims of an ID token.

    Raises:
        IdTokenError: it proves nothing.
        SignInError: the provider's keys cannot be had.
    """
    if not isinstance(token, str):
        raise IdTokenError("the sign-in provider sent no ID token")
    decoded = _decode(token, provider)
    seconds = int(now.timestamp())
    options = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": expected.client_id},
        "sub": {"essential": True},
    }
    params = {
        "nonce": expected.nonce,
        "client_id": expected.client_id,
        "access_token": expected.access_token,
    }
    claims = CodeIDToken(decoded.claims, decoded.header, options, params)
    try:
        claims.validate(now=seconds, leeway=LEEWAY)
    except (JoseError, TypeError, ValueError) as error:
        raise _refused(_reason(error)) from None
    if claims["iat"] < seconds - OLDEST - LEEWAY:
        raise _refused(_REASONS["iat"])
    return claims  # type: ignore[no-any-return]  # Authlib has no types


def _decode(token: str, provider: Provider) -> jwt.Token:
    registry = JWSRegistry(algorithms=list(provider.metadata().algorithms), strict_check_header=False)
    try:
        try:
            return jwt.decode(token, provider.keys(), registry=registry)
        except InvalidKeyIdError:
            # The provider may sign with a new key since its keys were read.
            return jwt.decode(token, provider.keys(missing=True), registry=registry)
    except InvalidKeyIdError:
        raise _refused("the token is signed with a key that the provider does not publish") from None
    except (JoseError, ValueError, TypeError, RecursionError):
        raise _refused("the token's signature does not match a key of the provider") from None


def _reason(error: Exception) -> str:
    claim = error.claim.partition(",")[0] if isinstance(error, ClaimError) else ""
    return _REASONS.get(claim, "a claim of the token is missing or malformed")


def _refused(why: str) -> IdTokenError:
    return IdTokenError(f"the ID token of the sign-in provider is refused: {why}")
