"""What a search answers: hits with their marked words, counts of facets, a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from marketplace.entries.lines import Line
from marketplace.entries.records import EntryRow
from marketplace.facets import Facet
from marketplace.search.highlight import Marked, excerpt, mark
from marketplace.search.request import Sort
from marketplace.search.words import SearchField, WordQuery
from validators.status import Status


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


def read_hits(
    lines: Mapping[int, Line], query: WordQuery | None, now: datetime, shown: Mapping[int, int]
) -> dict[int, SearchHit]:
    """The hits of some entries, by their keys.

    Args:
        lines: of what is shown, as far as the reader sees it.
        query: whose words are marked; None for none.
        shown: the entry to show of each: itself, or another one that vouches for the same.
    """
    return {
        key: SearchHit(
            row=line.row,
            tags=line.tags,
            status=line.row.status(now),
            title=mark(line.row.title or "", SearchField.TITLE, query),
            excerpt=excerpt(line.row.description or "", SearchField.DESCRIPTION, query),
        )
        for key, line in ((key, lines[other]) for key, other in shown.items() if other in lines)
    }
