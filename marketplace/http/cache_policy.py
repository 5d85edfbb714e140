"""Who may keep an answer: caches between us and many readers, or one reader alone.

Source: HTTP Caching (RFC 9111), sections 3.5, 4.1 and 5.2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyramid.response import Response

#: Who asks decides what is seen: an answer for everybody must not be kept for somebody, nor the other way.
VARY = ("Vary", "Accept, Accept-Encoding, Authorization, Cookie")
_OWN = ("Cache-Control", "private, no-cache")
_NOBODY = "no-store"


def shows_credentials(environ: Mapping[str, Any]) -> bool:
    """Whether a request tells who asks, rightly or not."""
    return "HTTP_AUTHORIZATION" in environ or "HTTP_COOKIE" in environ


def keep_private(response: Response) -> None:
    """Let only the one who asked keep an answer, whatever the view allowed.

    Also where the answer holds nothing private: whether it does is nobody's business.
    """
    kept = [(name, value) for name, value in response.headerlist if name.lower() == "cache-control"]
    if any(_NOBODY in value or value.startswith("private") for _, value in kept):
        return
    response.headerlist = [
        *(pair for pair in response.headerlist if pair[0].lower() != "cache-control"),
        _OWN,
    ]
