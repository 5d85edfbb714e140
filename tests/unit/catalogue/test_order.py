"""An order kept in chunks answers as a sorted list does."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from marketplace.catalogue import order
from marketplace.catalogue.facts import Facts
from marketplace.catalogue.order import Order, Place


def facts(key: int, created: int) -> Facts:
    # The numbers go against the keys, as those of entries that came in another order than their ids.
    return Facts(key, 1, "strong", 1000 - key, "", "", created, False, 0, "", 0, ())


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
    kept = Order(lambda one: one.created)
    items: dict[int, Facts] = {}
    for added, removed in steps:
        fresh = [facts(key, created) for key, created in added if key not in items]
        kept.add(fresh)
        items |= {one.entry_key: one for one in fresh}
        for key in removed:
            kept.remove(items.pop(key, facts(key, 3)))
    among = BitMap(keys & items.keys())
    places = sorted(kept.place(one) for one in items.values())
    some = [place for place in places if place.entry_key in among]
    assert list(kept.ascending(among, items, None)) == some
    assert list(islice(kept.descending(among, items, None), 3)) == some[::-1][:3]
    # Also behind a place whose entry is gone, or was never there.
    after = Place(2, 1000 - last, last)
    assert list(kept.ascending(among, items, after)) == [place for place in some if place > after]
    assert list(kept.descending(among, items, after)) == [place for place in some[::-1] if place < after]
    assert list(kept.between(low, high)) == sorted(p.entry_key for p in places if low <= p.value < high)
