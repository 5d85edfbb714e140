"""Column types that behave alike on both databases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import TEXT
from sqlalchemy.orm import mapped_column

from marketplace.models.base import Key, UtcSecond

#: Text that compares by code point: SQLite does so by itself, PostgreSQL follows the locale unless told.
CodePoint = Text().with_variant(TEXT(collation="C"), "postgresql")

PrimaryKey = Annotated[int, mapped_column(Key, primary_key=True)]
Word = Annotated[str, mapped_column(CodePoint)]
Moment = Annotated[datetime, mapped_column(UtcSecond)]
Number = Annotated[int, mapped_column(Key)]
