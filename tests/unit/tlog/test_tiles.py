"""Tiles: names in one spelling, widths of the specification, and the same tree however it grew."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.tlog.errors import TileError
from marketplace.tlog.merkle import Frontier, hash_leaf, read_frontier
from marketplace.tlog.tiles import (
    RightEdge,
    TileName,
    join_bodies,
    join_bundle,
    nodes_of,
    parse_tile_name,
    split_bodies,
    split_bundle,
    tile_names,
    width_at,
)


@cache
def hashes() -> list[bytes]:
    """Hashes of leaves, more than two levels of tiles hold; made once a process."""
    return [hash_leaf(str(n).encode()) for n in range(70_000)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (TileName(0, 256), "000"),
        (TileName(67, 256), "067"),
        (TileName(1_234_067, 256), "x001/x234/067"),
        (TileName(1000, 1), "x001/000.p/1"),
        (TileName(273, 112), "273.p/112"),
    ],
)
def test_names_are_written_as_specified(name, text):
    assert str(name) == text
    assert parse_tile_name(text) == name


@given(st.integers(0, 10**15), st.integers(1, 256))
def test_every_name_reads_back(number, width):
    assert parse_tile_name(str(TileName(number, width))) == TileName(number, width)


@pytest.mark.parametrize(
    "text",
    ["", "0", "00", "0000", "x000/001", "001/002", "x01/002", "000.p/", "000.p/0", "000.p/256", "000.p/01",
     "000.p/1000", "000/", "/000", "../000", "000.p/1/x", "٠٠٠", "000.p/٣", "x001/x234/067\n",
     "x001/" * 40 + "000"],
)  # fmt: skip
def test_other_spellings_are_refused(text):
    with pytest.raises(TileError):
        parse_tile_name(text)


def test_a_tree_of_70_000_leaves_has_the_tiles_of_the_specification():
    names = tile_names(70_000)
    full = [sum(1 for level, name in names if level == n and name.width == 256) for n in range(3)]
    partial = [(level, name.width) for level, name in names if name.width < 256]
    assert (full, partial) == ([273, 1, 0], [(0, 112), (1, 17), (2, 1)])
    assert [(level, name.width) for level, name in tile_names(256)] == [(0, 256), (1, 1)]
    assert tile_names(0) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1500), st.lists(st.integers(1, 700), max_size=6))
def test_the_edge_grows_to_the_same_tree_whatever_the_steps(size, steps):
    edge, tiles, at = RightEdge(), {}, 0
    for step in [*steps, size]:
        end = min(size, at + step)
        tiles |= edge.grow(hashes()[at:end])
        at = end
        # What a process would do that reads the tiles back.
        levels = [tiles.get((level, (at >> 8 * level) // 256), b"") for level in range(8)]
        edge = RightEdge(at, [tile if (at >> 8 * n) % 256 else b"" for n, tile in enumerate(levels)])
    assert edge.root == Frontier().extended(hashes()[:size]).root
    assert set(tiles) == {(level, name.number) for level, name in tile_names(size)}
    assert all(len(tiles[level, name.number]) == name.width * 32 for level, name in tile_names(size))


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000])
def test_the_tree_can_be_read_from_tiles(size):
    edge = RightEdge()
    tiles = edge.grow(hashes()[:size])
    read = lambda level, number, width: tiles[level, number][: 32 * width]  # noqa: E731 - one expression, used once
    frontier = read_frontier(size, nodes_of(size, read))
    assert (frontier.root, edge.size) == (edge.root, size)
    assert frontier == Frontier().extended(hashes()[:size])


def test_tiles_that_do_not_fit_the_size_are_refused():
    with pytest.raises(TileError, match="does not fit"):
        RightEdge(3, [bytes(64)])
    with pytest.raises(TileError, match="not a row of hashes"):
        RightEdge(3, [bytes(95)])
    with pytest.raises(TileError, match="narrower"):
        nodes_of(3, lambda level, number, width: bytes(64))(0, 2)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bundles_read_back(parts):
    assert split_bundle(join_bundle(parts), len(parts)) == parts
    assert split_bodies(join_bodies(parts), len(parts)) == parts


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=5), st.data())
def test_cut_and_stuffed_bundles_are_refused(parts, data):
    whole = join_bodies(parts)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    for bad in (cut, whole + b"\0"):
        with pytest.raises(TileError):
            split_bodies(bad, len(parts))


def test_widths():
    assert [width_at(700, 0, n) for n in range(4)] == [256, 256, 188, 0]
    assert [width_at(700, 1, n) for n in range(2)] == [2, 0]
