"""A list query as conditions on the table of current entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Select,
    UnaryExpression,
    column,
    false,
    func,
    select,
    table,
    text,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.operators import custom_op

from marketplace.entries.columns import Column, tag_digest
from marketplace.entries.marking import marked
from marketplace.entries.query import (
    Direction,
    EntryQuery,
    LocationFilter,
    StatusFilter,
    can_occur,
    words_of,
)
from marketplace.models import Current, EntryTag
from marketplace.models.base import Key, to_seconds
from marketplace.models.current import TRIGRAMS

#: Makes something of a column for use in a condition.
Wrap = Callable[[Any], Any]


def bare(column: Any) -> Any:
    """A column as it is: the database may look the condition up in an index."""
    return column


def unindexed(column: Any) -> Any:
    """A column with a plus sign, the documented way to keep SQLite from choosing an index for a condition."""
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)


#: Most trigrams of one question to the index.
MAX_TRIGRAMS = 48
_TRIGRAM_ROW: ColumnClause[int] = table(TRIGRAMS, column("rowid", Key)).c.rowid

_SORTED: dict[Column, InstrumentedAttribute[object]] = {
    column: getattr(Current, column.value) for column in Column
}


def sorted_by(column: Column) -> InstrumentedAttribute[object]:
    """The column of the table that a column of the list sorts by."""
    return _SORTED[column]


def names_few(query: EntryQuery) -> bool:
    """Whether some condition singles out few entries, so that its index should lead."""
    return any(value is not None for value in (query.identifier, query.email, query.created, query.tag))


def filters(query: EntryQuery, state: Wrap = bare, name: Wrap = bare) -> Iterator[ColumnElement[bool]]:
    """Everything but the searches.

    Args:
        state: wraps the columns of status and location.
        name: wraps the columns that name something.
    """
    now = to_seconds(query.now)
    if query.status is StatusFilter.DEPRECATED:
        yield state(Current.deprecated) == true()
    elif query.status is not StatusFilter.ALL:
        yield state(Current.deprecated) == false()
        until = state(Current.valid_until)
        yield until >= now if query.status is StatusFilter.VALID else until < now
    if query.location is LocationFilter.WEB:
        yield state(Current.has_web) == true()
    elif query.location is LocationFilter.PDISK:
        yield state(Current.has_pdisk) == true()
    if query.identifier is not None:
        yield _equal(name(Current.identifier), query.identifier)
    if query.email is not None:
        yield _equal(name(Current.email), query.email)
    if query.created is not None:
        yield name(Current.created) == query.created
    if query.tag is not None:
        yield _tagged(name(Current.entry_key), query.tag)
    if query.trust:
        yield marked(query.trust)


def searches(query: EntryQuery, dialect: str) -> Iterator[ColumnElement[bool]]:
    """Every word where it must occur. Literal: there are no wildcards to escape."""
    for word in query.words():
        yield _contains(Current.search_text, word, dialect)
    for where, words in query.columns:
        folded: InstrumentedAttribute[str] = getattr(Current, f"{where.value}_folded")
        for word in words_of(words):
            yield _contains(folded, word, dialect)


def trigrams(query: EntryQuery) -> str | None:
    """What SQLite's trigram index must hold of every row that matches, in its query language.

    Words of fewer than three characters have no trigram; of very long ones some are enough,
    because the texts themselves are looked at afterwards.
    """
    wanted = [*query.words(), *(word for _, words in query.columns for word in words_of(words))]
    if not all(map(can_occur, wanted)):
        return None
    parts = dict.fromkeys(word[n : n + 3] for word in wanted for n in range(len(word) - 2))
    quoted = ('"' + part.replace('"', '""') + '"' for part in list(parts)[:MAX_TRIGRAMS])
    return " AND ".join(quoted) or None


def candidates(match: str) -> Select[tuple[int]]:
    """Keys of the rows of ``current`` that the trigram index names."""
    return select(_TRIGRAM_ROW).where(text(f"{TRIGRAMS} MATCH :match").bindparams(match=match))


def order(query: EntryQuery, by_column: Wrap = bare) -> tuple[ColumnElement[object], ColumnElement[int]]:
    """By code point, absent first; descending is the exact reverse.

    Args:
        by_column: wraps the column that is sorted by.
    """
    by = by_column(_SORTED[query.sort])
    if query.direction is Direction.ASCENDING:
        return by.asc().nulls_first(), Current.entry_key.asc()
    return by.desc().nulls_last(), Current.entry_key.desc()


def _equal(column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    return column == value if can_occur(value) else false()


def _contains(column: InstrumentedAttribute[str], word: str, dialect: str) -> ColumnElement[bool]:
    if not can_occur(word):
        return false()
    position = func.instr if dialect == "sqlite" else func.strpos
    return position(column, word) > 0


def _tagged(entry_key: ColumnElement[int], tag: str) -> ColumnElement[bool]:
    if not can_occur(tag):
        return false()
    return entry_key.in_(
        select(EntryTag.entry_key).where(EntryTag.digest == tag_digest(tag), EntryTag.tag == tag)
    )
