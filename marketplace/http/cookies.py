"""Cookies: their names, how far they reach, and reading them without guessing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from pyramid.request import Request


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie of this site.

    Args:
        name: as browsers send it; its prefix makes them refuse one that another host planted (RFC 6265bis,
            section 4.1.3).
        path: below which browsers send it.
        secure: only over https.
        same_site: ``Lax`` also comes along when a link from elsewhere is followed, ``Strict`` does not.
    """

    name: str
    path: str
    secure: bool
    same_site: str

    def find(self, request: Request) -> str | None:
        """The value a request brings; None also where it brings several: one of them is not ours."""
        header: str = request.environ.get("HTTP_COOKIE", "")
        if self.name not in header:
            return None
        pairs = (part.strip().partition("=") for part in header.split(";"))
        found = [value for name, _, value in pairs if name == self.name]
        return found[0] if len(found) == 1 else None

    def written(self, value: str, max_age: int | None = None) -> tuple[str, str]:
        """The header that sets the cookie.

        Args:
            value: letters, digits, ``-`` and ``_`` only.
            max_age: seconds to keep it; None: as long as the browser runs.
        """
        parts = [f"{self.name}={value}", f"Path={self.path}", "HttpOnly", f"SameSite={self.same_site}"]
        if self.secure:
            parts.append("Secure")
        if max_age is not None:
            parts.append(f"Max-Age={max_age}")
        return "Set-Cookie", "; ".join(parts)

    def removed(self) -> tuple[str, str]:
        """The header that makes browsers forget the cookie."""
        return self.written("", max_age=0)


@dataclass(frozen=True, slots=True)
class SiteCookies:
    """The cookies of a site: of a session, of a sign-in form that is being filled in, and of a sign-in by a
    provider that is under way.
    """

    session: Cookie
    form: Cookie
    attempt: Cookie
    #: Scheme, host and port of the site, as browsers write an origin.
    origin: str

    @classmethod
    def of(cls, site_url: str) -> SiteCookies:
        """The cookies of the site at a public base URL."""
        parts = urlsplit(site_url)
        secure = parts.scheme == "https"
        base = parts.path.rstrip("/")
        path = base or "/"
        prefix = ("__Secure-" if base else "__Host-") if secure else ""
        # Browsers do not tell ports apart: several sites on one development machine must not share a name.
        port = f"-{parts.port}" if parts.port is not None and not secure else ""
        return cls(
            session=Cookie(f"{prefix}mp-session{port}", path, secure, "Lax"),
            form=Cookie(f"{prefix}mp-form{port}", path, secure, "Strict"),
            # The provider sends the browser back from its own pages.
            attempt=Cookie(f"{prefix}mp-attempt{port}", path, secure, "Lax"),
            origin=_origin(site_url),
        )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def is_own_page(request: Request, origin: str) -> bool:
    """Whether a browser says that a page of this very site sent the request.

    Browsers write these headers themselves, no script can: ``Sec-Fetch-Site`` (Fetch Metadata), on older
    ones and without https ``Origin``. A request that has neither is not believed.
    """
    fetched: str | None = request.environ.get("HTTP_SEC_FETCH_SITE")
    if fetched is not None:
        return fetched == "same-origin"
    return bool(request.environ.get("HTTP_ORIGIN") == origin)
