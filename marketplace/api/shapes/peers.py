"""Shapes of peers. What administrators see of one is made by ``marketplace.peers``, also for the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from marketplace.peers.registry.mirror_list import MOST_MIRRORS

from .base import Count, RequestBody, Shape, Text, Time, Url, one_of

_Mirrors = Annotated[
    list[Url],
    Field(
        description="addresses below which copies of its tiles and bundles lie, tried in this order",
        json_schema_extra={"maxItems": MOST_MIRRORS},
    ),
]


class PeerAddition(RequestBody):
    """A peer to follow."""

    url: Url
    key: str = Field(description="the log key: name+hex8+base64")
    auth_key: Annotated[Text, Field(description="the auth key, likewise")] = None
    mirrors: _Mirrors = Field(default_factory=list)


class PeerMirrors(RequestBody):
    """The mirrors of a peer's tiles and bundles."""

    mirrors: _Mirrors


class PeerEpoch(RequestBody):
    """The new name of a log."""

    origin: str = Field(description="such as NAME/public/e2")


class PeerShape(Shape):
    """A peer's public log."""

    name: str
    url: Url
    state: Annotated[str, one_of("new", "bootstrap", "tailing", "backoff", "quarantined", "disabled")]
    rows: Count = Field(description="rows of its log that were processed")
    behind: Count = Field(description="rows that its newest checkpoint covers beyond those")
    entries: Count = Field(description="entries that came from there first")
    received: Count = Field(description="bytes read over the network")
    wanted: Count = Field(description="rows whose entry nobody handed out yet")
    rejected: Count = Field(description="rows that were passed over")
    failures: Count = Field(description="failed attempts in a row")
    error: str | None = Field(description="code of the last failure, until an attempt succeeds")
    succeeded_at: Time | None
    contacted_at: Time | None
    clock_offset: int | None = Field(description="its clock minus ours, in seconds")
    follows: bool | None = Field(
        description="whether it says that it reads this site's log; null before it said"
    )
    withheld: Count = Field(description="rows that it signed for elsewhere and does not show here")
    faults: Mapping[str, str] = Field(description="codes of the faults in its answers, by question")
    erased: Count = Field(description="rows whose entry is missing here and was erased there, as it says")


class PeersShape(Shape):
    """The peers."""

    peers: Sequence[PeerShape]


class AlertShape(Shape):
    """An alert."""

    code: str
    severity: Annotated[str, one_of("warning", "critical")]
    peer: str
    message: str


class AlertsShape(Shape):
    """An alert for the operator."""

    alerts: Sequence[AlertShape]
