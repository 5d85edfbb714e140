"""Signs people in by a provider: authorization code with PKCE.

RFC 6749, section 4.1; RFC 7636; OpenID Connect Core 1.0, section 3.1.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from marketplace.accounts.people import Person
from marketplace.config.oidc import OidcSettings
from marketplace.oidc.attempt import Attempt
from marketplace.oidc.contact import Contact
from marketplace.oidc.errors import (
    AttemptError,
    DeniedError,
    IdTokenError,
    IssuerMismatchError,
    ProviderAwayError,
    SecretFileError,
    SignInError,
)
from marketplace.oidc.id_token import Expected, prove
from marketplace.oidc.people import missing_claims, read_person
from marketplace.oidc.provider import Provider, ProviderMetadata
from validators.errors import printable

#: Bytes of a secret's file that are read, and characters of a code or token that are looked at.
_MOST_SECRET, _MOST_TEXT = 4096, 100_000


class SignInService:
    """The provider of the settings, and what it takes to be signed in by it. Safe to share between threads.

    Args:
        settings: with an issuer.
        redirect_uri: where the provider sends browsers back to.
        now: the clock.
        at_once: sign-ins that may wait for the provider; others are sent away, so that threads are left
            for everything else.
    """

    def __init__(
        self, settings: OidcSettings, redirect_uri: str, now: Callable[[], datetime], at_once: int
    ) -> None:
        self._settings = settings
        self._redirect_uri = redirect_uri
        self._now = now
        self._contact = Contact(settings.timeout)
        self._provider = Provider(settings.issuer, self._contact, now)
        self._turns = threading.BoundedSemaphore(at_once)

    @property
    def title(self) -> str:
        """What people know the provider by."""
        return self._settings.display_title

    @property
    def problem(self) -> SignInError | None:
        """Why nobody can be signed in now, as far as that is known without asking."""
        return self._provider.problem

    def begin(self, wanted: str) -> tuple[str, Attempt]:
        """Where to send a browser, and what it has to keep.

        Args:
            wanted: path of this site to go to afterwards.

        Raises:
            SignInError: the provider cannot be used.
        """
        with self._turn():
            metadata = self._provider.metadata()
        attempt = Attempt.begin(wanted)
        url: str = prepare_grant_uri(
            metadata.authorization_endpoint,
            self._settings.client_id,
            "code",
            redirect_uri=self._redirect_uri,
            scope=self._settings.scopes,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return url, attempt

    def finish(
        self, attempt: Attempt | None, answer: Mapping[str, str], use_up: Callable[[str], bool]
    ) -> Person:
        """The person whom the provider signed in.

        Args:
            attempt: what the browser kept; None where it kept nothing.
            answer: the parameters that the browser brings from the provider.
            use_up: notes the digest of an attempt; False where that was done before.

        Raises:
            SignInError: nobody is signed in.
        """
        # Nothing else of an answer is looked at before it is known to belong to this browser.
        if attempt is None or not attempt.is_answered_by(answer.get("state", "")):
            raise AttemptError("this browser did not start this sign-in: sign in again")
        if not use_up(attempt.digest):
            raise AttemptError("this sign-in was already used: sign in again")
        with self._turn():
            metadata = self._provider.metadata()
            self._verify_issuer(answer, metadata)
            tokens = self._redeem(_code(answer, self.title), attempt, metadata)
            access_token = _text(tokens.get("access_token"))
            expected = Expected(self._settings.client_id, attempt.nonce, access_token)
            claims = prove(tokens.get("id_token"), expected, self._provider, self._now())
            return read_person(self._completed(claims, access_token, metadata), self._settings)

    def _verify_issuer(self, answer: Mapping[str, str], metadata: ProviderMetadata) -> None:
        named = answer.get("iss")
        if named is None and not metadata.names_issuer:
            return
        if named != self._settings.issuer:
            raise IssuerMismatchError(
                f"this answer is not from {self._settings.issuer}: you are not signed in"
            )

    def _redeem(self, code: str, attempt: Attempt, metadata: ProviderMetadata) -> dict[str, Any]:
        """Exchange the code for tokens (RFC 6749, section 4.1.3)."""
        body = prepare_token_request(
            "authorization_code", redirect_uri=self._redirect_uri, code=code, code_verifier=attempt.verifier
        )
        _, headers, body = self._auth(metadata).prepare("POST", metadata.token_endpoint, {}, body)
        tokens = self._contact.post(metadata.token_endpoint, "the token", body, headers)
        if "error" in tokens:
            raise DeniedError(
                f"{self.title} does not take this sign-in ({_safe(tokens['error'])}): sign in again, and "
                "tell the operator of this site if the fault stays"
            )
        return tokens

    def _auth(self, metadata: ProviderMetadata) -> ClientAuth:
        """Shows the provider which site this is, in the way it takes (OpenID Connect Core 1.0, section 9)."""
        secret = self._secret()
        name = self._settings.client_id
        if not secret:
            return ClientAuth(name, None, "none")
        if (
            "client_secret_basic" not in metadata.auth_methods
            and "client_secret_post" in metadata.auth_methods
        ):
            return ClientAuth(name, secret, "client_secret_post")
        # RFC 6749, section 2.3.1 has both encoded as in forms, which the library leaves to its callers.
        return ClientAuth(quote_plus(name), quote_plus(secret), "client_secret_basic")

    def _secret(self) -> str:
        path = self._settings.client_secret_file
        return self._settings.client_secret.get_secret_value() if path is None else _first_line(path)

    def _completed(
        self, claims: Mapping[str, Any], access_token: str, metadata: ProviderMetadata
    ) -> Mapping[str, Any]:
        """The claims with those that only the userinfo endpoint tells (section 5.3)."""
        if not missing_claims(claims, self._settings) or not metadata.userinfo_endpoint or not access_token:
            return claims
        headers = {"Authorization": f"Bearer {access_token}"}
        told = self._contact.get(metadata.userinfo_endpoint, "the user information", headers)
        if told.get("sub") != claims["sub"]:
            raise IdTokenError(
                "the sign-in provider gave information about another person than the one who signed in"
            )
        return {**told, **claims}

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(blocking=False):
            raise ProviderAwayError("too many people are signing in at the moment: try again in a moment")
        try:
            yield
        finally:
            self._turns.release()


def _code(answer: Mapping[str, str], title: str) -> str:
    if "error" in answer:
        raise DeniedError(
            f"{title} did not sign you in ({_safe(answer['error'])}): sign in again, or ask the operator"
        )
    code = answer.get("code", "")
    if not 0 < len(code) < _MOST_TEXT:
        raise DeniedError(f"{title} sent you back without a code: sign in again")
    return code


def _text(value: object) -> str:
    """A token as a header can carry it; empty where it is none."""
    sound = isinstance(value, str) and len(value) < _MOST_TEXT and value.isascii() and value.isprintable()
    return str(value) if sound else ""


def _safe(value: object) -> str:
    return printable(str(value)[:100])


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_MOST_SECRET).partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        raise SecretFileError(
            "the site's secret at the sign-in provider cannot be read: ask the operator of this site to "
            "check oidc.client_secret_file"
        ) from None
