"""What stands in site.toml, typed: every table, its members, bounds and defaults (docs/sites.md)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

from marshmallow.fields import Boolean

from marketplace.sites.setting_kinds import (
    DictOf,
    FilePath,
    HttpUrl,
    ListOf,
    Name,
    Seconds,
    Size,
    TableOf,
    Text,
    Whole,
    member,
    one_of,
)
from marketplace.sites.store_settings import DirectoryTable, LibvirtTable, StoreOf, StoreTable
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


@dataclass(frozen=True, kw_only=True)
class MarketplaceTable:
    """A marketplace that the site follows.

    Args:
        key: of its published log; without it a log that shrinks or forks is found out by its size only.
        poll: seconds between two questions while nothing is wrong.
    """

    url: str = member(HttpUrl())
    key: str | None = member(Text(_verifier), None)
    token_file: Path | None = member(FilePath(), None)
    poll: float = member(Seconds(0.05, 86_400), 0.5)

    @property
    def verifier(self) -> VerifierKey | None:
        """The log's key."""
        return None if self.key is None else parse_verifier_key(self.key)


@dataclass(frozen=True, kw_only=True)
class TrustTable:
    """Whose certificates count; as the server's ``trust.*`` settings."""

    anchors: tuple[str, ...] = member(ListOf(Text()), ())
    intermediates: tuple[str, ...] = member(ListOf(Text()), ())
    crls: tuple[str, ...] = member(ListOf(Text()), ())
    allowlist: Path | None = member(FilePath(), None)
    password_file: Path | None = member(FilePath(), None)
    legacy: Literal["refuse", "accept"] = member(one_of("refuse", "accept"), "refuse")
    stale_crl: Literal["refuse", "accept"] = member(one_of("refuse", "accept"), "refuse")
    missing_crl: Literal["refuse", "accept"] = member(one_of("refuse", "accept"), "accept")
    reload_interval: float = member(Seconds(1, 86_400), 300.0)


@dataclass(frozen=True, kw_only=True)
class DecisionTable:
    """How the site answers when a machine is to start."""

    stale_after: float = member(Seconds(above=True), 86_400.0)
    when_stale: Literal["refuse", "keep"] = member(one_of("refuse", "keep"), "refuse")
    unknown: Literal["allow", "refuse"] = member(one_of("allow", "refuse"), "allow")
    refuse_migrations: bool = member(Boolean(), False)


@dataclass(frozen=True, kw_only=True)
class CredentialTable:
    """What is shown to one host of locations, and to no other."""

    bearer_file: Path | None = member(FilePath(), None)
    user: str | None = member(Text(), None)
    password_file: Path | None = member(FilePath(), None)

    def __post_init__(self) -> None:
        if (self.bearer_file is None) == (self.user is None) or (self.user is None) != (
            self.password_file is None
        ):
            raise ValueError("give either bearer_file, or user and password_file")


@dataclass(frozen=True, kw_only=True)
class FetchTable:
    """What a transfer may do and cost.

    Args:
        allow_private: networks and hosts that may have private, loopback or link-local addresses.
        idle: seconds without a byte after which a location is given up.
        total: seconds a whole transfer may take.
        prefer: hosts that are asked first.
    """

    parallel: int = member(Whole(1, 64), 2)
    allow_private: tuple[str, ...] = member(ListOf(Text()), ())
    idle: float = member(Seconds(above=True), 30.0)
    total: float = member(Seconds(above=True), 6 * 3600.0)
    prefer: tuple[str, ...] = member(ListOf(Text()), ())
    credentials: dict[str, CredentialTable] = member(DictOf(TableOf(CredentialTable)), factory=dict)

    def __post_init__(self) -> None:
        for one in (*self.allow_private, *self.prefer, *self.credentials):
            try:
                ipaddress.ip_network(one, strict=False)
            except ValueError:
                if not _HOST.fullmatch(one):
                    raise ValueError(f"{one!r} is neither a network nor a host") from None


@dataclass(frozen=True, kw_only=True)
class NetworkTable:
    """What images may ask for; they are strangers.

    Args:
        allow_inbound, allow_outbound: ports; none named: any single port.
        allow_all: whether port 0, which stands for all, is let through.
    """

    allow_inbound: tuple[int, ...] = member(ListOf(Whole(1, 65_535)), (22, 80, 443, 8080))
    allow_outbound: tuple[int, ...] = member(ListOf(Whole(1, 65_535)), ())
    allow_all: bool = member(Boolean(), False)


@dataclass(frozen=True, kw_only=True)
class SubscriptionTable:
    """What the site wants to have: a saved search, a tag, an endorser or one image.

    Args:
        keep: versions of one tag.
        most: images of a search or of an endorser.
        most_bytes: of all images of the subscription together.
    """

    name: str = member(Name())
    stores: tuple[str, ...] = member(ListOf(Text(), least=1))
    tag: str | None = member(Text(), None)
    search: str | None = member(Text(), None)
    endorser: str | None = member(Text(), None)
    image: str | None = member(Text(), None)
    keep: int = member(Whole(1, 1000), 1)
    most: int = member(Whole(1, 10_000), 100)
    most_bytes: int | None = member(Size(), None)

    def __post_init__(self) -> None:
        given = [name for name in ("tag", "search", "endorser", "image") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("must have exactly one of tag, search, endorser and image")
        if self.tag is not None and not all(self.tag.partition("/")[::2]):
            raise ValueError("tag must be written ENDORSER/TAG, such as alice@example.org/debian-13")

    @property
    def question(self) -> tuple[tuple[str, str], ...]:
        """Parameters of the marketplace's search that find the images."""
        if self.tag is not None:
            email, _, tag = self.tag.partition("/")
            return (("endorser", email), ("tag", tag), ("status", "all"))
        if self.endorser is not None:
            return (("endorser", self.endorser),)
        return tuple(parse_qsl(self.search or "", keep_blank_values=False))


@dataclass(frozen=True, kw_only=True)
class HookTable:
    """A program that is told of events.

    Args:
        run: the program and its arguments; no shell reads them.
        timeout: seconds until it is killed with everything it started.
        veto: whether its failure keeps an image out; never a withdrawal back.
    """

    on: tuple[str, ...] = member(ListOf(Text(), least=1))
    run: tuple[str, ...] = member(ListOf(Text(), least=1))
    timeout: float = member(Seconds(0, 3600, above=True), 10.0)
    veto: bool = member(Boolean(), False)

    def __post_init__(self) -> None:
        unknown = [one for one in self.on if one not in EVENT_TYPES]
        if unknown:
            raise ValueError(f"on names {', '.join(unknown)}; there are {', '.join(EVENT_TYPES)}")
        if not Path(self.run[0]).is_absolute():
            raise ValueError("run must begin with the absolute path of a program")


@dataclass(frozen=True, kw_only=True)
class ReceiptsTable:
    """Whether marketplaces are told what became of images.

    Args:
        key_file: the site's key; ``marketplace site init`` makes it.
        to: URLs of the marketplaces that are told; none named: every one that has a token.
    """

    key_file: Path = member(FilePath())
    to: tuple[str, ...] = member(ListOf(Text()), ())


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


@dataclass(frozen=True, kw_only=True)
class SiteTable:
    """All of site.toml; ``policy`` is read by the judge."""

    name: str = member(Name())
    state: Path = member(FilePath())
    run: Path = member(FilePath())
    metrics: str | None = member(Text(_address), None)
    marketplace: tuple[MarketplaceTable, ...] = member(ListOf(TableOf(MarketplaceTable), least=1))
    trust: TrustTable = member(TableOf(TrustTable), TrustTable())
    policy: dict[str, Any] = member(DictOf(), factory=dict)
    decision: DecisionTable = member(TableOf(DecisionTable), DecisionTable())
    fetch: FetchTable = member(TableOf(FetchTable), FetchTable())
    network: NetworkTable = member(TableOf(NetworkTable), NetworkTable())
    store: tuple[StoreTable, ...] = member(ListOf(StoreOf()), ())
    subscription: tuple[SubscriptionTable, ...] = member(ListOf(TableOf(SubscriptionTable)), ())
    hook: tuple[HookTable, ...] = member(ListOf(TableOf(HookTable)), ())
    receipts: ReceiptsTable | None = member(TableOf(ReceiptsTable), None)

    def __post_init__(self) -> None:
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
