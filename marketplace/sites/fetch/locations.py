"""In which order an image's locations are asked, and what is shown to their hosts."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from marketplace.sites.errors import FetchError
from marketplace.sites.settings import CredentialTable, FetchTable

#: Locations of one image that are asked in one run.
MOST_LOCATIONS = 16
_MOST_SECRET = 64 << 10


def order(locations: Iterable[str], table: FetchTable) -> list[str]:
    """The locations that can be asked, the best first: preferred hosts, then https, then as endorsed."""
    usable = [one for one in dict.fromkeys(locations) if _host(one)]

    def place(url: str) -> tuple[int, bool]:
        host = _host(url)
        preferred = table.prefer.index(host) if host in table.prefer else len(table.prefer)
        return preferred, not url.startswith("https://")

    return sorted(usable, key=place)[:MOST_LOCATIONS]


def credentials(url: str, known: Mapping[str, CredentialTable]) -> str | None:
    """The Authorization header for a location's host; None where none is configured.

    Raises:
        FetchError: it cannot be read, or would go over the network in the clear.
    """
    one = known.get(_host(url))
    if one is None:
        return None
    if not url.startswith("https://"):
        raise FetchError(f"{url}: there are credentials for this host, and they are shown over https only")
    if one.bearer_file is not None:
        return f"Bearer {_secret(one.bearer_file)}"
    assert one.password_file is not None  # noqa: S101  # the settings hold it
    return "Basic " + b64encode(f"{one.user}:{_secret(one.password_file)}".encode()).decode()


def _secret(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_SECRET).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FetchError(f"{path}: the credential cannot be read ({error})") from None


def _host(url: str) -> str:
    """The host of an http location; empty for anything else."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError where the port is no number
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in ("http", "https") and not parts.username else ""
