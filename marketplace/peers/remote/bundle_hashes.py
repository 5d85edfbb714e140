"""The hashes of a log's whole bundles, held against the signed root before any of the bundles is here. Pure.

Rows that a peer sends prove themselves when the last of them has come: then their
frontier must be the signed root. A bundle from somebody else has to prove itself at
once, or a lie of theirs would look like one of the peer's. A bundle is a full subtree,
so that its 256 rows together are one hash of the tree's second level of tiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from marketplace.peers.errors import MalformedError
from marketplace.tlog.following import TrustedLog
from marketplace.tlog.merkle import Frontier, fold, hash_leaf
from marketplace.tlog.tiles import HEIGHT, WIDTH


def bundle_hash(rows: Iterable[bytes]) -> bytes:
    """The hash of the subtree that a whole bundle is."""
    return fold([hash_leaf(row) for row in rows])


def verify_bundle_hashes(log: TrustedLog, bundles: Sequence[bytes], rest: Sequence[bytes]) -> None:
    """Check that these are the hashes between the cursor and the newest checkpoint.

    Args:
        log: with its cursor at the start of a bundle.
        bundles: of the whole bundles behind the cursor.
        rest: of the leaves behind those.

    Raises:
        MalformedError: they do not make the signed root.
    """
    if log.newest is None or log.reached.size % WIDTH:
        raise MalformedError("no checkpoint covers a whole bundle from this row on")
    # Seen from the second level of tiles a bundle is a leaf: the same rule makes its frontier.
    over = Frontier(log.reached.size >> HEIGHT, log.reached.hashes).extended(bundles)
    tree = Frontier(over.size << HEIGHT, over.hashes).extended(rest)
    head = log.newest.checkpoint
    if tree.size != head.size or tree.root != head.root:
        raise MalformedError(f"the tiles do not give the signed root of {head.size} rows")
