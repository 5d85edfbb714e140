"""Tiles and entry bundles: the tree in files of 256 (C2SP tlog-tiles)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from marketplace.tlog.encoding import HASH_SIZE
from marketplace.tlog.errors import TileError
from marketplace.tlog.merkle import EMPTY_ROOT, NodeReader, fold, hash_node

#: Hashes of a full tile, entries of a full bundle; and its logarithm.
WIDTH, HEIGHT = 256, 8
#: Levels of tiles that a tree can have.
MAX_LEVEL = 7

_NUMBER = re.compile(r"(?:x[0-9]{3}/){0,6}[0-9]{3}")
_PARTIAL = re.compile(r"([1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class TileName:
    """A tile's (or bundle's) number within its level, and how many of its 256 places are filled."""

    number: int
    width: int

    def __str__(self) -> str:
        """The path element: ``x001/x234/067``, with ``.p/W`` for a partial one."""
        groups = [f"{self.number % 1000:03}"]
        rest = self.number // 1000
        while rest:
            groups.append(f"x{rest % 1000:03}")
            rest //= 1000
        return "/".join(reversed(groups)) + ("" if self.width == WIDTH else f".p/{self.width}")


def parse_tile_name(path: str) -> TileName:
    """Read ``x001/x234/067`` or ``x001/x234/067.p/8``.

    Raises:
        TileError: it is none, or another spelling of one.
    """
    number, partial, width = path.partition(".p/")
    if not _NUMBER.fullmatch(number) or (partial and not _PARTIAL.fullmatch(width)):
        raise TileError("a tile is named like x001/067 or x001/067.p/8")
    name = TileName(int(number.replace("x", "").replace("/", "")), int(width) if partial else WIDTH)
    if name.width > WIDTH - bool(partial) or str(name) != path:
        raise TileError("the tile's name is not in canonical form")
    return name


def width_at(size: int, level: int, number: int) -> int:
    """How many places of a tile a tree of ``size`` leaves fills: 0-256."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - number * WIDTH))


def tile_names(size: int) -> list[tuple[int, TileName]]:
    """Every tile of a tree with its level."""
    return [
        (level, TileName(number, width_at(size, level, number)))
        for level in range(MAX_LEVEL + 1)
        for number in range(-(-(size >> HEIGHT * level) // WIDTH))
    ]


def split_hashes(tile: bytes) -> list[bytes]:
    """The hashes of a tile.

    Raises:
        TileError: it is no whole number of hashes.
    """
    if len(tile) % HASH_SIZE:
        raise TileError(f"a tile of {len(tile)} bytes is not a row of hashes")
    return [tile[n : n + HASH_SIZE] for n in range(0, len(tile), HASH_SIZE)]


#: Gives the bytes of tile ``number`` of ``level``, filled to ``width`` at least.
TileReader = Callable[[int, int, int], bytes]


def nodes_of(size: int, read: TileReader) -> NodeReader:
    """Reads full subtrees of a tree of ``size`` leaves out of its tiles."""

    def node(level: int, index: int) -> bytes:
        tile_level, within = divmod(level, HEIGHT)
        number, first = divmod(index << within, WIDTH)
        width = width_at(size, tile_level, number)
        tile = read(tile_level, number, width)
        # Of the tile only what is folded is split: whoever reads many nodes reads a tile very often.
        wanted = split_hashes(tile[first * HASH_SIZE : (first + (1 << within)) * HASH_SIZE])
        if len(tile) % HASH_SIZE or len(tile) < width * HASH_SIZE or len(wanted) != 1 << within:
            raise TileError(f"tile {number} of level {tile_level} is narrower than the tree")
        return fold(wanted)

    return node


class RightEdge:
    """The tiles at a growing tree's right edge, one partial tile a level; finished tiles leave it.

    Args:
        size: leaves so far.
        tiles: the partial tiles by level, as ``width_at`` says of ``size``; empty ones may lack.

    Raises:
        TileError: a tile's width is not what the size says.
    """

    def __init__(self, size: int = 0, tiles: Sequence[bytes] = ()) -> None:
        self.size = size
        self._levels = [split_hashes(tile) for tile in tiles]
        for level in range(max(len(self._levels), MAX_LEVEL + 1)):
            if level == len(self._levels):
                self._levels.append([])
            if len(self._levels[level]) != (size >> HEIGHT * level) % WIDTH:
                raise TileError(f"the last tile of level {level} does not fit a tree of {size} leaves")

    def grow(self, leaf_hashes: Iterable[bytes]) -> dict[tuple[int, int], bytes]:
        """Add leaves; returns every tile that changed, by level and number, as it is now."""
        finished: dict[tuple[int, int], bytes] = {}
        touched: set[int] = set()
        for added in leaf_hashes:
            self.size += 1
            self._push(0, added, finished, touched)
        for level in touched:
            if self._levels[level]:
                finished[level, self._number(level)] = b"".join(self._levels[level])
        return finished

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        right: bytes | None = None
        for hashes in self._levels:
            # What is right of a level's full subtrees is smaller than they are: it folds as one more.
            row = hashes if right is None else [*hashes, right]
            right = fold(row) if row else None
        return EMPTY_ROOT if right is None else right

    def _push(
        self, level: int, added: bytes, finished: dict[tuple[int, int], bytes], touched: set[int]
    ) -> None:
        tile = self._levels[level]
        tile.append(added)
        touched.add(level)
        if len(tile) == WIDTH:
            finished[level, self._number(level) - 1] = b"".join(tile)
            self._levels[level] = []
            self._push(level + 1, _full_root(tile), finished, touched)

    def _number(self, level: int) -> int:
        return (self.size >> HEIGHT * level) // WIDTH


def _full_root(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [hash_node(hashes[n], hashes[n + 1]) for n in range(0, len(hashes), 2)]
    return hashes[0]


def join_bundle(leaves: Iterable[bytes]) -> bytes:
    """An entry bundle: each leaf behind its length in two bytes."""
    return b"".join(len(leaf).to_bytes(2) + leaf for leaf in leaves)


def split_bundle(data: bytes, width: int) -> list[bytes]:
    """The leaves of an entry bundle.

    Raises:
        TileError: it does not hold ``width`` leaves and nothing else.
    """
    return _split(data, width, 2)


def join_bodies(bodies: Iterable[bytes]) -> bytes:
    """A body bundle: each body behind its length in four bytes; an empty one where a leaf has none."""
    return b"".join(len(body).to_bytes(4) + body for body in bodies)


def split_bodies(data: bytes, width: int) -> list[bytes]:
    """The bodies of a body bundle.

    Raises:
        TileError: it does not hold ``width`` bodies and nothing else.
    """
    return _split(data, width, 4)


def _split(data: bytes, width: int, prefix: int) -> list[bytes]:
    parts, at = [], 0
    for _ in range(width):
        end = at + prefix + int.from_bytes(data[at : at + prefix])
        if at + prefix > len(data) or end > len(data):
            raise TileError("the bundle ends within an entry")
        parts.append(data[at + prefix : end])
        at = end
    if at != len(data):
        raise TileError(f"the bundle holds more than {width} entries")
    return parts
