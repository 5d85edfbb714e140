"""Hashes of bundles against a signed root."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.peers.errors import MalformedError
from marketplace.peers.remote.bundle_hashes import bundle_hash, verify_bundle_hashes
from marketplace.tlog.checkpoint import Checkpoint, sign_checkpoint, verify_checkpoint
from marketplace.tlog.following import TrustedLog
from marketplace.tlog.merkle import Frontier, hash_leaf
from marketplace.tlog.note import SigningKey
from marketplace.tlog.tiles import WIDTH

KEY = SigningKey("mp-z.example/public", Ed25519PrivateKey.generate())
ROWS = [b"row %d" % n for n in range(5 * WIDTH + 9)]


def log(size: int, reached: int) -> TrustedLog:
    """A log of that many rows, of which some are here."""
    tree = Frontier().extended(map(hash_leaf, ROWS[:size]))
    note = sign_checkpoint(Checkpoint(KEY.name, tree.size, tree.root), KEY).to_bytes()
    here = Frontier().extended(map(hash_leaf, ROWS[:reached]))
    return TrustedLog(KEY.name, verify_checkpoint(note, KEY.verifier), here, here)


def hashes(size: int, reached: int) -> tuple[list[bytes], list[bytes]]:
    """What a peer tells of the rows behind the cursor."""
    whole = range(reached, size - size % WIDTH, WIDTH)
    bundles = [bundle_hash(ROWS[start : start + WIDTH]) for start in whole]
    return bundles, [hash_leaf(row) for row in ROWS[size - size % WIDTH : size]]


@pytest.mark.parametrize("size", [2 * WIDTH, 3 * WIDTH + 1, 5 * WIDTH + 9])
@pytest.mark.parametrize("bundle", [0, 1, 2])
def test_the_hashes_of_the_tree_that_was_signed_pass(size: int, bundle: int) -> None:
    verify_bundle_hashes(log(size, bundle * WIDTH), *hashes(size, bundle * WIDTH))


def test_any_other_hashes_do_not() -> None:
    signed = log(3 * WIDTH + 2, WIDTH)
    bundles, rest = hashes(3 * WIDTH + 2, WIDTH)
    wrong = [
        (bundles[::-1], rest),
        (bundles[:-1], rest),
        ([*bundles, bundles[0]], rest),
        (bundles, rest[::-1]),
        (bundles, rest[:-1]),
        (bundles, []),
        ([bundles[0], hash_leaf(b"another")], rest),
    ]
    for one in wrong:
        with pytest.raises(MalformedError):
            verify_bundle_hashes(signed, *one)


def test_a_cursor_within_a_bundle_and_an_unknown_head_prove_nothing() -> None:
    with pytest.raises(MalformedError):
        verify_bundle_hashes(log(2 * WIDTH, 1), [], [])
    with pytest.raises(MalformedError):
        verify_bundle_hashes(TrustedLog(KEY.name), [], [])
