"""Which versions of the software may work on this schema."""

from __future__ import annotations

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped

from marketplace.models.base import Base
from marketplace.models.columns import PrimaryKey, Word


class SchemaSupport(Base):
    """The one row that says of which revision on the software works on the schema as it is.

    Software that does not know the schema's revision, because it is older, reads here whether it may go on.
    """

    __tablename__ = "schema_support"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[PrimaryKey]
    oldest: Mapped[Word]
