"""What stands in site.toml, typed: every table, its members, bounds and defaults (docs/sites.md)."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

from pydantic import AfterValidator, Field, model_validator

from marketplace.sites.setting_kinds import Bytes, HttpUrl, Name, Seconds, Table
from marketplace.sites.store_settings import DirectoryTable, LibvirtTable, StoreTable
from marketplace.tlog.errors import KeyFormatError
from marketplace.tlog.note import VerifierKey, parse_verifier_key

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")


def _verifier(value: str) -> str:
    try:
        parse_verifier_key(value)
    except KeyFormatError as error:
        raise ValueError(f"must be the key of a published log: {error}") from None
    return value


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError("must be an address and a port such as 127.0.0.1:9180")
    return value


class MarketplaceTable(Table):
    """A marketplace that the site follows.

    Args:
        key: of its published log; without it a log that shrinks or forks is found out by its size only.
        poll: seconds between two questions while nothing is wrong.
    """

    url: HttpUrl
    key: Annotated[str, AfterValidator(_verifier)] | None = None
    token_file: Path | None = None
    poll: Seconds = Field(0.5, ge=0.05, le=86_400)

    @property
    def verifier(self) -> VerifierKey | None:
        """The log's key."""
        return None if self.key is None else parse_verifier_key(self.key)


class TrustTable(Table):
    """Whose certificates count; as the server's ``trust.*`` settings."""

    anchors: tuple[str, ...] = ()
    intermediates: tuple[str, ...] = ()
    crls: tuple[str, ...] = ()
    allowlist: Path | None = None
    password_file: Path | None = None
    legacy: Literal["refuse", "accept"] = "refuse"
    stale_crl: Literal["refuse", "accept"] = "refuse"
    missing_crl: Literal["refuse", "accept"] = "accept"
    reload_interval: Seconds = Field(300, ge=1, le=86_400)


class DecisionTable(Table):
    """How the site answers when a machine is to start."""

    stale_after: Seconds = Field(86_400, gt=0)
    when_stale: Literal["refuse", "keep"] = "refuse"
    unknown: Literal["allow", "refuse"] = "allow"
    refuse_migrations: bool = False


class CredentialTable(Table):
    """What is shown to one host of locations, and to no other."""

    bearer_file: Path | None = None
    user: str | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> CredentialTable:
        if (self.bearer_file is None) == (self.user is None) or (self.user is None) != (
            self.password_file is None
        ):
            raise ValueError("give either bearer_file, or user and password_file")
        return self


class FetchTable(Table):
    """What a transfer may do and cost.

    Args:
        allow_private: networks and hosts that may have private, loopback or link-local addresses.
        idle: seconds without a byte after which a location is given up.
        total: seconds a whole transfer may take.
        prefer: hosts that are asked first.
    """

    parallel: int = Field(2, ge=1, le=64)
    allow_private: tuple[str, ...] = ()
    idle: Seconds = Field(30, gt=0)
    total: Seconds = Field(6 * 3600, gt=0)
    prefer: tuple[str, ...] = ()
    credentials: dict[str, CredentialTable] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _readable(self) -> FetchTable:
        for one in (*self.allow_private, *self.prefer, *self.credentials):
            try:
                ipaddress.ip_network(one, strict=False)
            except ValueError:
                if not _HOST.fullmatch(one):
                    raise ValueError(f"{one!r} is neither a network nor a host") from None
        return self


Port = Annotated[int, Field(ge=1, le=65_535)]


class NetworkTable(Table):
    """What images may ask for; they are strangers.

    Args:
        allow_inbound, allow_outbound: ports; none named: any single port.
        allow_all: whether port 0, which stands for all, is let through.
    """

    allow_inbound: tuple[Port, ...] = (22, 80, 443, 8080)
    allow_outbound: tuple[Port, ...] = ()
    allow_all: bool = False


class SubscriptionTable(Table):
    """What the site wants to have: a saved search, a tag, an endorser or one image.

    Args:
        keep: versions of one tag.
        most: images of a search or of an endorser.
        most_bytes: of all images of the subscription together.
    """

    name: Name
    stores: tuple[str, ...] = Field(min_length=1)
    tag: str | None = None
    search: str | None = None
    endorser: str | None = None
    image: str | None = None
    keep: int = Field(1, ge=1, le=1000)
    most: int = Field(100, ge=1, le=10_000)
    most_bytes: Bytes | None = None

    @model_validator(mode="after")
    def _one_question(self) -> SubscriptionTable:
        given = [name for name in ("tag", "search", "endorser", "image") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("must have exactly one of tag, search, endorser and image")
        if self.tag is not None and not all(self.tag.partition("/")[::2]):
            raise ValueError("tag must be written ENDORSER/TAG, such as alice@example.org/debian-13")
        return self

    @property
    def question(self) -> tuple[tuple[str, str], ...]:
        """Parameters of the marketplace's search that find the images."""
        if self.tag is not None:
            email, _, tag = self.tag.partition("/")
            return (("endorser", email), ("tag", tag), ("status", "all"))
        if self.endorser is not None:
            return (("endorser", self.endorser),)
        return tuple(parse_qsl(self.search or "", keep_blank_values=False))


class HookTable(Table):
    """A program that is told of events.

    Args:
        run: the program and its arguments; no shell reads them.
        timeout: seconds until it is killed with everything it started.
        veto: whether its failure keeps an image out; never a withdrawal back.
    """

    on: tuple[str, ...] = Field(min_length=1)
    run: tuple[str, ...] = Field(min_length=1)
    timeout: Seconds = Field(10, gt=0, le=3600)
    veto: bool = False

    @model_validator(mode="after")
    def _known_events(self) -> HookTable:
        unknown = [one for one in self.on if one not in EVENT_TYPES]
        if unknown:
            raise ValueError(f"on names {', '.join(unknown)}; there are {', '.join(EVENT_TYPES)}")
        if not Path(self.run[0]).is_absolute():
            raise ValueError("run must begin with the absolute path of a program")
        return self


class ReceiptsTable(Table):
    """Whether marketplaces are told what became of images.

    Args:
        key_file: the site's key; ``marketplace site init`` makes it.
        to: URLs of the marketplaces that are told; none named: every one that has a token.
    """

    key_file: Path
    to: tuple[str, ...] = ()


#: Events of vmcatcher, in the order of an image's life.
EVENT_TYPES = (
    "ProcessPrefix",
    "SubscriptionImageNew",
    "AvailablePrefix",
    "AvailablePostfix",
    "ExpirePrefix",
    "ExpirePostfix",
    "ProcessPostfix",
)


class SiteTable(Table):
    """All of site.toml; ``policy`` is read by the judge."""

    name: Name
    state: Path
    run: Path
    metrics: Annotated[str, AfterValidator(_address)] | None = None
    marketplace: tuple[MarketplaceTable, ...] = Field(min_length=1)
    trust: TrustTable = TrustTable()
    policy: dict[str, Any] = Field(default_factory=dict)
    decision: DecisionTable = DecisionTable()
    fetch: FetchTable = FetchTable()
    network: NetworkTable = NetworkTable()
    store: tuple[StoreTable, ...] = ()
    subscription: tuple[SubscriptionTable, ...] = ()
    hook: tuple[HookTable, ...] = ()
    receipts: ReceiptsTable | None = None

    @model_validator(mode="after")
    def _consistent(self) -> SiteTable:
        faults = []
        stores = [one.name for one in self.store]
        for what, names in (
            ("store", stores),
            ("subscription", [one.name for one in self.subscription]),
            ("marketplace", [one.url for one in self.marketplace]),
        ):
            faults += [
                f"{what} {name} is there twice" for name in sorted({n for n in names if names.count(n) > 1})
            ]
        for one in self.subscription:
            faults += [
                f"subscription {one.name} names the store {name}, which is not there"
                for name in one.stores
                if name not in stores
            ]
        folders = [one.path for one in self.store if isinstance(one, DirectoryTable | LibvirtTable)]
        faults += [
            f"two stores have the path {path}"
            for path in sorted({p for p in folders if folders.count(p) > 1})
        ]
        if self.receipts is not None:
            able = [one.url for one in self.marketplace if one.token_file is not None]
            faults += [
                f"receipts go to {url}, which is not a configured marketplace with a token_file"
                for url in self.receipts.to
                if url not in able
            ]
            if not able:
                faults.append("receipts need a marketplace with a token_file (a token with the scope site)")
        if faults:
            raise ValueError("; ".join(faults))
        return self
