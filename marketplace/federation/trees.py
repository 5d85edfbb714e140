"""A log's tree in the database: found, opened, and its tiles read and written."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.orm import Session, aliased

from marketplace.access import PUBLIC
from marketplace.federation.errors import TreeDamagedError
from marketplace.federation.keys import SiteKeys
from marketplace.models import Leaf, Log, Tile, Tree
from marketplace.models.insertion import insert_many
from marketplace.portions import portions
from marketplace.tlog.checkpoint import Checkpoint, sign_checkpoint
from marketplace.tlog.encoding import HASH_SIZE
from marketplace.tlog.errors import TileError
from marketplace.tlog.leaf import EpochLeaf
from marketplace.tlog.merkle import EMPTY_ROOT, NodeReader, hash_leaf
from marketplace.tlog.tiles import HEIGHT, MAX_LEVEL, WIDTH, RightEdge, nodes_of, width_at

#: Random bytes in the name of a log that not everybody may see.
_SLUG_BYTES = 16
#: Positions named in one statement.
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class PublishedLog:
    """A log as others see it: what its newest checkpoint covers.

    Args:
        tree_id: key of its tree.
        log_id: key of the log.
        name: of the log at this site.
        slug: its part of the URL.
        origin: its name among sites.
        epoch: counts from 1.
        head: leaves before the log's first row.
        size: leaves that the checkpoint covers.
        root: of the tree at that size.
        note: the signed checkpoint.
        halted: why nothing more is published; None where it is.
    """

    tree_id: int
    log_id: int
    name: str
    slug: str
    origin: str
    epoch: int
    head: int
    size: int
    root: bytes
    note: bytes
    halted: str | None


def is_newest() -> ColumnElement[bool]:
    """Whether a row of Tree is the newest one of its log."""
    newer = aliased(Tree)
    return ~select(newer.id).where(newer.log_id == Tree.log_id, newer.epoch > Tree.epoch).exists()


#: The newest tree of each log. Put together once: every request of a peer asks it.
_ALL = (
    select(
        Tree.id.label("tree_id"),
        Tree.log_id,
        Log.name,
        Tree.slug,
        Tree.origin,
        Tree.epoch,
        Tree.head,
        Tree.size,
        Tree.root,
        Tree.note,
        Tree.halted,
    )
    .join(Log, Log.id == Tree.log_id)
    .where(is_newest())
    .order_by(Log.name)
)


class Trees:
    """The trees as one transaction sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def all(self) -> list[PublishedLog]:
        """The newest tree of each log, in the order of their names."""
        rows = self._session.connection().execute(_ALL)
        return [PublishedLog(**row._mapping) for row in rows]

    def find(self, log: str) -> PublishedLog | None:
        """The newest tree of a log."""
        return next((tree for tree in self.all() if tree.name == log), None)

    def open(self, log: str, keys: SiteKeys, now: datetime) -> PublishedLog:
        """Start the first tree of a log, with nothing in it."""
        slug = PUBLIC if log == PUBLIC else secrets.token_hex(_SLUG_BYTES)
        origin = f"{keys.site}/{slug}" if log == PUBLIC else f"{keys.site}/g/{slug}"
        self._insert(log, slug, origin, 1, (), keys, now)
        return self._get(log)

    def open_epoch(
        self, old: PublishedLog, epoch: int, head: Checkpoint, keys: SiteKeys, now: datetime
    ) -> PublishedLog:
        """Start a further tree of a log.

        Args:
            head: the largest head of the old tree that anybody saw.
        """
        origin = epoch_origin(old, epoch)
        leaf = EpochLeaf(old.origin, head.size, head.root, int(now.timestamp()))
        self._insert(old.name, old.slug, origin, epoch, (leaf.to_bytes(),), keys, now)
        return self._get(old.name)

    def right_edge(self, tree: PublishedLog) -> RightEdge:
        """The tiles that grow, checked against the root that was signed.

        Raises:
            TreeDamagedError: they do not give that root.
        """
        levels: list[bytes] = [
            self._tile(tree.tree_id, level, (tree.size >> HEIGHT * level) // WIDTH)
            if (tree.size >> HEIGHT * level) % WIDTH
            else b""
            for level in range(MAX_LEVEL + 1)
        ]
        try:
            edge = RightEdge(tree.size, levels)
        except TileError as error:
            raise TreeDamagedError(f"{tree.origin}: {error}") from None
        if edge.root != tree.root:
            raise TreeDamagedError(f"{tree.origin}: the stored tiles do not give the signed root")
        return edge

    def write_tiles(self, tree_id: int, tiles: Mapping[tuple[int, int], bytes]) -> None:
        """Store tiles, new ones and ones that grew."""
        for level, number in tiles:
            self._session.execute(
                delete(Tile).where(Tile.tree_id == tree_id, Tile.level == level, Tile.number == number)
            )
        if tiles:
            self._session.execute(
                insert(Tile),
                [
                    {"tree_id": tree_id, "level": level, "number": number, "data": data}
                    for (level, number), data in tiles.items()
                ],
            )

    def write_leaves(self, tree_id: int, first: int, leaves: Iterable[bytes]) -> None:
        """Store leaves from a position on."""
        rows = [{"tree_id": tree_id, "position": first + n, "data": leaf} for n, leaf in enumerate(leaves)]
        insert_many(self._session.connection(), Leaf.__table__, rows)

    def leaves(self, tree_id: int, first: int, end: int) -> list[bytes]:
        """The leaves from a position up to another."""
        return list(
            self._session.connection().scalars(
                select(Leaf.data)
                .where(Leaf.tree_id == tree_id, Leaf.position >= first, Leaf.position < end)
                .order_by(Leaf.position)
            )
        )

    def leaves_at(self, tree_id: int, positions: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """Leaves with their positions, in no order."""
        for chunk in portions(positions, _CHUNK):
            wanted = select(Leaf.position, Leaf.data).where(Leaf.tree_id == tree_id, Leaf.position.in_(chunk))
            yield from self._session.connection().execute(wanted).tuples()

    def tile(self, tree: PublishedLog, level: int, number: int, width: int) -> bytes | None:
        """A tile's first ``width`` hashes; None where the published tree does not fill it so far."""
        if level > MAX_LEVEL or width > width_at(tree.size, level, number):
            return None
        data = self._tile(tree.tree_id, level, number)
        if len(data) < width * HASH_SIZE:
            raise TreeDamagedError(f"{tree.origin}: tile {number} of level {level} is too narrow")
        return data[: width * HASH_SIZE]

    def nodes(self, tree: PublishedLog) -> NodeReader:
        """Reads the hashes of a published tree; each tile is read once."""
        known: dict[tuple[int, int], bytes] = {}

        def read(level: int, number: int, width: int) -> bytes:
            if (level, number) not in known:
                known[level, number] = self._tile(tree.tree_id, level, number)
            return known[level, number][: width * HASH_SIZE]

        return nodes_of(tree.size, read)

    def _tile(self, tree_id: int, level: int, number: int) -> bytes:
        found = self._session.scalar(
            select(Tile.data).where(Tile.tree_id == tree_id, Tile.level == level, Tile.number == number)
        )
        return found or b""

    def _insert(
        self,
        log: str,
        slug: str,
        origin: str,
        epoch: int,
        leaves: tuple[bytes, ...],
        keys: SiteKeys,
        now: datetime,
    ) -> None:
        edge = RightEdge()
        tiles = edge.grow(map(hash_leaf, leaves))
        root = edge.root if leaves else EMPTY_ROOT
        note = sign_checkpoint(Checkpoint(origin, len(leaves), root), keys.log).to_bytes()
        tree_id = self._session.execute(
            insert(Tree)
            .values(
                log_id=select(Log.id).where(Log.name == log).scalar_subquery(),
                epoch=epoch,
                slug=slug,
                origin=origin,
                head=len(leaves),
                size=len(leaves),
                root=root,
                note=note,
                signed_at=now,
            )
            .returning(Tree.id)
        ).scalar_one()
        self.write_leaves(tree_id, 0, leaves)
        self.write_tiles(tree_id, tiles)

    def _get(self, log: str) -> PublishedLog:
        found = self.find(log)
        if found is None:
            raise LookupError(log)
        return found


def epoch_origin(log: PublishedLog, epoch: int) -> str:
    """The name of another epoch of a log, 2 or later."""
    return f"{first_origin(log)}/e{epoch}"


def find_epoch(log: PublishedLog, origin: str) -> int | None:
    """The epoch of a log that has a name; None where no epoch of the log has it."""
    return epoch_number(first_origin(log), origin)


def epoch_number(first: str, origin: str) -> int | None:
    """The epoch of a log that has a name; None where no epoch of the log has it.

    Args:
        first: the name of its first epoch.
    """
    number = origin.removeprefix(f"{first}/e")
    if origin == first:
        return 1
    return int(number) if number != origin and number.isascii() and number.isdecimal() else None


def first_origin(log: PublishedLog) -> str:
    """The name of the first epoch of a log."""
    return log.origin if log.epoch == 1 else log.origin.removesuffix(f"/e{log.epoch}")
