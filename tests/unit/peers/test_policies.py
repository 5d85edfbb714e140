"""What a site imports, when it asks again, and what an operator is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from marketplace.pages.federation import MOST_DRAWN, draw
from marketplace.peers.overview import PublicPeer, alerts
from marketplace.peers.schedule import LONGEST, backoff_pause, poll_pause, wanted_pause

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEER = PublicPeer("mp-a.example", "http://a", "tailing", 9, 0, 9, 900, 0, 0, 0, None, NOW, NOW, 0)


@pytest.mark.parametrize("failures", [1, 2, 5, 9, 40, 10**6])
def test_pauses_grow_to_a_cap_and_honour_what_is_asked(failures: int) -> None:
    pauses = [backoff_pause(failures, None) for _ in range(200)]
    assert all(0 <= pause <= min(LONGEST, 2.0 ** min(failures, 16)) for pause in pauses)
    assert max(pauses) > min(LONGEST, 2.0 ** min(failures, 16)) / 2
    assert backoff_pause(failures, 10.0**9) == LONGEST
    assert backoff_pause(failures, 7.0) >= 7.0


def test_polls_are_spread() -> None:
    pauses = [poll_pause() for _ in range(200)]
    assert 4.0 <= min(pauses) < 4.5 < 5.5 < max(pauses) <= 6.0
    assert [wanted_pause(n) for n in (0, 1, 2, 50)] == [5, 10, 20, 300]


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"state": "quarantined", "error": "integrity.root"}, ["peer.quarantined"]),
        ({"state": "backoff", "failures": 2}, []),
        ({"state": "backoff", "failures": 3}, ["peer.away"]),
        ({"behind": 5}, []),
        ({"behind": 5, "succeeded_at": NOW - timedelta(minutes=6)}, ["peer.late"]),
        ({"behind": 5, "succeeded_at": None}, ["peer.late"]),
        ({"state": "quarantined", "behind": 5, "succeeded_at": None}, ["peer.quarantined"]),
        ({"wanted": 1}, ["peer.wanted"]),
        ({"faults": {"sets": "peer.malformed"}}, ["peer.faulty"]),
        ({"clock_offset": -61}, ["peer.clock"]),
        ({"clock_offset": None}, []),
        ({"state": "disabled", "wanted": 9}, []),
    ],
)
def test_operators_are_told_what_needs_them(changes: dict[str, object], codes: list[str]) -> None:
    found = alerts([replace(PEER, **changes)], NOW)
    assert [alert.code for alert in found] == codes


def test_the_picture_has_a_lane_for_each_peer_within_bounds() -> None:
    picture = draw([PEER] * (MOST_DRAWN + 3))
    assert (len(picture.lanes), picture.left_out) == (MOST_DRAWN, 3)
    assert all(lane.top >= 0 and lane.top + 46 <= picture.height for lane in picture.lanes)
    assert draw([PEER]).lanes[0].note == "9 entries, up to date"
