"""Bundles that become one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from marketplace.peers.acceptance.protocol import Refusal
from marketplace.peers.errors import UnreachableError
from marketplace.peers.limits import BOOTSTRAP_ROWS, PAGE_BYTES
from marketplace.peers.pull.bundles import Bundle, joined
from marketplace.tlog.tiles import WIDTH
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from validators import accept

BAD = Refusal("code", "message")
ENTRY = accept(signed(image(), make_identity()))


def bundle(number: int, size: int = 0) -> Bundle:
    """A bundle with one entry of some bytes, and a row that nobody proves."""
    rows = tuple(b"%d %d" % (number, n) for n in range(WIDTH))
    entry = replace(ENTRY, data=b"x" * size)
    return Bundle(rows, frozenset({f"known {number}"}), {f"new {number}": entry, f"bad {number}": BAD}, 7)


def numbers(bundles: Sequence[Bundle]) -> list[list[int]]:
    return [[int(row.split()[0]) for row in one.rows[::WIDTH]] for one in bundles]


def test_bundles_are_joined_in_their_order_up_to_the_rows_of_a_transaction() -> None:
    found = list(joined(map(bundle, range(2 * BOOTSTRAP_ROWS // WIDTH + 1))))
    assert numbers(found) == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert [row for one in found for row in one.rows] == [row for n in range(9) for row in bundle(n).rows]
    first = found[0]
    assert first.known == {"known 0", "known 1", "known 2", "known 3"}
    assert {name for name in first.verdicts if name.startswith("new")} == {f"new {n}" for n in range(4)}
    assert first.verdicts["bad 3"] == BAD
    assert first.received == 4 * 7


def test_bundles_are_joined_up_to_the_bytes_of_a_transaction() -> None:
    half, more = PAGE_BYTES // 2, PAGE_BYTES + 1
    found = joined(bundle(n, size) for n, size in enumerate([half, half, 1, more, 1]))
    assert numbers(list(found)) == [[0, 1], [2], [3], [4]]


def test_what_came_before_a_peer_failed_is_kept() -> None:
    def broken() -> Iterator[Bundle]:
        yield bundle(0)
        yield bundle(1)
        raise UnreachableError("gone")

    found = joined(broken())
    assert numbers([next(found)]) == [[0, 1]]
    with pytest.raises(UnreachableError):
        next(found)
