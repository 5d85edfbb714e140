"""What a webhook is asked to be, checked: an address, whose events, and which of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import inet_aton
from typing import Any, Final, Self
from urllib.parse import urlsplit

from marketplace.access.principal import PUBLIC, find_group, group_log
from marketplace.config.mail import is_address
from marketplace.events import Kind, Wanted
from marketplace.locations import AddressGuard
from marketplace.webhooks.errors import MemberFault, WebhookDefinitionError

#: All events of the public log, with what only administrators may know.
SITE: Final = "site"
#: Events of the public log about entries that the owner endorses, and recalls of what the owner's sites have.
OWN: Final = "own"
_LONGEST_URL: Final = 2000
_LONGEST_TEXT: Final = 200
_LONGEST_TAG: Final = 1000
_HOST: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
_NUMBERS: Final = re.compile(r"[0-9a-fx.]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EventFilters:
    """Which events of its audience a webhook is told of; what is empty does not narrow.

    Args:
        kinds: of events.
        view: name of a view whose entries they are about.
        endorser: e-mail of the endorser of the entry.
        tag: of the entry.
    """

    kinds: tuple[Kind, ...] = ()
    view: str | None = None
    endorser: str | None = None
    tag: str | None = None

    def to_json(self) -> str:
        """The filters as the table stores them."""
        return json.dumps({**asdict(self), "kinds": [one.value for one in self.kinds]}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """As ``to_json`` wrote them; a kind that this version does not know any more is left out."""
        told: dict[str, Any] = json.loads(text)
        known = {one.value for one in Kind}
        kinds = tuple(Kind(one) for one in told["kinds"] if one in known)
        return cls(kinds, told["view"], told["endorser"], told["tag"])


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook.

    Args:
        key: in the tables.
        name: 16 hex digits, public.
        owner: who made it; ``cli:USER`` for an operator.
        audience: ``site``, ``own`` or ``group:NAME``.
        token: public name of the token that it was made with; None where it was made without.
        rotating_until: until when the former secret signs too.
    """

    key: int
    name: str
    url: str
    owner: str
    audience: str
    token: str | None
    description: str
    filters: EventFilters
    position: int
    created_at: datetime
    rotating_until: datetime | None
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None

    @property
    def log(self) -> str:
        """The log whose events the webhook gets."""
        return find_log(self.audience)

    @property
    def group(self) -> str | None:
        """The group whose events it is told of; None for the public ones."""
        return find_group(self.log)

    @property
    def asked(self) -> AskedWebhook:
        """What it was asked to be."""
        return AskedWebhook(self.url, self.audience, self.filters, self.description)

    @property
    def state(self) -> str:
        """``disabled``, ``failing`` or ``ok``."""
        return "disabled" if self.disabled_at else "failing" if self.failing_since else "ok"

    def wanted(self) -> Wanted:
        """Which events a webhook is told of, but for those that its view leaves out."""
        filters = self.filters
        if self.audience == OWN:
            return Wanted(frozenset({self.log}), filters.kinds, self.owner, filters.tag, contact=self.owner)
        return Wanted(frozenset({self.log}), filters.kinds, filters.endorser, filters.tag)


def find_log(audience: str) -> str:
    """The log whose events an audience is told of."""
    return PUBLIC if audience in (SITE, OWN) else audience


def parse_audience(group: str | None, *, own: bool) -> str:
    """Whose events somebody asks for."""
    if group is not None:
        return group_log(group)
    return OWN if own else SITE


@dataclass(frozen=True, slots=True)
class AskedWebhook:
    """What a webhook is asked to be.

    Args:
        url: where requests go.
        audience: ``site``, ``own`` or ``group:NAME``; it never changes.
        description: one line for people.
    """

    url: str
    audience: str
    filters: EventFilters = EventFilters()
    description: str = ""


def check(asked: AskedWebhook, guard: AddressGuard) -> None:
    """Check what a webhook is asked to be.

    Raises:
        WebhookDefinitionError: it cannot be that; every fault is named.
    """
    faults = [*_address_faults(asked.url, guard), *_filter_faults(asked.filters)]
    if len(asked.description) > _LONGEST_TEXT or not asked.description.isprintable():
        faults.append(
            MemberFault("description", f"description is at most {_LONGEST_TEXT} characters of one line")
        )
    if faults:
        raise WebhookDefinitionError(*faults)


def parse_kinds(words: Sequence[Any]) -> tuple[Kind, ...]:
    """Kinds of events by their names, each once.

    Raises:
        WebhookDefinitionError: there is no such kind.
    """
    try:
        return tuple(dict.fromkeys(Kind(word) for word in words))
    except ValueError:
        raise WebhookDefinitionError(MemberFault("kinds", f"kinds are {', '.join(Kind)}")) from None


def _address_faults(url: str, guard: AddressGuard) -> list[MemberFault]:
    fault = _find_address_fault(url, guard)
    return [] if fault is None else [MemberFault("url", fault)]


def _find_address_fault(url: str, guard: AddressGuard) -> str | None:
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > _LONGEST_URL:
        return (
            f"url is at most {_LONGEST_URL} visible ASCII characters; write a host with other letters in its "
            "xn-- form"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port  # raises ValueError where the port is no number
    except ValueError:
        return "url is not an address"
    if parts.scheme not in ("http", "https") or not host:
        return "url is an https address"
    if "@" in parts.netloc or parts.fragment:
        return "url has no user name and no fragment; what proves the sender is the signature"
    address = _find_address(host)
    if port == 0 or (address is None and _HOST.fullmatch(host) is None):
        return "url is not an address"
    if parts.scheme == "http" and not guard.names(host, address):
        return "url is an https address: what it is told would go over the network for all to read"
    if address is not None and not guard.allows(host, address):
        return "url leads inside: loopback, private, link-local or metadata addresses are not asked"
    return None


def _find_address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is written as, also in spellings that only resolvers know: 0x7f.1, 127.1."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(inet_aton(host)) if _NUMBERS.fullmatch(host) else None
    except OSError:
        return None


def _filter_faults(filters: EventFilters) -> list[MemberFault]:
    faults = []
    if filters.endorser is not None and not is_address(filters.endorser):
        faults.append(MemberFault("endorser", "endorser is a mail address"))
    if filters.tag is not None and not 0 < len(filters.tag) <= _LONGEST_TAG:
        faults.append(MemberFault("tag", f"tag has 1 to {_LONGEST_TAG} characters"))
    return faults
