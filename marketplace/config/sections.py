"""The sections of the configuration: each setting's type, bounds, default and meaning."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from marketplace.config.access import SiteMode
from marketplace.config.section import Section


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


def _contact(value: str) -> str:
    uri = f"mailto:{value}" if "@" in value and ":" not in value else value
    if not re.fullmatch(r"(mailto|https|tel):[!-~]{1,200}", uri):
        raise ValueError("must be a mail address, or a mailto, https or tel URI")
    return uri


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError(
            f"must hold IP addresses or networks such as 10.0.0.0/8, and {value!r} is none"
        ) from None


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


def _replica_url(value: str) -> str:
    url = _database_url(value)
    if not url.startswith("postgresql"):
        raise ValueError("must be a postgresql URL")
    return url


def paths(value: object) -> object:
    """Several files, directories or patterns in one setting, with commas or line ends between."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.replace("\n", ",").split(",") if part.strip())
    return value


class DatabaseSettings(Section):
    """Settings of the database with the entries and the log."""

    url: Annotated[str, AfterValidator(_database_url)] | None = Field(
        None,
        description="sqlite or postgresql URL; empty: marketplace.sqlite in the data directory",
    )
    read_url: Annotated[str, AfterValidator(_replica_url)] | None = Field(
        None,
        description="postgresql URL of a streaming replica that answers readers who show no credentials; "
        "empty: none",
    )
    read_lag: float = Field(
        1.0, ge=0.1, le=3600, description="seconds that the replica may be behind; the primary answers beyond"
    )


class SiteSettings(Section):
    """How the site presents itself."""

    url: Annotated[str, AfterValidator(_absolute_http_url)] = Field(
        "http://127.0.0.1:6543",
        description="public base URL of all links; empty: http, server.host, server.port",
    )
    title: str = Field("Marketplace", min_length=1, max_length=80, description="name shown on pages")
    security_contact: Annotated[str, AfterValidator(_contact)] | None = Field(
        None,
        description="contact for security reports, for /.well-known/security.txt: a mail address, or a "
        "mailto, "
        "https or tel URI; empty: no such file",
    )
    mode: SiteMode = Field(
        "open",
        description="private: reading needs a token; replica: no uploads; open: everybody reads, "
        "endorsers upload",
    )


class ServerSettings(Section):
    """The web server and its limits."""

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="address to listen on; 0.0.0.0: all IPv4 addresses, ::: all IPv4 and IPv6 addresses",
    )
    port: int = Field(6543, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    threads: int = Field(8, ge=1, le=128, description="requests that are answered at the same time")
    connection_limit: int = Field(1000, ge=50, le=50_000, description="open connections, idle ones included")
    idle_timeout: int = Field(
        30, ge=1, le=3600, description="seconds after which a silent connection is closed"
    )
    request_timeout: int = Field(
        30, ge=1, le=3600, description="seconds within which a request must arrive completely"
    )
    trusted_proxy: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(paths)] = (
        Field(
            (),
            description="addresses or networks of the proxies in front, whose X-Forwarded-For names the "
            "clients, with commas between",
        )
    )
    renewal: bool = Field(
        True,
        description="restart the process after an entry was erased, because its memory still holds "
        "the content",
    )


class UploadSettings(Section):
    """Settings of uploads."""

    legacy: Literal["refuse", "accept"] = Field(
        "refuse", description="accept: also accept SHA-1 signatures, 1024-bit keys and expired certificates"
    )
    require: Literal["any", "allowlist", "chain"] = Field(
        "any",
        description="chain: accept uploads only from endorsers with a certificate chain to an anchor; "
        "allowlist: of these, only the subjects on trust.allowlist",
    )
    max_bytes: int = Field(
        1_048_576, ge=1024, le=1_048_576, description="largest entry that is accepted, in bytes"
    )
    confirm_email: bool = Field(
        False,
        description="endorsers must confirm by mail before an upload with a new certificate is accepted",
    )
    confirm_days: float = Field(
        7.0, gt=0, le=90, description="days after which an unconfirmed upload is deleted"
    )
    pending_per_client: int = Field(
        5,
        ge=1,
        le=100,
        description="uploads from one network address (IPv6: one /64 network) that may wait for the "
        "confirmation of one address",
    )
    pending_per_address: int = Field(
        20,
        ge=1,
        le=1000,
        description="uploads from anywhere that may wait for the confirmation of one address",
    )
    pending_limit: int = Field(
        1000,
        ge=1,
        le=100_000,
        description="uploads that may wait for confirmation in total, each up to 1 MiB",
    )


class ListSettings(Section):
    """Lists of entries."""

    cap: int = Field(
        10_000,
        ge=10,
        le=1_000_000,
        description="most entries in one answer; a Link header leads to the next page",
    )


class CacheSettings(Section):
    """What a process keeps in memory."""

    entry_bytes: int = Field(
        67_108_864,
        ge=0,
        le=16 * 2**30,
        description="memory for the cache of immutable entries, in bytes; 0: no cache",
    )


class QuerySettings(Section):
    """SPARQL queries."""

    enabled: bool = Field(True, description="answer SPARQL at /query, and keep the triple store for it")
    timeout: float = Field(10.0, ge=0.1, le=300, description="seconds after which a query is stopped")
    max_rows: int = Field(10_000, ge=1, le=1_000_000, description="most rows in one query result")
    workers: int = Field(2, ge=1, le=32, description="processes that answer queries")


class SearchSettings(Section):
    """Searching for words."""

    engine: Literal["whoosh", "postgresql", "tantivy", "off"] = Field(
        "whoosh",
        description="full-text engine; postgresql needs a PostgreSQL database.url, tantivy the extra 'fast'",
    )


class TrustSettings(Section):
    """Whose endorsement counts."""

    anchors: Annotated[tuple[str, ...], BeforeValidator(paths)] = Field(
        (),
        description="trusted certificates: files (PEM, DER, PKCS #12), directories (*.0, *.pem; their *.r0 "
        "are taken as well) or patterns, with commas between",
    )
    intermediates: Annotated[tuple[str, ...], BeforeValidator(paths)] = Field(
        (), description="intermediate certificates; given like the anchors"
    )
    crls: Annotated[tuple[str, ...], BeforeValidator(paths)] = Field(
        (), description="revocation lists: files, directories (*.r0, *.crl) or patterns"
    )
    allowlist: Path | None = Field(
        None, description="allow-list: a file with the distinguished name of one endorser on each line"
    )
    password_file: Path | None = Field(None, description="file with the password of PKCS #12 anchors")
    legacy: Literal["refuse", "accept"] = Field(
        "refuse", description="accept: SHA-1 signatures and 1024-bit keys count as trusted"
    )
    stale_crl: Literal["refuse", "accept"] = Field(
        "refuse", description="accept: trust issuers whose newest revocation list is out of date"
    )
    missing_crl: Literal["refuse", "accept"] = Field(
        "accept", description="refuse: trust no issuer without a revocation list"
    )
    show: Literal["any", "unrevoked", "chained", "listed", "trusted"] = Field(
        "any", description="entries that lists show by default; trust=all shows all of them"
    )
    reload_interval: float = Field(
        300.0, ge=1, le=86_400, description="seconds between two checks of these files"
    )


class WatchSettings(Section):
    """Looks at where the content of images lies."""

    enabled: bool = Field(
        False, description="check regularly that the files of current entries can be downloaded"
    )
    interval: float = Field(
        86_400.0, ge=0.1, le=31_536_000, description="seconds between two checks of a location"
    )
    pause: float = Field(
        5.0, ge=0.01, le=3600, description="seconds between two requests of one process to one host"
    )
    allow_private: Annotated[tuple[str, ...], BeforeValidator(paths)] = Field(
        (),
        description="internal networks and hosts that may be contacted, with commas between; all other "
        "loopback, private, link-local and metadata addresses are refused, also after redirects",
    )


class RecallSettings(Section):
    """Withdrawn images that cloud sites still have."""

    after: float = Field(
        3600.0,
        ge=0,
        le=2_592_000,
        description="seconds between the withdrawal of an image and the second mail, which lists the sites "
        "that still have the image; 0: one mail, at once",
    )


class LogSettings(Section):
    """Settings of the lines on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lowest level that is logged"
    )
    format: Literal["json", "text"] = Field(
        "json", description="format of each event: one JSON object, or one line of text"
    )
