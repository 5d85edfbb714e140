"""The federation page: the peers, what flows from them, and what an operator should look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.federation.keys import SiteKeys
from marketplace.peers.administration import DISABLED, PeerAdministration
from marketplace.peers.overview import PublicPeer, alerts, public_peer
from marketplace.peers.sites import State
from marketplace.runtime import Runtime

from .display import cut, file_size, grouped, plural
from .pages import page

#: Peers that are drawn; the table has all.
MOST_DRAWN = 24
#: Of the picture, in its own units: height of a peer's lane, and above and below all lanes.
_LANE, _MARGIN = 46, 12
_NAME = 24
_TONES = {
    State.TAILING.value: "good",
    State.BOOTSTRAP.value: "plain",
    State.NEW.value: "plain",
    State.BACKOFF.value: "warn",
    State.QUARANTINED.value: "bad",
    DISABLED: "off",
}
_MEANINGS = {
    State.TAILING.value: "up to date",
    State.BOOTSTRAP.value: "catching up",
    State.NEW.value: "not read yet",
    State.BACKOFF.value: "trying again",
    State.QUARANTINED.value: "quarantined",
    DISABLED: "switched off",
}


@dataclass(frozen=True, slots=True)
class Lane:
    """A peer in the picture: its line runs from the left to the site's middle."""

    name: str
    note: str
    tone: str
    top: int
    path: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The peers at the left, this site at the right."""

    height: int
    middle: int
    lanes: tuple[Lane, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A peer in the table."""

    name: str
    state: str
    tone: str
    behind: str
    entries: str
    received: str
    lag: str
    error: str
    clock: str


@view_config(route_name="web.federation", request_method="GET", permission="peer:read")
def federation(request: Request) -> Response:
    """Peers, flows and alerts; of logs only the public ones."""
    runtime: Runtime = request.registry[Runtime]
    now = runtime.now()
    administration = PeerAdministration(runtime.database, "page", runtime.now)
    peers = [public_peer(status) for status in administration.all()]
    keys = None if runtime.federation is None else runtime.federation.keys
    values = {
        "site_name": None if keys is None else keys.site,
        "keys": [] if keys is None else _keys(keys),
        "picture": draw(peers) if peers else None,
        "peers": [_shown(one, now) for one in peers],
        "alerts": alerts(peers, now),
    }
    return page(request, "federation", values)


def draw(peers: Sequence[PublicPeer]) -> Picture:
    """Where everything goes in the picture."""
    drawn = peers[:MOST_DRAWN]
    height = 2 * _MARGIN + _LANE * max(2, len(drawn))
    middle = height // 2
    first = middle - _LANE * len(drawn) // 2
    lanes = []
    for number, peer in enumerate(drawn):
        top = first + number * _LANE
        line = top + _LANE // 2
        path = f"M196 {line}C246 {line} 236 {middle} 284 {middle}"
        note = f"{plural(peer.entries, 'entry', 'entries')}, {_MEANINGS[peer.state]}"
        lanes.append(Lane(cut(peer.name, _NAME), note, _TONES[peer.state], top, path))
    return Picture(height, middle, tuple(lanes), len(peers) - len(drawn))


def _shown(peer: PublicPeer, now: datetime) -> Shown:
    seconds = None if peer.succeeded_at is None else max(0, int((now - peer.succeeded_at).total_seconds()))
    offset = peer.clock_offset
    return Shown(
        name=peer.name,
        state=_MEANINGS[peer.state],
        tone=_TONES[peer.state],
        behind=plural(peer.behind, "row") if peer.behind else "none",
        entries=grouped(peer.entries),
        received=file_size(peer.received),
        lag="never" if seconds is None else f"{_span(seconds)} ago",
        error=peer.error or "none",
        clock="unknown" if offset is None else f"{offset:+d} s",
    )


def _keys(keys: SiteKeys) -> list[tuple[str, str]]:
    return [("Log key", str(keys.log.verifier)), ("Auth key", str(keys.auth.verifier))]


def _span(seconds: int) -> str:
    for length, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length:
            return plural(seconds // length, name)
    return plural(seconds, "second")
