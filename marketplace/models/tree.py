"""Published logs: their leaves, tiles and checkpoints, and what this site saw of others' as a witness."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, PrimaryKey, Word


class Tree(Base):
    """A log as it is published under one origin.

    A log has one tree, until an operator opens a new epoch: the newest one is
    published. ``slug`` is its part of the URL, ``head`` the number of leaves
    before the one of sequence 0 (an epoch's first leaf), ``size`` and ``root``
    what ``note``, the signed checkpoint, says. ``halted`` tells why nothing
    more is published, and ``evidence`` is the note that shows it.
    """

    __tablename__ = "tree"
    __table_args__ = (
        UniqueConstraint("origin"),
        UniqueConstraint("log_id", "epoch"),
        CheckConstraint("size >= 0", name="size"),
        CheckConstraint("epoch >= 1", name="epoch"),
    )

    id: Mapped[PrimaryKey]
    log_id: Mapped[Number] = mapped_column(ForeignKey("log.id"))
    epoch: Mapped[int]
    slug: Mapped[Word]
    origin: Mapped[Word]
    head: Mapped[int]
    size: Mapped[Number]
    root: Mapped[bytes]
    note: Mapped[bytes]
    signed_at: Mapped[Moment]
    halted: Mapped[Word | None]
    evidence: Mapped[bytes | None]


class Leaf(Base):
    """A leaf of a tree, byte for byte as it is signed and served."""

    __tablename__ = "leaf"
    __table_args__ = (CheckConstraint("position >= 0", name="position"),)

    tree_id: Mapped[Number] = mapped_column(ForeignKey("tree.id"), primary_key=True)
    position: Mapped[Number] = mapped_column(primary_key=True)
    data: Mapped[bytes]


class Tile(Base):
    """The hashes of a tile; one at the right edge grows until it has all 256."""

    __tablename__ = "tile"
    __table_args__ = (CheckConstraint("number >= 0", name="number"),)

    tree_id: Mapped[Number] = mapped_column(ForeignKey("tree.id"), primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[Number] = mapped_column(primary_key=True)
    data: Mapped[bytes]


class Cosignature(Base):
    """The newest head of a tree that a witness signed: at which size, and its signature lines."""

    __tablename__ = "cosignature"

    tree_id: Mapped[Number] = mapped_column(ForeignKey("tree.id"), primary_key=True)
    witness: Mapped[Word] = mapped_column(primary_key=True)
    size: Mapped[Number]
    lines: Mapped[bytes]


class Witnessed(Base):
    """The newest head of another site's log that this site cosigned.

    ``digest`` is the SHA-256 of the origin in hex, which is its URL; ``note`` has
    the log's signatures and ours.
    """

    __tablename__ = "witnessed"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint("size >= 0", name="size"),
    )

    origin: Mapped[Word] = mapped_column(primary_key=True)
    digest: Mapped[Word]
    size: Mapped[Number]
    root: Mapped[bytes]
    note: Mapped[bytes]
    cosigned_at: Mapped[Moment]
