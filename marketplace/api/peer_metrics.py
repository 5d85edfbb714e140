"""Figures about the public logs of peers, for Prometheus. Labels are the names that the operator gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from marketplace.peers.administration import PeerAdministration
from marketplace.peers.overview import PublicPeer, alerts, public_peer
from marketplace.runtime import Runtime

_GAUGES: tuple[tuple[str, str, Callable[[PublicPeer], float | None]], ...] = (
    (
        "marketplace_peer_behind_rows",
        "Rows of a peer's log that are covered and not here.",
        lambda p: p.behind,
    ),
    ("marketplace_peer_rows", "Rows of a peer's log that were processed.", lambda p: p.rows),
    ("marketplace_peer_wanted", "Rows whose entry nobody handed out yet.", lambda p: p.wanted),
    (
        "marketplace_peer_erased",
        "Rows whose entry is missing here and was erased at the peer, as it says.",
        lambda p: p.erased,
    ),
    ("marketplace_peer_rejected", "Rows of a peer's log that were passed over.", lambda p: p.rejected),
    ("marketplace_peer_failures", "Failed attempts in a row.", lambda p: p.failures),
    ("marketplace_peer_clock_offset_seconds", "A peer's clock minus ours.", lambda p: p.clock_offset),
    (
        "marketplace_peer_success_timestamp_seconds",
        "When everything that a peer's log covers was here last.",
        lambda p: None if p.succeeded_at is None else p.succeeded_at.timestamp(),
    ),
)


def peer_metrics(runtime: Runtime) -> Iterator[Metric]:
    """The figures of every peer, and how many alerts there are."""
    administration = PeerAdministration(runtime.database, "metrics", runtime.now)
    peers = [public_peer(status) for status in administration.all()]
    for name, meaning, read in _GAUGES:
        gauge = GaugeMetricFamily(name, meaning, labels=["peer"])
        for peer in peers:
            value = read(peer)
            if value is not None:
                gauge.add_metric([peer.name], value)
        yield gauge
    state = GaugeMetricFamily(
        "marketplace_peer_state", "1 for the state of a peer.", labels=["peer", "state"]
    )
    entries = CounterMetricFamily(
        "marketplace_peer_entries", "Entries that came from a peer first.", labels=["peer"]
    )
    received = CounterMetricFamily(
        "marketplace_peer_received_bytes", "Bytes read from a peer.", labels=["peer"]
    )
    for peer in peers:
        state.add_metric([peer.name, peer.state], 1)
        entries.add_metric([peer.name], peer.entries)
        received.add_metric([peer.name], peer.received)
    yield from (state, entries, received)
    found = alerts(peers, runtime.now())
    counted = GaugeMetricFamily("marketplace_peer_alerts", "Alerts, by code.", labels=["code"])
    for code in sorted({one.code for one in found}):
        counted.add_metric([code], sum(one.code == code for one in found))
    yield counted
