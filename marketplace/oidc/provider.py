"""What a provider publishes of itself: addresses and keys, remembered for a time.

OpenID Connect Discovery 1.0, section 4; RFC 7517 for the keys.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from marketplace.config.oidc import is_safe_url
from marketplace.oidc.contact import Contact
from marketplace.oidc.errors import ProviderAnswerError, SignInError

#: How long addresses and keys are believed, how soon keys are read again for a key that is not among them,
#: and how long a failure is remembered, so that not each visitor waits for a provider that is away.
FRESH, KEYS_AGAIN, FAILED = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=10)
#: Signatures with public keys only: with a shared secret, whoever knows a public key could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
MOST_KEYS = 100


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """What a provider says of itself in discovery.

    Args:
        userinfo_endpoint: where further claims are; empty: nowhere.
        auth_methods: how sites may show who they are at the token endpoint.
        algorithms: of signatures, those that are taken here.
        names_issuer: it names itself in each answer (RFC 9207).
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    auth_methods: tuple[str, ...]
    algorithms: tuple[str, ...]
    names_issuer: bool


class Provider:
    """One provider. Safe to share between threads.

    Args:
        issuer: exactly as it names itself.
        now: the clock.
    """

    def __init__(self, issuer: str, contact: Contact, now: Callable[[], datetime]) -> None:
        self.issuer = issuer
        self._contact = contact
        self._now = now
        self._lock = threading.Lock()
        self._metadata: tuple[ProviderMetadata, datetime] | None = None
        self._keys: tuple[KeySet, datetime] | None = None
        self._failure: tuple[SignInError, datetime] | None = None

    @property
    def problem(self) -> SignInError | None:
        """Why nobody can be signed in now, as far as that is known without asking."""
        failure, now = self._failure, self._now()
        return failure[0] if failure is not None and now - failure[1] < FAILED else None

    def metadata(self) -> ProviderMetadata:
        """The provider's description, with its addresses.

        Raises:
            SignInError: they cannot be had, or one is none to be used.
        """
        with self._lock:
            known, now = self._metadata, self._now()
            if known is not None and now - known[1] < FRESH:
                return known[0]
            if (problem := self.problem) is not None:
                raise type(problem)(*problem.args)
            try:
                url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
                found = _parse(self._contact.get(url, "the description"), self.issuer)
            except SignInError as error:
                self._failure = error, now
                raise
            self._metadata, self._failure = (found, now), None
            return found

    def keys(self, *, missing: bool = False) -> KeySet:
        """The keys that the provider signs with.

        Args:
            missing: a key was not among those that are known: they are read again, once a minute at most.

        Raises:
            SignInError: they cannot be had.
        """
        metadata = self.metadata()
        with self._lock:
            known, now = self._keys, self._now()
            if known is not None and now - known[1] < (KEYS_AGAIN if missing else FRESH):
                return known[0]
            found = _parse_keys(self._contact.get(metadata.jwks_uri, "the list of keys"))
            self._keys = found, now
            return found


def _parse(given: Mapping[str, Any], issuer: str) -> ProviderMetadata:
    if given.get("issuer") != issuer:
        raise ProviderAnswerError(
            f"the sign-in provider does not name itself {issuer}: oidc.issuer must be exactly its own name"
        )
    supported = _words(given, "id_token_signing_alg_values_supported") or ("RS256",)
    algorithms = tuple(one for one in ALGORITHMS if one in supported)
    if not algorithms:
        raise ProviderAnswerError("the sign-in provider signs with no algorithm that this site accepts")
    return ProviderMetadata(
        _address(given, "authorization_endpoint"),
        _address(given, "token_endpoint"),
        _address(given, "jwks_uri"),
        _address(given, "userinfo_endpoint") if given.get("userinfo_endpoint") else "",
        _words(given, "token_endpoint_auth_methods_supported") or ("client_secret_basic",),
        algorithms,
        given.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(given: Mapping[str, Any], name: str) -> str:
    found = given.get(name)
    if not isinstance(found, str) or not is_safe_url(found):
        raise ProviderAnswerError(f"the sign-in provider gives no https URL as {name}")
    return found


def _words(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = given.get(name)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def _parse_keys(given: Mapping[str, Any]) -> KeySet:
    """The signature keys that this site can read; all others are ignored."""
    listed = given.get("keys")
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ProviderAnswerError(f"the sign-in provider has no list of at most {MOST_KEYS} keys")
    found = []
    for one in listed:
        if not isinstance(one, dict) or one.get("kty") == "oct" or one.get("use", "sig") != "sig":
            continue
        try:
            found += KeySet.import_key_set({"keys": [one]}).keys
        except (JoseError, ValueError, TypeError, KeyError):
            continue  # of a kind that we do not know: others may be there
    if not found:
        raise ProviderAnswerError("the sign-in provider publishes no signature key that this site can read")
    return KeySet(found)
