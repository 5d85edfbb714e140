"""The front page: what is here, what is new, and what was withdrawn, before anybody asked for anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pyramid.renderers import render
from pyramid.request import Request
from pyramid.response import Response

from marketplace.access import ANONYMOUS
from marketplace.facets import Facet, TrustMark
from marketplace.http.coordinates import entry_path
from marketplace.http.responses import etag_of, fresh_response, tagged_response
from marketplace.http.security import principal_of
from marketplace.judging.memory import RenderedAnswer
from marketplace.peers.administration import DISABLED, PeerAdministration
from marketplace.peers.model import PullState
from marketplace.runtime import Runtime
from marketplace.search.overview import MOST_PUBLISHERS, Overview
from marketplace.search.results import FacetCount, SearchHit

from .badges import Badge
from .display import cut, grouped
from .rendering import base_path
from .search_page import details, scopes
from .systems import system_name
from .trust_badges import Lines, lines_of

#: Cards, entries looked at for them (several can be versions of one tag), withdrawn images, and tiles.
CARDS, LOOKED_AT, WITHDRAWN, TILES = 9, 36, 5, 8
_CHIPS_PER_FACET = 2
#: The tag that most endorsers give to everything says nothing about what belongs together.
_EVERYTHING = "latest"


@dataclass(frozen=True, slots=True)
class SystemTile:
    """A system with the list of its images."""

    name: str
    value: str
    count: str
    href: str


@dataclass(frozen=True, slots=True)
class Card:
    """A new image; ``older`` versions of the same tag are not shown beside it."""

    path: str
    title: str
    os: str | None
    email: str
    description: str
    details: str
    tag: str | None
    created: datetime
    valid: datetime | None
    badges: list[Badge]
    older: int


@dataclass(frozen=True, slots=True)
class RecalledImage:
    """An image that its publisher withdrew."""

    path: str
    title: str
    email: str
    reason: str
    created: datetime
    badges: list[Badge]


def front(request: Request) -> Response:
    """The page for a reader who asked for nothing yet."""
    runtime: Runtime = request.registry[Runtime]
    principal, now = principal_of(request), runtime.now()
    if principal != ANONYMOUS:
        return fresh_response(request, _rendered(request, now), "text/html")
    # What everybody sees is kept until something changes, and ten seconds at most.
    memory = runtime.judge.answers
    generation = memory.generation()
    held = memory.find("front page", now)
    if held is None:
        body = _rendered(request, now)
        held = RenderedAnswer(body, etag_of(body), now, now + timedelta(hours=1))
        memory.remember("front page", held, generation)
    return tagged_response(request.environ, held.body, held.etag, "text/html")


def _rendered(request: Request, now: datetime) -> bytes:
    values = front_values(request, now)
    text: str = render("marketplace:pages/templates/front.jinja2", values, request)
    return text.encode()


def front_values(request: Request, now: datetime) -> dict[str, Any]:
    """Everything the template shows."""
    runtime: Runtime = request.registry[Runtime]
    search, principal, base = runtime.search, principal_of(request), base_path(request)
    found = search.search(search.read([("limit", str(LOOKED_AT))]), principal, now)
    gone = search.search(search.read([("status", "deprecated"), ("limit", str(WITHDRAWN))]), principal, now)
    numbers = search.look_over(principal, now)
    lines = lines_of(request, [hit.row for hit in (*found.hits, *gone.hits)])
    systems = [one for one in found.facets[Facet.OS] if one.value != "none"]
    return {
        "systems": [_tile(base, one) for one in systems[:TILES]],
        "more_systems": max(0, len(systems) - TILES),
        "chips": _chips(base, found.facets, numbers),
        "numbers": _numbers(base, numbers, _peers_in_step(runtime)),
        "images": numbers.images,
        "cards": cards(found.hits, lines),
        "recalls": [_recall(hit, lines) for hit in gone.hits],
        "scopes": scopes(base, (), principal),
    }


def cards(hits: Sequence[SearchHit], lines: Lines) -> list[Card]:
    """The newest images, of those that carry the same tag of one publisher only the newest."""
    shown: list[SearchHit] = []
    older: list[int] = []
    places: dict[tuple[str, str], int] = {}
    for hit in hits:
        tags = [(hit.row.email, tag) for tag in hit.tags if tag != _EVERYTHING]
        place = next((places[tag] for tag in tags if tag in places), None)
        if place is None:
            place = len(shown)
            shown.append(hit)
            older.append(0)
        else:
            older[place] += 1
        for tag in tags:
            places.setdefault(tag, place)
    pairs = zip(shown[:CARDS], older, strict=False)
    return [_card(hit, count, lines) for hit, count in pairs]


def _card(hit: SearchHit, older: int, lines: Lines) -> Card:
    row = hit.row
    return Card(
        path=entry_path(row.coordinates),
        title=_title(hit),
        os=row.os,
        email=row.email,
        description=_description(hit),
        details=details(row),
        tag=next((tag for tag in hit.tags if tag != _EVERYTHING), None),
        created=row.created,
        valid=row.valid,
        badges=[lines.badge(row), *lines.privacy(row)],
        older=older,
    )


def _title(hit: SearchHit) -> str:
    row = hit.row
    named = " ".join(text for text in (row.os, row.os_version, row.os_arch) if text)
    return cut((row.title or "").strip() or named or row.identifier, 100)


def _description(hit: SearchHit) -> str:
    """What the description says beside the title."""
    text = " ".join((hit.row.description or "")[:1000].split())
    return "" if text.casefold() == (hit.row.title or "").strip().casefold() else cut(text, 160)


def _recall(hit: SearchHit, lines: Lines) -> RecalledImage:
    row = hit.row
    reason = cut(" ".join((row.deprecated or "").split()), 200)
    return RecalledImage(
        entry_path(row.coordinates), _title(hit), row.email, reason, row.created, lines.privacy(row)
    )


def _tile(base: str, one: FacetCount) -> SystemTile:
    href = f"{base}/?{urlencode({'os': one.label})}"
    return SystemTile(cut(system_name(one.label), 40), one.label, grouped(one.count), href)


def _chips(base: str, facets: Any, numbers: Overview) -> list[tuple[str, str]]:
    """Filters that narrow the list, each with the list that it gives."""
    found = []
    if 0 < _count(facets[Facet.TRUST], TrustMark.TRUSTED.value) < numbers.images:
        found.append(("Trusted only", _list(base, "trust", TrustMark.TRUSTED.value)))
    for facet, named in ((Facet.OS, system_name), (Facet.ARCH, str)):
        found += [
            (cut(named(one.label), 40), _list(base, facet.value, one.label))
            for one in facets[facet][:_CHIPS_PER_FACET]
        ]
    if numbers.expiring:
        found.append((f"Expiring soon ({grouped(numbers.expiring)})", _list(base, "expires-within", "30")))
    return found


def _count(counts: Sequence[FacetCount], value: str) -> int:
    return next((one.count for one in counts if one.value == value), 0)


def _list(base: str, name: str, value: str) -> str:
    return f"{base}/?{urlencode({name: value})}"


def _numbers(base: str, numbers: Overview, peers: tuple[int, int]) -> list[tuple[str, str, str]]:
    """Number, what it counts, and where to see more."""
    publishers = grouped(numbers.publishers) + ("+" if numbers.publishers >= MOST_PUBLISHERS else "")
    trusted = f", {grouped(numbers.trusted_publishers)} trusted here" if numbers.trusted_publishers else ""
    shown = [
        (
            grouped(numbers.images),
            # Not images: each is counted once for each of its publishers, as the search counts it.
            "current entry" if numbers.images == 1 else "current entries",
            "/?sort=newest",
        ),
        (publishers, ("publisher" if numbers.publishers == 1 else "publishers") + trusted, "/endorsers"),
    ]
    in_step, all_peers = peers
    if all_peers:
        told = f"{grouped(in_step)} of {grouped(all_peers)}"
        shown.append((told, "peer marketplaces up to date", "/federation"))
    shown.append((grouped(numbers.withdrawn), "withdrawn this week", "/?status=deprecated"))
    return [(number, label, f"{base}{path}") for number, label, path in shown]


def _peers_in_step(runtime: Runtime) -> tuple[int, int]:
    """How many peers are followed up to date, of how many."""
    states = [one.state for one in PeerAdministration(runtime.database, "page", runtime.now).all()]
    followed = [state for state in states if state != DISABLED]
    return followed.count(PullState.TAILING.value), len(followed)
