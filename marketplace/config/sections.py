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


def places(value: object) -> object:
    """Several files, directories or patterns in one setting, with commas or line ends between."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.replace("\n", ",").split(",") if part.strip())
    return value


class DatabaseSettings(Section):
    """Where the entries and the log live."""

    url: Annotated[str, AfterValidator(_database_url)] | None = Field(
        None,
        description="sqlite or postgresql URL; empty: marketplace.sqlite in the data directory",
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
        description="whom to tell of a hole, for /.well-known/security.txt: a mail address, or a mailto, "
        "https or tel URI; empty: there is no such file",
    )
    mode: SiteMode = Field(
        "open", description="private: reading needs a token; replica: takes no uploads; open: neither"
    )


class ServerSettings(Section):
    """The web server and its limits."""

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="address to listen on; 0.0.0.0: every one of IPv4, ::: every one of both families",
    )
    port: int = Field(6543, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    threads: int = Field(8, ge=1, le=128, description="requests answered at the same time")
    connection_limit: int = Field(1000, ge=50, le=50_000, description="open connections, idle ones included")
    idle_timeout: int = Field(30, ge=1, le=3600, description="seconds a silent connection is kept")
    request_timeout: int = Field(30, ge=1, le=3600, description="seconds a request may take to arrive whole")
    trusted_proxy: Annotated[
        tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(places)
    ] = Field(
        (),
        description="addresses or networks of the proxies in front, whose X-Forwarded-For names the "
        "clients, with commas between",
    )
    renewal: bool = Field(
        True, description="replace the process by a new one after something was erased: memory is not wiped"
    )


class UploadSettings(Section):
    """What may be uploaded."""

    legacy: Literal["refuse", "accept"] = Field(
        "refuse", description="accept: also take SHA-1 signatures, 1024-bit keys and expired certificates"
    )
    require: Literal["any", "allowlist", "chain"] = Field(
        "any",
        description="chain: take uploads only of endorsers who are chained to an anchor; allowlist: only of "
        "those of them whose name is on trust.allowlist",
    )
    max_bytes: int = Field(1_048_576, ge=1024, le=1_048_576, description="largest entry taken, in bytes")
    confirm_email: bool = Field(
        False, description="endorsers confirm by mail before an upload with a new certificate is taken"
    )
    confirm_days: float = Field(
        7.0, gt=0, le=90, description="days after which an upload that nobody confirmed is forgotten"
    )
    pending_per_client: int = Field(
        5,
        ge=1,
        le=100,
        description="uploads from one network address (IPv6: one /64 network) that may wait for the "
        "confirmation of one address",
    )
    pending_per_address: int = Field(
        20, ge=1, le=1000, description="uploads that may wait for the confirmation of one address in all"
    )
    pending_limit: int = Field(
        1000, ge=1, le=100_000, description="uploads that may wait for any confirmation, each up to 1 MiB"
    )


class ListSettings(Section):
    """Lists of entries."""

    cap: int = Field(10_000, ge=10, le=1_000_000, description="most entries in one answer; a Link leads on")


class CacheSettings(Section):
    """What a process keeps in memory."""

    entry_bytes: int = Field(
        67_108_864, ge=0, le=16 * 2**30, description="memory for immutable entries, in bytes; 0 keeps none"
    )


class QuerySettings(Section):
    """SPARQL queries."""

    enabled: bool = Field(True, description="answer /query and keep its triple store")
    timeout: float = Field(10.0, ge=0.1, le=300, description="seconds after which a query is stopped")
    max_rows: int = Field(10_000, ge=1, le=1_000_000, description="most rows in one result")
    workers: int = Field(2, ge=1, le=32, description="processes that answer queries")


class SearchSettings(Section):
    """Searching for words."""

    engine: Literal["whoosh", "postgresql", "tantivy", "off"] = Field(
        "whoosh",
        description="full-text engine; postgresql needs a PostgreSQL database.url, tantivy the extra 'fast'",
    )


class TrustSettings(Section):
    """Whose endorsement counts."""

    anchors: Annotated[tuple[str, ...], BeforeValidator(places)] = Field(
        (),
        description="trusted certificates: files (PEM, DER, PKCS #12), directories (*.0, *.pem; their *.r0 "
        "are taken as well) or patterns, with commas between",
    )
    intermediates: Annotated[tuple[str, ...], BeforeValidator(places)] = Field(
        (), description="certificates that paths to an anchor may lead through; likewise"
    )
    crls: Annotated[tuple[str, ...], BeforeValidator(places)] = Field(
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
    show: Literal["any", "unrevoked", "chained", "listed", "trusted"] = Field(
        "any", description="which entries listings show where nobody asks for others (trust=all)"
    )
    reload_interval: float = Field(
        300.0, ge=1, le=86_400, description="seconds between two looks at these files"
    )


class WatchSettings(Section):
    """Looks at where the content of images lies."""

    enabled: bool = Field(
        False, description="look from time to time whether the content of current entries is there"
    )
    interval: float = Field(
        86_400.0, ge=0.1, le=31_536_000, description="seconds from one look at a location to the next"
    )
    pause: float = Field(
        5.0, ge=0.01, le=3600, description="seconds between two looks of one process at one host"
    )
    allow_private: Annotated[tuple[str, ...], BeforeValidator(places)] = Field(
        (),
        description="networks and hosts inside that may be asked, with commas between; all others are not: "
        "loopback, private, link-local and metadata addresses, also behind redirects",
    )


class RecallSettings(Section):
    """Withdrawn images that cloud sites still have."""

    after: float = Field(
        3600.0,
        ge=0,
        le=2_592_000,
        description="seconds from the withdrawal of an image to the mail that lists the sites which still "
        "have it",
    )


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level written")
    format: Literal["json", "text"] = Field("json", description="one JSON object or one line an event")
