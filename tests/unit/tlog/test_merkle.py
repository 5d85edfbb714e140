"""The tree against its definition, against another implementation, and against forged proofs."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from marketplace.tlog.errors import ProofError
from marketplace.tlog.merkle import (
    EMPTY_ROOT,
    Frontier,
    fold,
    hash_leaf,
    hash_node,
    prove_consistency,
    prove_former_root,
    prove_inclusion,
    read_frontier,
    verify_consistency,
    verify_inclusion,
)

#: From RFC 6962's reference implementation: leaves and the roots of their first 1, 2, ... 8.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                 "606162636465666768696a6b6c6d6e6f")
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

SIZES = st.integers(0, 200)


def hashes(size: int) -> list[bytes]:
    return [hash_leaf(str(n).encode()) for n in range(size)]


def root(size: int) -> bytes:
    return Frontier().extended(hashes(size)).root


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


def reader(size: int):
    known = hashes(size)

    def node(level: int, index: int) -> bytes:
        part = known[index << level : (index + 1) << level]
        assert len(part) == 1 << level, "a proof may only ask for full subtrees"
        return fold(part)

    return node


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_implementation(size):
    assert Frontier().extended(map(hash_leaf, LEAVES[:size])).root.hex() == ROOTS[size - 1]


@given(SIZES)
def test_the_frontier_folds_to_the_root_of_the_definition(size):
    leaves = [str(n).encode() for n in range(size)]
    assert root(size) == by_definition(leaves) == fold(hashes(size))


@given(st.lists(st.binary(max_size=64), max_size=150))
def test_roots_are_those_of_another_implementation(leaves):
    tree = InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        tree.append_entry(leaf)
    expected = tree.get_root() if leaves else EMPTY_ROOT
    assert Frontier().extended(map(hash_leaf, leaves)).root == expected


@given(SIZES, SIZES)
def test_a_tree_grown_in_two_steps_is_the_same(first, second):
    grown = Frontier().extended(hashes(first)).extended(hashes(first + second)[first:])
    assert (
        grown
        == Frontier().extended(hashes(first + second))
        == read_frontier(first + second, reader(first + second))
    )
    assert len(grown.hashes) == (first + second).bit_count()


@given(st.integers(1, 200), st.data())
def test_every_leaf_can_be_proved_and_nothing_else(size, data):
    index = data.draw(st.integers(0, size - 1))
    path = prove_inclusion(index, size, reader(size))
    leaf = hashes(size)[index]
    verify_inclusion(leaf, index, size, path, root(size))
    wrong = data.draw(st.sampled_from(range(-1, size + 2)).filter(lambda n: n != index))
    with pytest.raises(ProofError):
        verify_inclusion(leaf, wrong, size, path, root(size))
    with pytest.raises(ProofError):
        verify_inclusion(hash_leaf(b"another"), index, size, path, root(size))
    with pytest.raises(ProofError):
        verify_inclusion(leaf, index, size, [*path, leaf], root(size))
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        for forged in (path[:at] + path[at + 1 :], [*path[:at], bytes(32), *path[at + 1 :]]):
            with pytest.raises(ProofError):
                verify_inclusion(leaf, index, size, forged, root(size))


@given(SIZES, SIZES, st.data())
def test_every_growth_can_be_proved_and_nothing_else(first, second, data):
    old, new = min(first, second), max(first, second)
    path = prove_consistency(old, new, reader(new))
    verify_consistency(old, new, path, root(old), root(new))
    with pytest.raises(ProofError):
        verify_consistency(old, new, path, bytes(32), root(new))
    if old:
        with pytest.raises(ProofError):
            verify_consistency(old, new, path, root(old), bytes(32))
    with pytest.raises(ProofError):
        verify_consistency(old, new, [*path, bytes(32)], root(old), root(new))
    with pytest.raises(ProofError):
        verify_consistency(new + 1, new, path, root(old), root(new))
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        for forged in (path[:at] + path[at + 1 :], [*path[:at], bytes(32), *path[at + 1 :]]):
            with pytest.raises(ProofError):
                verify_consistency(old, new, forged, root(old), root(new))


@given(st.integers(0, 700), st.data())
def test_a_former_root_is_proven_by_the_nodes_of_the_tree_and_by_no_others(new, data):
    old = data.draw(st.integers(0, new))
    assert prove_former_root(old, new, reader(new), root(new)) == root(old)
    if old:  # what was before the first leaf needs no proof
        with pytest.raises(ProofError):
            prove_former_root(old, new, lambda level, index: bytes(32), root(new))


@settings(max_examples=30)
@given(st.integers(2, 120), st.data())
def test_audit_paths_are_those_of_another_implementation(size, data):
    tree = InmemoryTree(algorithm="sha256")
    for n in range(size):
        tree.append_entry(str(n).encode())
    index = data.draw(st.integers(0, size - 1))
    # Theirs holds the leaf itself too, and stands in another order.
    ours = prove_inclusion(index, size, reader(size))
    assert sorted([*ours, hashes(size)[index]]) == sorted(tree.prove_inclusion(index + 1, size).path)


def test_there_is_no_proof_for_what_is_not_there():
    with pytest.raises(ValueError, match="no leaf 3"):
        prove_inclusion(3, 3, reader(3))
    with pytest.raises(ValueError, match="does not grow"):
        prove_consistency(4, 3, reader(3))
    with pytest.raises(ProofError, match="empty"):
        verify_consistency(3, 5, [], root(3), root(5))


def test_leaves_and_nodes_cannot_be_taken_for_each_other():
    left, right = hashes(2)
    assert hash_leaf(left + right) != hash_node(left, right)
