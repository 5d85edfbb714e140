"""The seal of an image: its identifier as a picture, so that the same image is recognised at a glance.

A ray for each of the identifier's 27 characters, as long as the character's
value. It proves nothing: who wants to know compares the identifier.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, sin

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_RAYS = 27
#: Where rays begin, and the shortest and longest end, from the middle of a square of 100.
_INNER, _SHORTEST, _LONGEST = 15, 20, 47
_DIRECTIONS = tuple((sin(2 * pi * ray / _RAYS), -cos(2 * pi * ray / _RAYS)) for ray in range(_RAYS))
_STARTS = tuple(f"{_INNER * x:.0f} {_INNER * y:.0f}" for x, y in _DIRECTIONS)


@lru_cache(maxsize=4096)
def seal_path(identifier: str) -> str:
    """The rays as the ``d`` of an SVG path, for a view box of ``-50 -50 100 100``.

    Args:
        identifier: of an image; characters outside its alphabet count as the shortest ray.
    """
    rays = []
    for start, (x, y), character in zip(_STARTS, _DIRECTIONS, identifier, strict=False):
        reach = _SHORTEST + (_LONGEST - _SHORTEST) * _VALUES.get(character, 0) / 63
        rays.append(f"M{start}L{reach * x:.0f} {reach * y:.0f}")
    return "".join(rays)
