"""Long sequences in portions: databases and peers bound what one statement or request may name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

#: Keys that one statement names: databases bound its parameters.
NAMED: Final = 1000


def portions(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """The items in their order, a portion after the other.

    Args:
        most: items of a portion.
    """
    return (items[start : start + most] for start in range(0, len(items), most))
