"""Long sequences in portions."""

from __future__ import annotations

from marketplace.portions import portions


def test_every_item_is_in_one_portion_and_in_its_place() -> None:
    for count in range(8):
        found = list(portions(range(count), 3))
        assert [one for portion in found for one in portion] == list(range(count))
        assert all(len(portion) == 3 for portion in found[:-1]) and all(found)
