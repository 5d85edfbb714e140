"""What a search answers: hits with their marked words, counts of facets, a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from marketplace.catalogue.facts import Facet
from marketplace.entries.records import EntryRow
from marketplace.entries.rows import rows_of, to_row
from marketplace.models import EntryTag
from marketplace.rules.status import Status
from marketplace.rules.visibility import VisibleLogs
from marketplace.search.highlight import Marked, excerpt, mark
from marketplace.search.request import (
    Sort,
)
from marketplace.search.words import SearchField, WordQuery


@dataclass(frozen=True, slots=True)
class SearchHit:
    """An entry that was found.

    Args:
        title: with the words that match.
        excerpt: of the description, around the words that match.
    """

    row: EntryRow
    tags: tuple[str, ...]
    status: Status
    title: Marked
    excerpt: Marked


@dataclass(frozen=True, slots=True)
class FacetCount:
    """A value of a facet, how it is mostly spelled, and how many entries choosing it would list."""

    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of hits.

    Args:
        total: entries that match, on all pages.
        facets: the commonest values of each, counted with all other filters but those of the facet itself.
        hint: what to know about the words; None where they are plain.
        suggestion: words to search for instead, which find something; only where nothing is found.
        next_cursor: where the next page begins; None on the last one.
    """

    hits: Sequence[SearchHit]
    total: int
    facets: Mapping[Facet, Sequence[FacetCount]]
    sort: Sort
    hint: str | None
    suggestion: str | None
    next_cursor: str | None


#: Statements are made once: making one and its cache key takes longer than running it.
_TAGS = (
    select(EntryTag.entry_key, EntryTag.tag)
    .where(EntryTag.entry_key.in_(bindparam("keys", expanding=True)))
    .order_by(EntryTag.entry_key, EntryTag.position)
)


def read_hits(
    session: Session, scope: VisibleLogs, query: WordQuery | None, now: datetime, shown: Mapping[int, int]
) -> dict[int, SearchHit]:
    """The hits of some entries, by their keys.

    Args:
        query: whose words are marked; None for none.
        shown: the entry to show of each: itself, or another one that vouches for the same.
    """
    if not shown:
        return {}
    # Asked for by key, and once more only what the principal sees: two locks on one door.
    # Through the connection: the session would look for objects to make of these values.
    connection = session.connection()
    rows = {
        row.key: row
        for row in map(to_row, connection.execute(rows_of(scope.keys), {"keys": list(shown.values())}))
    }
    tags: dict[int, list[str]] = {}
    for key, tag in connection.execute(_TAGS, {"keys": list(shown.values())}):
        tags.setdefault(key, []).append(tag)
    return {
        key: SearchHit(
            row=row,
            tags=tuple(tags.get(row.key, ())),
            status=row.status(now),
            title=mark(row.title or "", SearchField.TITLE, query),
            excerpt=excerpt(row.description or "", SearchField.DESCRIPTION, query),
        )
        for key, row in ((key, rows[other]) for key, other in shown.items() if other in rows)
    }
