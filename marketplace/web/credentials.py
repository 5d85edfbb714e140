"""What a request shows of who sends it: the Authorization header."""

from __future__ import annotations

import base64
import binascii

from pyramid.request import Request

from .errors import HttpError

#: The one protection space; fixed text, so that nothing configured ends up inside a header.
REALM = "marketplace"
_BEARER = f'Bearer realm="{REALM}"'
_BASIC = f'Basic realm="{REALM}", charset="UTF-8"'


def find_secret(request: Request) -> str | None:
    """The secret of the Authorization header (RFC 6750, RFC 7617); None where there is no such header.

    With Basic the token is the user name, as tools write it that know nothing else;
    the password is not looked at.

    Raises:
        HttpError: 401 for another scheme, or a header that cannot be read.
    """
    header: str | None = request.environ.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        return _user_name(value.strip())
    raise unauthorized(
        request, "credentials.scheme", "the Authorization header is of a scheme that is not taken here"
    )


def _user_name(value: str) -> str:
    try:
        decoded = base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""  # like any other text that is no token
    return decoded.partition(":")[0]


def unauthorized(request: Request, code: str, reason: str) -> HttpError:
    """401 with the schemes that are taken.

    A browser that shows a page answers a challenge for Basic with a dialog of its own, so it gets none.
    """
    error = "" if code == "credentials.missing" else ', error="invalid_token"'
    challenges = [("WWW-Authenticate", _BEARER + error)]
    if "text/html" not in request.environ.get("HTTP_ACCEPT", ""):
        challenges.append(("WWW-Authenticate", _BASIC))
    return HttpError(401, code, reason, headers=challenges)
