"""Every setting: its name, type, bounds, default and meaning, in one place.

A setting is written ``section.name`` in the ini file and
``MARKETPLACE_SECTION_NAME`` in the environment; the environment wins. All
faults are collected and reported together, so an operator mends them in one go.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as IniError
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "MARKETPLACE_"
INI_SECTION = "app:main"

#: Settings of Pyramid and PasteDeploy that may stand in the same ini section.
_FOREIGN = ("pyramid.", "jinja2.", "mako.", "debugtoolbar.")
_FOREIGN_NAMES = frozenset({"use", "here", "__file__", "pipeline", "filter-with"})

#: Environment variables with our prefix that belong to the command-line client, not to the service.
CLIENT_VARIABLES = frozenset({"MARKETPLACE_ENDPOINT", "MARKETPLACE_CONFIG", "MARKETPLACE_KEY_PASSWORD"})


class ConfigurationError(Exception):
    """The configuration cannot be used; ``faults`` has one sentence for each thing to mend."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


def _absolute_http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError where the port is no number
    except ValueError as error:
        raise ValueError(f"must be an http or https URL ({error})") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https URL with a host name")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must have no user name, query or fragment")
    return value.rstrip("/")


def _database_url(value: str) -> str:
    try:
        url = make_url(value)
    except ArgumentError:
        raise ValueError("must be a database URL such as sqlite:////var/lib/marketplace/db.sqlite") from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ValueError("must be a sqlite or postgresql URL")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("needs a file: an in-memory database forgets every entry")
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return url.render_as_string(hide_password=False)


def _places(value: object) -> object:
    """Several files, directories or patterns in one setting, with commas or line ends between."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.replace("\n", ",").split(",") if part.strip())
    return value


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(_Section):
    """Where the entries and the log live."""

    url: Annotated[str, AfterValidator(_database_url)] | None = Field(
        None,
        description="sqlite or postgresql URL; empty: marketplace.sqlite in the data directory",
    )


class SiteSettings(_Section):
    """How the site presents itself."""

    url: Annotated[str, AfterValidator(_absolute_http_url)] = Field(
        "http://127.0.0.1:6543",
        description="public base URL of all links; empty: http, server.host, server.port",
    )
    title: str = Field("Marketplace", min_length=1, max_length=80, description="name shown on pages")


class ServerSettings(_Section):
    """The web server and its limits."""

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(6543, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    threads: int = Field(8, ge=1, le=128, description="requests answered at the same time")
    connection_limit: int = Field(1000, ge=50, le=50_000, description="open connections, idle ones included")
    idle_timeout: int = Field(30, ge=1, le=3600, description="seconds a silent connection is kept")
    request_timeout: int = Field(30, ge=1, le=3600, description="seconds a request may take to arrive whole")


class UploadSettings(_Section):
    """What may be uploaded."""

    legacy: Literal["refuse", "accept"] = Field(
        "refuse", description="accept: also take SHA-1 signatures, 1024-bit keys and expired certificates"
    )
    max_bytes: int = Field(1_048_576, ge=1024, le=1_048_576, description="largest entry taken, in bytes")


class ListSettings(_Section):
    """Lists of entries."""

    cap: int = Field(10_000, ge=10, le=1_000_000, description="most entries in one answer; a Link leads on")


class CacheSettings(_Section):
    """What a process keeps in memory."""

    entry_bytes: int = Field(
        67_108_864, ge=0, le=16 * 2**30, description="memory for immutable entries, in bytes; 0 keeps none"
    )


class QuerySettings(_Section):
    """SPARQL queries."""

    enabled: bool = Field(True, description="answer /query and keep its triple store")
    timeout: float = Field(10.0, ge=0.1, le=300, description="seconds after which a query is stopped")
    max_rows: int = Field(10_000, ge=1, le=1_000_000, description="most rows in one result")
    workers: int = Field(2, ge=1, le=32, description="processes that answer queries")


class SearchSettings(_Section):
    """Searching for words."""

    engine: Literal["whoosh", "postgresql", "tantivy", "off"] = Field(
        "whoosh",
        description="full-text engine; postgresql needs a PostgreSQL database.url, tantivy the extra 'fast'",
    )


class TrustSettings(_Section):
    """Whose endorsement counts."""

    anchors: Annotated[tuple[str, ...], BeforeValidator(_places)] = Field(
        (),
        description="trusted certificates: files (PEM, DER, PKCS #12), directories (*.0, *.pem; their *.r0 "
        "are taken as well) or patterns, with commas between",
    )
    intermediates: Annotated[tuple[str, ...], BeforeValidator(_places)] = Field(
        (), description="certificates that paths to an anchor may lead through; likewise"
    )
    crls: Annotated[tuple[str, ...], BeforeValidator(_places)] = Field(
        (), description="revocation lists: files, directories (*.r0, *.crl) or patterns"
    )
    allowlist: Path | None = Field(
        None, description="file with a distinguished name of an endorser on each line"
    )
    password_file: Path | None = Field(None, description="file with the password of PKCS #12 anchors")
    legacy: Literal["refuse", "accept"] = Field(
        "refuse", description="accept: SHA-1 signatures and 1024-bit keys may vouch for an endorser"
    )
    stale_crl: Literal["refuse", "accept"] = Field(
        "refuse", description="accept: trust issuers whose newest revocation list is past its time"
    )
    missing_crl: Literal["refuse", "accept"] = Field(
        "accept", description="refuse: trust no issuer without a revocation list"
    )
    reload_interval: float = Field(
        300.0, ge=1, le=86_400, description="seconds between two looks at these files"
    )


class LogSettings(_Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level written")
    format: Literal["json", "text"] = Field("json", description="one JSON object or one line an event")


class Settings(_Section):
    """The whole configuration of a marketplace process."""

    data: Path = Field(Path("var"), description="directory of everything this process keeps on disk")
    database: DatabaseSettings = DatabaseSettings()
    site: SiteSettings = SiteSettings()
    server: ServerSettings = ServerSettings()
    upload: UploadSettings = UploadSettings()
    list: ListSettings = ListSettings()
    cache: CacheSettings = CacheSettings()
    query: QuerySettings = QuerySettings()
    search: SearchSettings = SearchSettings()
    trust: TrustSettings = TrustSettings()
    log: LogSettings = LogSettings()

    @property
    def database_url(self) -> str:
        """The database URL, by default an SQLite file inside the data directory."""
        return self.database.url or f"sqlite:///{(self.data / 'marketplace.sqlite').absolute()}"

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> Settings:
        """Check flat ``section.name`` settings and return them typed.

        Raises:
            ConfigurationError: naming every setting that is unknown or out of bounds.
        """
        names = dict(setting_names())
        ours = {key: text for key, text in values.items() if not _is_foreign(key)}
        faults = [_unknown(key, names) for key in ours if key not in names]
        nested: dict[str, Any] = {}
        for key, text in ours.items():
            if key in names and text.strip():
                section, _, name = key.rpartition(".")
                (nested.setdefault(section, {}) if section else nested)[name] = text.strip()
        _derive_site_url(nested)
        try:
            settings = cls.model_validate(nested)
        except ValidationError as error:
            faults += [_fault(detail, nested) for detail in error.errors()]
        if faults:
            raise ConfigurationError(faults)
        return settings


def load_settings(
    ini: Path | None, environ: Mapping[str, str] = os.environ, overrides: Mapping[str, str] | None = None
) -> Settings:
    """Read settings from an ini file, then the environment, then explicit overrides (command-line options).

    Raises:
        ConfigurationError: the file cannot be read, or some setting is unknown or out of bounds.
    """
    values = read_ini(ini) if ini is not None else {}
    values |= environment_settings(environ)
    values |= overrides or {}
    return Settings.from_mapping(values)


def read_ini(path: Path) -> dict[str, str]:
    """The flat settings of an ini file's ``[app:main]`` section, ``%(here)s`` filled in.

    Raises:
        ConfigurationError: the file is missing, unreadable or no ini file.
    """
    parser = ConfigParser(defaults={"here": str(path.parent.absolute())}, default_section="DEFAULT")
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
        if not parser.has_section(INI_SECTION):
            raise ConfigurationError([f"{path}: has no [{INI_SECTION}] section"])
        return dict(parser.items(INI_SECTION))
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read ({error.strerror})"]) from None
    except (IniError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            [f"{path}: is not a settings file ({' '.join(str(error).split())})"]
        ) from None


def environment_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The flat settings found in environment variables.

    Raises:
        ConfigurationError: a variable names one of our sections and no setting in it.
    """
    by_variable = {variable_name(name): name for name, _ in setting_names()}
    # Only our own sections are policed: container platforms set variables such as
    # MARKETPLACE_SERVICE_HOST and MARKETPLACE_PORT for a service of this name.
    sections = tuple({f"{variable_name(name.partition('.')[0])}_" for name in by_variable.values()})
    found: dict[str, str] = {}
    faults: list[str] = []
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable in CLIENT_VARIABLES:
            continue
        if variable in by_variable:
            found[by_variable[variable]] = text
        elif variable.startswith(sections):
            faults.append(
                f"environment variable {variable}: names no setting{_closest(variable, by_variable)}"
            )
    if faults:
        raise ConfigurationError(faults)
    return found


def variable_name(setting: str) -> str:
    """The environment variable of a setting: ``upload.legacy`` -> ``MARKETPLACE_UPLOAD_LEGACY``."""
    return PREFIX + setting.replace(".", "_").upper()


def setting_names() -> Iterator[tuple[str, str]]:
    """Every setting as (dotted name, meaning)."""
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            for inner, inner_field in section.model_fields.items():
                yield f"{name}.{inner}", inner_field.description or ""
        else:
            yield name, field.description or ""


def _derive_site_url(nested: dict[str, Any]) -> None:
    """Let the public URL follow the address listened on, where nothing else is said about it."""
    server, defaults = nested.get("server", {}), ServerSettings()
    host, port = server.get("host", defaults.host), server.get("port", str(defaults.port))
    if server and re.fullmatch(r"[A-Za-z0-9.-]+", host) and re.fullmatch(r"[1-9][0-9]{0,4}", port):
        reachable = defaults.host if host == "0.0.0.0" else host  # noqa: S104 # compared, not listened on
        nested.setdefault("site", {}).setdefault("url", f"http://{reachable}:{port}")


def _is_foreign(key: str) -> bool:
    return key in _FOREIGN_NAMES or key.startswith(_FOREIGN)


def _unknown(key: str, names: Mapping[str, str]) -> str:
    return f"{key}: is no setting{_closest(key, names)}"


def _closest(key: str, names: Mapping[str, str]) -> str:
    close = difflib.get_close_matches(key, names, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _fault(detail: Any, nested: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    value: Any = nested
    for part in detail["loc"]:
        value = value.get(part) if isinstance(value, Mapping) else None
    reason = detail["msg"].removeprefix("Value error, ")
    # A database URL may hold a password, and faults are printed and logged.
    shown = "" if name == "database.url" else f" (found {value!r})"
    return f"{name} or {variable_name(name)}: {reason}{shown}"
