"""An order kept in chunks answers as a sorted list does."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from marketplace.catalogue import order
from marketplace.catalogue.order import Order, Rank
from marketplace.rules.columns import Direction


def place(key: int, created: int) -> Rank:
    # The numbers go against the keys, as those of entries that came in another order than their ids.
    return Rank(created, 1000 - key, key)


STEPS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5)), unique_by=lambda one: one[0], max_size=40),
        st.sets(st.integers(0, 60), max_size=20),
    ),
    max_size=4,
)


@pytest.fixture(params=[(100, 512, 500), (0, 4, 500), (3, 3, 2)], ids=["usual", "chunks", "a few of each"])
def bounds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(("_FEW", "_CHUNK", "_MANY"), request.param, strict=True):
        monkeypatch.setattr(order, name, value)


@pytest.mark.usefixtures("bounds")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(STEPS, st.sets(st.integers(0, 60)), st.integers(0, 61), st.integers(-1, 6), st.integers(-1, 6))
def test_it_is_a_sorted_list(
    steps: list[tuple[list[tuple[int, int]], set[int]]], keys: set[int], last: int, low: int, high: int
) -> None:
    items: dict[int, Rank] = {}
    kept = Order(items.__getitem__)
    for added, removed in steps:
        fresh = {key: place(key, created) for key, created in added if key not in items}
        items |= fresh
        kept.add(fresh)
        for key in removed & items.keys():
            kept.remove(key)
            del items[key]
    among = BitMap(keys & items.keys())
    places = sorted(items.values())
    some = [one for one in places if one.entry_key in among]
    assert list(kept.walk(Direction.ASCENDING, among, None)) == some
    assert list(islice(kept.walk(Direction.DESCENDING, among, None), 3)) == some[::-1][:3]
    # Also behind a place whose entry is gone, or was never there.
    after = Rank(2, 1000 - last, last)
    assert list(kept.walk(Direction.ASCENDING, among, after)) == [one for one in some if one > after]
    assert list(kept.walk(Direction.DESCENDING, among, after)) == [one for one in some[::-1] if one < after]
    assert list(kept.between(low, high)) == sorted(p.entry_key for p in places if low <= p.value < high)
