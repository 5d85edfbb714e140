"""Who does the background work of a database."""

from __future__ import annotations

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, PrimaryKey, Word


class BackgroundLease(Base):
    """The one row that says which process does the background work.

    ``term`` counts the processes that did, one after the other; ``node`` is the name of
    the last one, and ``since`` when it began. ``until_ms`` is when another one may take its place, in
    milliseconds of the database's clock since 1970. ``asked`` counts how often a
    process asked the one that does the work to look at everything now.
    """

    __tablename__ = "background_lease"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[PrimaryKey]
    term: Mapped[Number]
    node: Mapped[Word]
    since: Mapped[Moment]
    until_ms: Mapped[Number]
    asked: Mapped[Number]
