"""The Merkle tree hash, and what proves an inclusion or a consistency (RFC 6962, section 2.1).

Verification follows the algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2,
which state the same tree's checks step by step.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from marketplace.tlog.errors import ProofError

#: Root of the tree without leaves.
EMPTY_ROOT = sha256(b"").digest()

#: Gives the root of the full subtree ``index`` of 2**level leaves.
NodeReader = Callable[[int, int], bytes]


def hash_leaf(leaf: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 || leaf)."""
    return sha256(b"\x00" + leaf).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """The hash of a node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over subtrees of one size, the last of which may be smaller than the others."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        # One without a sibling moves up as it is: its parent covers the same leaves.
        level = [
            hash_node(*level[n : n + 2]) if n + 1 < len(level) else level[n] for n in range(0, len(level), 2)
        ]
    return level[0]


@dataclass(frozen=True, slots=True)
class Frontier:
    """The least that is needed to add leaves to a tree and to know its root.

    Args:
        size: number of leaves.
        hashes: roots of the full subtrees that make the tree, the largest first: one for each
            bit of ``size`` that is set, so at most 63.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def extended(self, leaf_hashes: Iterable[bytes]) -> Frontier:
        """The frontier after further leaves, given by their hashes."""
        size, stack = self.size, list(self.hashes)
        for added in leaf_hashes:
            rest = size
            node = added
            while rest & 1:
                node = hash_node(stack.pop(), node)
                rest >>= 1
            stack.append(node)
            size += 1
        return Frontier(size, tuple(stack))

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        if not self.hashes:
            return EMPTY_ROOT
        *others, node = self.hashes
        for left in reversed(others):
            node = hash_node(left, node)
        return node


def read_frontier(size: int, node: NodeReader) -> Frontier:
    """The frontier of a tree of ``size`` leaves whose full subtrees can be read."""
    hashes, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            hashes.append(node(level, start >> level))
            start += 1 << level
    return Frontier(size, tuple(hashes))


def prove_inclusion(index: int, size: int, node: NodeReader) -> list[bytes]:
    """The audit path of a leaf (RFC 6962, section 2.1.1): siblings from the leaf up.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_subtree(middle, high, node))
            high = middle
        else:
            path.append(_subtree(low, middle, node))
            low = middle
    return path[::-1]


def prove_consistency(old: int, new: int, node: NodeReader) -> list[bytes]:
    """The proof that a tree of ``new`` leaves continues one of ``old`` (RFC 6962, section 2.1.2).

    Raises:
        ValueError: the tree does not grow.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves does not grow to {new}")
    if old in (0, new):
        return []
    path, low, high = [], 0, new
    # Down to the largest subtree that the old tree has whole on its right edge.
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_subtree(middle, high, node))
            high = middle
        else:
            path.append(_subtree(low, middle, node))
            low = middle
    if low:
        path.append(_subtree(low, high, node))
    return path[::-1]


def prove_former_root(old: int, new: int, node: NodeReader, root: bytes) -> bytes:
    """The root that a tree had when it was smaller, out of nodes that nobody vouches for.

    Args:
        root: of the tree of ``new`` leaves; the nodes count only as far as they make it.

    Raises:
        ProofError: they do not.
        ValueError: the tree does not grow.
    """
    former = read_frontier(old, node).root
    verify_consistency(old, new, prove_consistency(old, new, node), former, root)
    return former


def verify_inclusion(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf stands in a tree (RFC 9162, section 2.1.3.2).

    Raises:
        ProofError: the path does not prove it.
    """
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} leaves has no leaf {index}")
    first, second, node = index, size - 1, leaf_hash
    for sibling in path:
        if second == 0:
            raise ProofError("the path is longer than the tree is high")
        if first & 1 or first == second:
            node = hash_node(sibling, node)
            while not first & 1 and first:
                first, second = first >> 1, second >> 1
        else:
            node = hash_node(node, sibling)
        first, second = first >> 1, second >> 1
    if second or not hmac.compare_digest(node, root):
        raise ProofError("the path does not lead from the leaf to the root")


def verify_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check that a tree continues an older one (RFC 9162, section 2.1.4.2).

    Raises:
        ProofError: the path does not prove it.
    """
    if not 0 <= old <= new:
        raise ProofError(f"a tree of {old} leaves does not grow to {new}")
    if old in (0, new):
        _verify_trivial(old, new, path, old_root, new_root)
        return
    nodes = list(path)
    if not old & (old - 1):
        nodes.insert(0, old_root)
    if not nodes:
        raise ProofError("the path is empty")
    first, second = old - 1, new - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    in_old = in_new = nodes[0]
    for node in nodes[1:]:
        if second == 0:
            raise ProofError("the path is longer than the tree is high")
        if first & 1 or first == second:
            in_old, in_new = hash_node(node, in_old), hash_node(node, in_new)
            while not first & 1 and first:
                first, second = first >> 1, second >> 1
        else:
            in_new = hash_node(in_new, node)
        first, second = first >> 1, second >> 1
    if second or not (hmac.compare_digest(in_old, old_root) and hmac.compare_digest(in_new, new_root)):
        raise ProofError("the path does not lead to both roots")


def _verify_trivial(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    if path:
        raise ProofError("the path must be empty where the older tree is empty or the same")
    if old == 0 and old_root != EMPTY_ROOT:
        raise ProofError("the older tree has no leaves and another root than the empty tree")
    if old == new and old_root != new_root:
        raise ProofError("trees of one size have different roots")


def _split(width: int) -> int:
    """The largest power of two below a width of at least 2."""
    return 1 << (width - 1).bit_length() - 1


def _subtree(low: int, high: int, node: NodeReader) -> bytes:
    """The hash over the leaves from ``low`` up to ``high``, where ``low`` begins a full subtree."""
    width = high - low
    if not width & (width - 1):
        return node(width.bit_length() - 1, low // width)
    hashes = []
    while low < high:
        level = (high - low).bit_length() - 1
        hashes.append(node(level, low >> level))
        low += 1 << level
    root = hashes.pop()
    while hashes:
        root = hash_node(hashes.pop(), root)
    return root
