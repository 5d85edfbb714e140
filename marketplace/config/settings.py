"""Reading settings from an ini file and the environment.

A setting is written ``section.name`` in the ini file and
``MARKETPLACE_SECTION_NAME`` in the environment; the environment wins. All
faults are collected and reported together, so an operator mends them in one go.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from configparser import ConfigParser, MissingSectionHeaderError
from configparser import Error as IniError
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from marketplace.config.access import LimitSettings, SessionSettings
from marketplace.config.federation import FederationSettings
from marketplace.config.mail import MailSettings, ReminderSettings
from marketplace.config.oidc import OidcSettings
from marketplace.config.section import Section
from marketplace.config.sections import (
    CacheSettings,
    DatabaseSettings,
    ListSettings,
    LogSettings,
    QuerySettings,
    RecallSettings,
    SearchSettings,
    ServerSettings,
    SiteSettings,
    TrustSettings,
    UploadSettings,
    WatchSettings,
)
from marketplace.config.usage import UsageSettings
from marketplace.config.views import ViewsSettings
from marketplace.config.webhooks import WebhookSettings
from validators.coded_error import CodedError

PREFIX = "MARKETPLACE_"
INI_SECTION = "app:main"

#: Settings of Pyramid and PasteDeploy that may stand in the same ini section.
_FOREIGN = ("pyramid.", "jinja2.", "mako.", "debugtoolbar.")
_FOREIGN_NAMES = frozenset({"use", "here", "__file__", "pipeline", "filter-with"})

#: Addresses that stand for all of a machine, and one of them.
_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not listened on

#: Environment variables with our prefix that belong to the command-line client, not to the service.
CLIENT_VARIABLES = frozenset(
    {"MARKETPLACE_ENDPOINT", "MARKETPLACE_CONFIG", "MARKETPLACE_KEY_PASSWORD", "MARKETPLACE_TOKEN"}
)


class ConfigurationError(CodedError, code="settings"):
    """The configuration cannot be used; ``faults`` has one sentence for each thing to mend."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


class Settings(Section):
    """The whole configuration of a marketplace process."""

    data: Path = Field(Path("var"), description="directory for all files of this process")
    role: Literal["all", "web", "worker"] = Field(
        "all",
        description="web: answers requests and does no background work; worker: does the background work "
        "when no other process does; all: both",
    )
    node: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,39})?$",
        description="name of this process on the status page and in logs; empty: a new one at each start",
    )
    database: DatabaseSettings = DatabaseSettings()
    site: SiteSettings = SiteSettings()
    server: ServerSettings = ServerSettings()
    upload: UploadSettings = UploadSettings()
    list: ListSettings = ListSettings()
    cache: CacheSettings = CacheSettings()
    query: QuerySettings = QuerySettings()
    search: SearchSettings = SearchSettings()
    trust: TrustSettings = TrustSettings()
    mail: MailSettings = MailSettings()
    federation: FederationSettings = FederationSettings()
    reminders: ReminderSettings = ReminderSettings()
    watch: WatchSettings = WatchSettings()
    recall: RecallSettings = RecallSettings()
    session: SessionSettings = SessionSettings()
    oidc: OidcSettings = OidcSettings()
    views: ViewsSettings = ViewsSettings()
    webhooks: WebhookSettings = WebhookSettings()
    usage: UsageSettings = UsageSettings()
    limit: LimitSettings = LimitSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _can_mail(self) -> Settings:
        needed = "upload.confirm_email" if self.upload.confirm_email else "reminders.enabled"
        if (self.upload.confirm_email or self.reminders.enabled) and not self.mail.host:
            raise ValueError(f"{needed} = true needs mail.host: confirmations are sent by mail")
        if self.upload.confirm_email and not self.mail.admin:
            raise ValueError("upload.confirm_email = true needs mail.admin: reports of abuse go there")
        return self

    @model_validator(mode="after")
    def _can_read_elsewhere(self) -> Settings:
        if self.database.read_url and not self.database_url.startswith("postgresql"):
            raise ValueError("database.read_url needs a PostgreSQL database.url")
        return self

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
        else:
            faults += _contradictions(settings)
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
            raise ConfigurationError(
                [f"{path}: has no [{INI_SECTION}] section: write this line above the settings"]
            )
        return dict(parser.items(INI_SECTION))
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read ({error.strerror})"]) from None
    except MissingSectionHeaderError:
        raise ConfigurationError(
            [f"{path}: has settings before any section: write [{INI_SECTION}] in a line above them"]
        ) from None
    except (IniError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            [f"{path}: is not a settings file ({' '.join(str(error).split())})"]
        ) from None


def environment_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The flat settings found in environment variables.

    A variable that names one of our sections and no setting in it stays under its own name, for
    ``Settings.from_mapping`` to name it beside all other faults.
    """
    by_variable = {variable_name(name): name for name, _ in setting_names()}
    # Only our own sections are policed: container platforms set variables such as
    # MARKETPLACE_SERVICE_HOST and MARKETPLACE_PORT for a service of this name.
    sections = tuple({f"{variable_name(name.partition('.')[0])}_" for name in by_variable.values()})
    found: dict[str, str] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable in CLIENT_VARIABLES:
            continue
        if variable in by_variable:
            found[by_variable[variable]] = text
        elif variable.startswith(sections):
            found[variable] = text
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


def _contradictions(settings: Settings) -> Iterator[str]:
    """Settings that are good each and leave no use of the site together."""
    required, trust = settings.upload.require, settings.trust
    if required != "any" and not trust.anchors:
        yield f"upload.require: {required} needs trust.anchors: without anchors nobody can upload"
    elif required == "allowlist" and trust.allowlist is None:
        yield "upload.require: allowlist needs trust.allowlist: without it nobody can upload"


def _derive_site_url(nested: dict[str, Any]) -> None:
    """Let the public URL follow the address listened on, where nothing else is said about it."""
    server, defaults = nested.get("server", {}), ServerSettings()
    host, port = server.get("host", defaults.host), server.get("port", str(defaults.port))
    if server and re.fullmatch(r"[A-Za-z0-9.:-]+", host) and re.fullmatch(r"[1-9][0-9]{0,4}", port):
        reachable = _REACHABLE.get(host, host)
        nested.setdefault("site", {}).setdefault("url", f"http://{in_url(reachable)}:{port}")


def in_url(host: str) -> str:
    """A host as URLs write it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def _is_foreign(key: str) -> bool:
    return key in _FOREIGN_NAMES or key.startswith(_FOREIGN)


def _unknown(key: str, names: Mapping[str, str]) -> str:
    known = [variable_name(name) if key.startswith(PREFIX) else name for name in names]
    close = difflib.get_close_matches(key, known, n=1)
    return f"{key}: unknown setting" + (f"; did you mean {close[0]}?" if close else "")


def _fault(detail: Any, nested: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    value: Any = nested
    for part in detail["loc"]:
        value = value.get(part) if isinstance(value, Mapping) else None
    reason = str(detail["msg"]).removeprefix("Value error, ")
    if not isinstance(value, str):  # a rule about several settings; some of them may be secret
        return reason
    # A database URL may hold a password, and faults are printed and logged.
    shown = "" if name in ("database.url", "database.read_url") else f" (found {value!r})"
    return f"{name} or {variable_name(name)}: {reason}{shown}"
