"""Check 7: what was published is what is stored: leaves, tiles and the signed head of every tree."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.fsck.damage import Damage
from marketplace.models import ChangeRow, Entry, EntryBody, Leaf, Tile, Tree
from marketplace.tlog.checkpoint import Checkpoint, parse_checkpoint
from marketplace.tlog.errors import TlogError
from marketplace.tlog.leaf import EntryLeaf, parse_leaf
from marketplace.tlog.merkle import hash_leaf
from marketplace.tlog.note import parse_note
from marketplace.tlog.tiles import WIDTH, RightEdge

#: Leaves read at a time.
_PAGE = 16 * WIDTH


def verify_trees(session: Session) -> Iterator[Damage]:
    """Hash every published leaf again, up to the root that was signed.

    The signature itself is not verified: whoever has this site's key signs
    whatever is stored. Peers and witnesses verify it.
    """
    for tree in session.scalars(select(Tree).order_by(Tree.id)).all():
        where = f"tree {tree.origin}"
        edge = RightEdge()
        for first in range(0, tree.size, _PAGE):
            leaves = _read(session, tree, first, min(first + _PAGE, tree.size))
            yield from _verify_leaves(session, tree, first, leaves)
            for (level, number), data in edge.grow(map(hash_leaf, leaves)).items():
                # One that still grows is compared when it is as wide as it gets.
                if len(data) == WIDTH * 32 or first + _PAGE >= tree.size:
                    yield from _verify_tile(session, tree, level, number, data)
        if (edge.size, edge.root) != (tree.size, tree.root):
            yield Damage("tree.root", where, f"the {edge.size} stored leaves do not give the signed root")
        yield from _verify_note(tree)


def _read(session: Session, tree: Tree, first: int, end: int) -> list[bytes]:
    rows = select(Leaf.data).where(Leaf.tree_id == tree.id, Leaf.position >= first, Leaf.position < end)
    return list(session.scalars(rows.order_by(Leaf.position)))


def _verify_leaves(session: Session, tree: Tree, first: int, leaves: list[bytes]) -> Iterator[Damage]:
    start = max(first, tree.head)
    rows = session.execute(
        select(ChangeRow.sequence, Entry.entry_id, EntryBody.size)
        .join(Entry, Entry.id == ChangeRow.entry_key)
        .join(EntryBody, EntryBody.id == ChangeRow.body_id)
        .where(
            ChangeRow.log_id == tree.log_id,
            ChangeRow.sequence >= start - tree.head,
            ChangeRow.sequence < first + len(leaves) - tree.head,
        )
        .order_by(ChangeRow.sequence)
    )
    for sequence, entry_id, size in rows:
        position = sequence + tree.head
        try:
            leaf = parse_leaf(leaves[position - first])
        except TlogError as error:
            yield Damage("tree.leaf", f"tree {tree.origin}", f"leaf {position}: {error}")
            continue
        if not isinstance(leaf, EntryLeaf) or (leaf.entry_id, leaf.size) != (entry_id, size):
            message = f"leaf {position} is not about the log's entry {entry_id} of {size} bytes"
            yield Damage("tree.leaf", f"tree {tree.origin}", message)


def _verify_tile(session: Session, tree: Tree, level: int, number: int, data: bytes) -> Iterator[Damage]:
    stored = session.scalar(
        select(Tile.data).where(Tile.tree_id == tree.id, Tile.level == level, Tile.number == number)
    )
    if stored != data:
        message = f"tile {number} of level {level} is not made of the stored leaves"
        yield Damage("tree.tile", f"tree {tree.origin}", message)


def _verify_note(tree: Tree) -> Iterator[Damage]:
    try:
        signed = parse_checkpoint(parse_note(tree.note).text)
    except TlogError as error:
        yield Damage("tree.note", f"tree {tree.origin}", str(error))
        return
    if signed != Checkpoint(tree.origin, tree.size, tree.root):
        yield Damage("tree.note", f"tree {tree.origin}", "the signed note has another size, root or log")
