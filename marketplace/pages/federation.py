"""The federation page: the peers, what flows from them, and what an operator should look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.federation.keys import SiteKeys
from marketplace.locations.links import link
from marketplace.peers.administration import DISABLED, PeerAdministration
from marketplace.peers.model import PullState
from marketplace.peers.overview import PublicPeer, alerts, public_peer
from marketplace.runtime import Runtime

from .display import cut, file_size, grouped, plural
from .rendering import page

#: Peers that are drawn; the table has all.
MOST_DRAWN = 24
#: Of the picture, in its own units: height of a peer's lane, and above and below all lanes.
_LANE, _MARGIN = 46, 12
_NAME = 24
_TONES = {
    PullState.TAILING.value: "good",
    PullState.BOOTSTRAP.value: "plain",
    PullState.NEW.value: "plain",
    PullState.BACKOFF.value: "warn",
    PullState.QUARANTINED.value: "bad",
    DISABLED: "off",
}
_MEANINGS = {
    PullState.TAILING.value: "up to date",
    PullState.BOOTSTRAP.value: "catching up",
    PullState.NEW.value: "not read yet",
    PullState.BACKOFF.value: "trying again",
    PullState.QUARANTINED.value: "quarantined",
    DISABLED: "switched off",
}


#: Codes of what goes wrong with a log, as sentences.
_REASONS = {
    "peer.contact": "Reading it failed.",
    "peer.unreachable": "It cannot be reached over the network.",
    "peer.dns": "The name of its server has no address.",
    "peer.refused": "Nothing listens at its address: the server is stopped, or the port is another one.",
    "peer.tls": "Its TLS certificate is not valid for its address.",
    "peer.too-slow": "It took too long to answer.",
    "peer.too-large": "Its answer is larger than anything it should send.",
    "peer.unexpected-answer": "It answers with an error.",
    "peer.not-found": (
        "There is no log at this address: it belongs to another site, or the site publishes none."
    ),
    "peer.malformed": "Its answer cannot be read.",
    "peer.withheld": "It signed for more than it shows here.",
    "peer.failed-here": "This site failed while it stored the peer's data.",
    "peer.moved": "Another process of this site was reading it at the same time.",
    "note.format": "Its signed head cannot be read.",
    "note.signature": "Its head is not signed with the key that its operator gave.",
    "key.format": "One of its keys cannot be read.",
    "checkpoint.format": "Its signed head cannot be read.",
    "leaf.format": "A row of its log cannot be read.",
    "tile.format": "A part of its log cannot be read.",
    "proof.format": "A proof that it gave cannot be read.",
    "proof.invalid": "A proof that it gave proves something else.",
    "rows.too-many": "It sent more rows than its signed head covers.",
    "rows.missing": "It does not hand out all rows that its signed head covers.",
    "integrity.origin": "It shows the log of another site.",
    "integrity.signature": "Its head is not signed with the key that its operator gave.",
    "integrity.rollback": "It took rows back that it had published.",
    "integrity.split-view": "It showed different sites different logs.",
    "integrity.frozen": "It signed a newer head elsewhere than it shows here.",
    "integrity.root": "Its rows do not make the tree that it signed.",
}


@dataclass(frozen=True, slots=True)
class PeerLane:
    """A peer in the picture: its line runs from the left to the site's middle."""

    name: str
    note: str
    tone: str
    top: int
    path: str


@dataclass(frozen=True, slots=True)
class FederationPicture:
    """The peers at the left, this site at the right."""

    height: int
    middle: int
    lanes: tuple[PeerLane, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class PeerLine:
    """A peer in the table."""

    name: str
    href: str | None
    state: str
    tone: str
    behind: str
    entries: str
    received: str
    succeeded_at: datetime | None
    reason: str | None
    code: str | None
    clock: str
    follows: str


#: By what a peer says of the other direction.
_FOLLOWS = {True: "follows this site", False: "does not follow this site", None: "not known yet"}


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
        "peers": [_peer_line(one) for one in peers],
        "alerts": alerts(peers, now),
    }
    return page(request, "federation", values)


def draw(peers: Sequence[PublicPeer]) -> FederationPicture:
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
        lanes.append(PeerLane(cut(peer.name, _NAME), note, _TONES[peer.state], top, path))
    return FederationPicture(height, middle, tuple(lanes), len(peers) - len(drawn))


def reason(code: str) -> str:
    """What went wrong with a peer's log, as a sentence; codes of this site's own store have one together."""
    return _REASONS.get(code, "This site could not store the peer's data.")


def _peer_line(peer: PublicPeer) -> PeerLine:
    offset = peer.clock_offset
    return PeerLine(
        name=peer.name,
        href=link(peer.url),
        state=_MEANINGS[peer.state],
        tone=_TONES[peer.state],
        behind=_behind(peer),
        entries=grouped(peer.entries),
        received=file_size(peer.received),
        succeeded_at=peer.succeeded_at,
        reason=None if peer.error is None else reason(peer.error),
        code=peer.error,
        clock="unknown" if offset is None else f"{offset:+d} s",
        follows=_FOLLOWS[peer.follows],
    )


def _behind(peer: PublicPeer) -> str:
    if peer.behind:
        return plural(peer.behind, "row")
    return "unknown" if peer.succeeded_at is None else "none"


def _keys(keys: SiteKeys) -> list[tuple[str, str]]:
    return [("Log key", str(keys.log.verifier)), ("Auth key", str(keys.auth.verifier))]
