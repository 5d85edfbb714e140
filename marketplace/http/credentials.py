"""What a request shows of who sends it: the Authorization header, or a session's cookie."""

from __future__ import annotations

import base64
import binascii
import hmac

from pyramid.config import Configurator
from pyramid.request import Request

from marketplace.limits import RateLimit, network_of
from marketplace.runtime import Runtime

from .cookies import SiteCookies, is_own_page
from .errors import HttpError

#: The one protection space; fixed text, so that nothing configured ends up inside a header.
REALM = "marketplace"
_BEARER = f'Bearer realm="{REALM}"'
_BASIC = f'Basic realm="{REALM}", charset="UTF-8"'
#: Where the registry keeps what limits tokens, and addresses that show wrong ones.
_TOKENS, _FAILURES = "marketplace.limit.tokens", "marketplace.limit.failures"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def find_secret(request: Request) -> str | None:
    """The secret of the Authorization header (RFC 6750, RFC 7617); None where there is no such header.

    With Basic the token is the user name, as tools write it that know nothing else;
    the password is not looked at.

    Raises:
        HttpError: 401 for another scheme, 403 where another site's page made a browser send what it
            remembers of Basic.
    """
    header: str | None = request.environ.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        _verify_unforced(request)
        return _user_name(value.strip())
    raise unauthorized(
        request, "credentials.scheme", "the scheme of the Authorization header is not supported"
    )


def _verify_unforced(request: Request) -> None:
    # Browsers repeat Basic by themselves once it was accepted, like a cookie. Tools send no such headers.
    told = "HTTP_ORIGIN" in request.environ or "HTTP_SEC_FETCH_SITE" in request.environ
    if told and request.environ["REQUEST_METHOD"] not in _SAFE:
        verify_own_page(request)


def _user_name(value: str) -> str:
    try:
        decoded = base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""  # like any other text that is no token
    return decoded.partition(":")[0]


def find_session(request: Request) -> str | None:
    """The cookie of a session, if the request brings one.

    Raises:
        HttpError: 403 where another site's page made the browser send a request that changes something.
    """
    cookies = cookies_of(request)
    cookie = cookies.session.find(request)
    if cookie is not None and request.environ["REQUEST_METHOD"] not in _SAFE:
        verify_own_page(request)
    return cookie


def verify_own_page(request: Request) -> None:
    """Check that a form or script of this site sent a request.

    Raises:
        HttpError: 403; the browser says otherwise, or does not say.
    """
    if not is_own_page(request, cookies_of(request).origin):
        raise HttpError(
            403,
            "csrf.origin",
            f"the request did not come from a page of {cookies_of(request).origin}: "
            "open the site at that address",
        )


def form_key(secret: str) -> str:
    """What a form carries to show that it was made for whoever holds a cookie (64 hex digits).

    Made from the cookie, so it needs no place to be kept, and shows nothing of it.
    """
    return hmac.digest(secret.encode(), b"form of this site", "sha256").hex()


def verify_form(secret: str | None, given: str | None) -> None:
    """Check the key that a form carries.

    Args:
        secret: the cookie that the form was made for.
        given: the key in the form.

    Raises:
        HttpError: 403; it is missing or another one's.
    """
    expected = form_key(secret or "")
    if not hmac.compare_digest(expected.encode(), (given or "").encode()) or not secret:
        raise HttpError(403, "csrf.form", "the form has expired, or cookies are off: open the page again")


def unauthorized(request: Request, code: str, reason: str) -> HttpError:
    """401 with the schemes that are taken.

    A browser that shows a page answers a challenge for Basic with a dialog of its own, so it gets none.
    """
    error = "" if code == "credentials.missing" else ', error="invalid_token"'
    challenges = [("WWW-Authenticate", _BEARER + error)]
    if "text/html" not in request.environ.get("HTTP_ACCEPT", ""):
        challenges.append(("WWW-Authenticate", _BASIC))
    return HttpError(401, code, reason, headers=challenges)


def too_many(code: str, reason: str, seconds: int) -> HttpError:
    """429 (RFC 6585) with the seconds after which asking again makes sense."""
    return HttpError(
        429, code, f"{reason}: try again in {seconds} seconds", headers=[("Retry-After", str(seconds))]
    )


def cookies_of(request: Request) -> SiteCookies:
    """The cookies of this site."""
    cookies: SiteCookies = request.registry[SiteCookies]
    return cookies


class Guesses:
    """Wrong credentials from the address of a request."""

    def __init__(self, request: Request) -> None:
        self._limit: RateLimit = request.registry[_FAILURES]
        self._caller = network_of(request.environ.get("REMOTE_ADDR", ""))

    def verify_few(self) -> None:
        """Check that there were not too many; nothing is looked up for an address that only guesses.

        Raises:
            HttpError: 429.
        """
        wait = self._limit.wait(self._caller)
        if wait:
            raise too_many("limit.failures", "too many wrong credentials from this address", wait)

    def count(self) -> None:
        """Count one more failure."""
        self._limit.take(self._caller)


def limit_token(request: Request, token: str) -> None:
    """Count a use of a token.

    Raises:
        HttpError: 429 where it is used too often.
    """
    limit: RateLimit = request.registry[_TOKENS]
    wait = limit.take(token)
    if wait:
        raise too_many("limit.token", "too many requests with this token", wait)


def includeme(config: Configurator) -> None:
    """Work the cookies out once, and set up what limits credentials."""
    runtime: Runtime = config.registry[Runtime]
    settings = runtime.settings
    config.registry[SiteCookies] = SiteCookies.of(settings.site.url)
    config.registry[_TOKENS] = runtime.limits.open("token", settings.limit.token)
    config.registry[_FAILURES] = runtime.limits.open("failures", settings.limit.failures)
