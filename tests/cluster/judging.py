"""What a log has to hold after its cluster failed, as a client proves it that believes nobody."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass

import httpx
from sqlalchemy import select

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.federation.keys import SiteKeys
from marketplace.models import ChangeRow
from marketplace.tlog.checkpoint import Checkpoint, verify_checkpoint
from marketplace.tlog.leaf import EntryLeaf, parse_leaf
from marketplace.tlog.merkle import Frontier, hash_leaf
from marketplace.tlog.tiles import split_bundle, tile_names
from tests.cluster.waiting import until
from tests.functional.running import AUTHORITIES

LOG = "/fed/v1/logs/public"


@dataclass(frozen=True)
class Verdict:
    """What became of acknowledged entries."""

    acknowledged: int
    lost: int
    doubled: int


def judge(
    address: str, database_url: str, keys: SiteKeys, acknowledged: set[str], heads: set[Checkpoint]
) -> Verdict:
    """Read a whole log and hold it against what clients were told.

    Args:
        address: of a web node.
        heads: every checkpoint that any node ever showed.

    Raises:
        AssertionError: the log is not one dense history that each of the checkpoints is of.
    """
    with closing(Database.open(database_url)) as database, database.read() as session:
        log = ChangeLog(session).key(PUBLIC)
        order = select(ChangeRow.sequence).where(ChangeRow.log_id == log).order_by(ChangeRow.sequence)
        numbers = list(session.scalars(order))
    assert numbers == list(range(len(numbers)))
    with httpx.Client(base_url=address, timeout=60, trust_env=False, verify=AUTHORITIES) as http:

        def newest() -> Checkpoint:
            note = http.get(f"{LOG}/checkpoint").raise_for_status().content
            return verify_checkpoint(note, keys.verifier(f"{keys.site}/public")).checkpoint

        until(lambda: newest().size >= len(numbers), "all of the log is published")
        head = newest()
        leaves: list[bytes] = []
        for level, name in tile_names(head.size):
            if level == 0:
                bundle = http.get(f"{LOG}/tile/entries/{name}").raise_for_status().content
                leaves += split_bundle(bundle, name.width)
    assert len(leaves) == head.size
    _verify_one_history(leaves, heads | {head})
    ids = Counter(leaf.entry_id for leaf in map(parse_leaf, leaves) if isinstance(leaf, EntryLeaf))
    assert sum(ids.values()) == len(numbers)
    return Verdict(
        len(acknowledged), len(acknowledged - ids.keys()), sum(count - 1 for count in ids.values())
    )


def _verify_one_history(leaves: list[bytes], heads: set[Checkpoint]) -> None:
    """Each checkpoint is of the same leaves, so that any two are consistent."""
    tree = Frontier()
    for head in sorted(heads, key=lambda one: one.size):
        tree = tree.extended(map(hash_leaf, leaves[tree.size : head.size]))
        assert (tree.size, tree.root) == (head.size, head.root), f"the log was another one at {head.size}"
