"""Token buckets: bursts, rates, and a bounded memory."""

from __future__ import annotations

import pytest

from marketplace import limits
from marketplace.limits import RateLimit, network_of


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_minutes_turns_may_be_used_at_once_and_come_back_evenly() -> None:
    clock = Clock()
    limit = RateLimit(6, clock)
    assert [limit.take("a") for _ in range(6)] == [0] * 6
    assert limit.take("a") == 10
    clock.seconds = 9.0
    assert limit.take("a") == 1
    clock.seconds = 10.0
    assert limit.take("a") == 0
    assert limit.take("a") == 10


def test_asking_while_there_is_no_turn_costs_nothing() -> None:
    clock = Clock()
    limit = RateLimit(1, clock)
    limit.take("a")
    for clock.seconds in (10, 20, 30):
        assert limit.take("a") > 0
    clock.seconds = 60
    assert limit.take("a") == 0


def test_no_more_than_a_minutes_turns_are_saved() -> None:
    clock = Clock()
    limit = RateLimit(2, clock)
    limit.take("a")
    clock.seconds = 100_000
    assert [limit.take("a") > 0 for _ in range(4)] == [False, False, True, True]


def test_callers_do_not_use_each_others_turns() -> None:
    limit = RateLimit(1, Clock())
    assert (limit.take("a"), limit.take("b"), limit.take("a") > 0) == (0, 0, True)


def test_looking_uses_no_turn() -> None:
    limit = RateLimit(1, Clock())
    assert [limit.wait("a") for _ in range(3)] == [0, 0, 0]
    limit.take("a")
    assert limit.wait("a") == 60


def test_no_limit_remembers_nobody() -> None:
    limit = RateLimit(0, Clock())
    assert all(limit.take("a") == 0 for _ in range(1000))
    assert not limit._buckets


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CALLERS", 10)
    limit = RateLimit(1, Clock())
    for number in range(1000):
        limit.take(f"caller {number}" + "x" * 10_000)
    assert len(limit._buckets) == 10
    assert all(len(name) <= 100 for name in limit._buckets)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unix", "unix"),
        ("", ""),
    ],
)
def test_a_caller_is_an_address_or_a_network(address: str, network: str) -> None:
    assert network_of(address) == network
