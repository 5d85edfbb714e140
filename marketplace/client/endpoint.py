"""Which marketplace to talk to.

And what to show it, where it asks who is there.

The first of these that is set: an explicit option, ``MARKETPLACE_ENDPOINT``,
``STRATUSLAB_MARKETPLACE_ENDPOINT`` (what earlier clients read), and
``endpoint`` in the ``[client]`` section of the user's configuration file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as IniError
from pathlib import Path
from urllib.parse import urlsplit

from marketplace.client.errors import EndpointError

VARIABLES = ("MARKETPLACE_ENDPOINT", "STRATUSLAB_MARKETPLACE_ENDPOINT")
SECTION = "client"
TOKEN_VARIABLE = "MARKETPLACE_TOKEN"  # noqa: S105  # the name of one
#: What may stand in a header behind ``Bearer`` (RFC 6750, section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]*=*")


def configuration_file(environ: Mapping[str, str]) -> Path:
    """The user's configuration file, where the XDG base directory specification puts it."""
    base = environ.get("XDG_CONFIG_HOME", "")
    # The specification: a relative path in the variable is to be ignored.
    folder = (
        Path(base) if Path(base).is_absolute() else Path(environ.get("HOME", "~")).expanduser() / ".config"
    )
    return folder / "marketplace" / "config.ini"


def get_endpoint(option: str | None, environ: Mapping[str, str]) -> str:
    """The base URL of the marketplace to use, without a slash at its end.

    Raises:
        EndpointError: none is configured, or what is configured is no http URL.
    """
    endpoint = find_endpoint(option, environ)
    if endpoint is None:
        raise EndpointError(
            f"no marketplace is configured: give --endpoint URL, set {VARIABLES[0]}, "
            f"or write 'endpoint = URL' under [{SECTION}] in {configuration_file(environ)}"
        )
    return _checked(endpoint)


def find_endpoint(option: str | None, environ: Mapping[str, str]) -> str | None:
    """The configured base URL as it is written, or None.

    Raises:
        EndpointError: the configuration file exists and cannot be read.
    """
    candidates = [option, *(environ.get(variable) for variable in VARIABLES)]
    for candidate in candidates:
        if candidate and candidate.strip():
            return candidate.strip()
    return _from_file(configuration_file(environ), "endpoint")


def find_token(environ: Mapping[str, str]) -> str | None:
    """The token to show the marketplace: ``MARKETPLACE_TOKEN``, else ``token`` in the configuration file.

    It is never an option of a command: other users of the machine can read those.

    Raises:
        EndpointError: it can be no token, or others may read the file that holds it.
    """
    token = environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        path = configuration_file(environ)
        token = _from_file(path, "token") or ""
        if token and path.stat().st_mode & 0o077:
            raise EndpointError(f"{path} contains a token, and other users can read it: chmod 600 {path}")
    if not _TOKEN.fullmatch(token):
        raise EndpointError("the token contains characters that tokens do not have")
    return token or None


def _from_file(path: Path, name: str) -> str | None:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EndpointError(f"{path}: cannot be read ({error.strerror})") from None
    except (IniError, UnicodeDecodeError) as error:
        raise EndpointError(f"{path}: is not a settings file ({' '.join(str(error).split())})") from None
    return parser.get(SECTION, name, fallback="").strip() or None


def _checked(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        _ = parts.port  # raises ValueError where the port is no number
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise EndpointError(f"the endpoint {endpoint!r} is not a URL such as https://marketplace.example.org")
    return endpoint.rstrip("/")
