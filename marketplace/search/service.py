"""Answering searches: words from an engine, everything else from the catalogue, rows from the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from pyroaring import BitMap
from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import text
from marketplace.access.narrowing import ALL, narrowed
from marketplace.access.principal import Principal
from marketplace.catalogue import Catalogue, CatalogueView
from marketplace.catalogue.order import Rank
from marketplace.db import Database
from marketplace.entries.conditions import not_reaching, reaching, stating
from marketplace.entries.lines import LineMemory
from marketplace.entries.twins import find_vouching
from marketplace.facets import Facet
from marketplace.models import ChangeRow, Entry
from marketplace.models.base import to_seconds
from marketplace.rules.trust import ListedTrust
from marketplace.rules.visibility import VisibleLogs, find_scope
from marketplace.search.engine import CurrentKeys, Matches
from marketplace.search.errors import IndexBrokenError, SearchUnavailableError
from marketplace.search.indexer import SearchIndexer
from marketplace.search.overview import Overview, look_over
from marketplace.search.parameters import parse_request, usual_choice
from marketplace.search.request import ORDERS, Cursor, SearchRequest, Sort, foreign_cursor, parse_cursor
from marketplace.search.results import FacetCount, SearchPage, read_hits
from marketplace.search.words import Clause, Match, WordQuery, find_hint
from validators.checksums import find_checksum

#: Values of a facet that are counted and shown.
FACET_VALUES = 30
#: Words tried for one that finds nothing.
_CANDIDATES = 3


class SearchService:
    """Searches the logs that each reader may see.

    Args:
        catalogue: of this process.
        indexer: holds the indexes, here or followed by another process; None where
            the setting ``search.engine`` is off, and only lists are answered.
        listed: what lists show where nobody asks for anything else.
        lines: what the process remembers of lines; None for a memory of its own.
    """

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        indexer: SearchIndexer | None,
        listed: ListedTrust = ListedTrust.ANY,
        lines: LineMemory | None = None,
    ) -> None:
        #: What a search narrows by where it does not say.
        self.usual = usual_choice(listed)
        self._database = database
        self._catalogue = catalogue
        self._indexer = indexer
        self._lines = lines or LineMemory()

    def read(self, pairs: Iterable[tuple[str, str]]) -> SearchRequest:
        """The search that the parameters of a URL make at this site; see ``parse_request``.

        Raises:
            SearchRefusedError: a parameter is unknown, twice, or has no allowed value.
        """
        return parse_request(pairs, self.usual)

    def search(self, request: SearchRequest, principal: Principal, now: datetime) -> SearchPage:
        """Answer a search.

        Raises:
            SearchRefusedError: the request breaks a rule, or takes too long.
            SearchUnavailableError: it has words, and they cannot be searched at the moment.
        """
        request.query()  # refused before anything is read
        with self._database.read() as session:
            scope = find_scope(session, narrowed(principal, request.scope))
            # One picture for the whole search: what is counted is what is listed.
            with self._catalogue.look(session, scope) as view:
                request = _with_typed_checksum(session, scope, request)
                cursor = parse_cursor(request)
                after = None if cursor is None else _last(session, scope, cursor)
                return _Search(self._indexer, session, scope, view, request, now).page(after, self._lines)

    def find_keys(
        self, session: Session, scope: VisibleLogs, request: SearchRequest, now: datetime
    ) -> Sequence[int]:
        """Every entry that a search finds, by their keys, in no order; of twins the one that vouches.

        Raises:
            SearchRefusedError, SearchUnavailableError: as ``search`` does.
        """
        with self._catalogue.look(session, scope) as view:
            search = _Search(self._indexer, session, scope, view, request, now)
            return list(search.vouching(search.found).values())

    def is_behind(self, session: Session, scope: VisibleLogs) -> bool:
        """Whether words are searched in an index that does not have all yet that the logs of a scope show.

        Raises:
            SearchUnavailableError: there is no index that could be read.
        """
        indexer = self._indexer
        try:
            return indexer is not None and any(indexer.is_behind(session, log) for log in scope.names)
        except IndexBrokenError:
            return True  # the search itself has it mended

    def look_over(self, principal: Principal, now: datetime) -> Overview:
        """The numbers of everything that a reader sees."""
        moment = to_seconds(now)
        usual = parse_request((), self.usual).filters(moment)
        with self._database.read() as session:
            scope = find_scope(session, narrowed(principal, ALL))
            with self._catalogue.look(session, scope) as view:
                return look_over(view, usual, moment)


class _Last(NamedTuple):
    """The last entry of the page before: its rank, with its score or the value that the order goes by.

    Args:
        created: seconds since 1970.
    """

    rank: Rank
    created: int


class _Search:
    """One search, answered from one picture of the catalogue.

    Args:
        indexer: None where there is no full-text search.

    Raises:
        SearchRefusedError, SearchUnavailableError: as ``SearchService.search`` does.
    """

    def __init__(
        self,
        indexer: SearchIndexer | None,
        session: Session,
        scope: VisibleLogs,
        view: CatalogueView,
        request: SearchRequest,
        now: datetime,
    ) -> None:
        self._indexer = indexer
        self._session = session
        self._scope = scope
        self._view = view
        self._request = request
        self._now, self._moment = now, to_seconds(now)
        self._filters = request.filters(self._moment)
        self._query = request.query()
        #: Of the words in each log.
        self._matches = None if self._query is None else self._match(self._query)
        #: What fits apart from the filters, which facets count in, and what fits in all.
        self._among = view.shown if self._matches is None else self._containing(self._matches)
        if request.checksum is not None:
            self._among = self._among & BitMap(session.scalars(stating(request.checksum, scope)))
        if request.reachable is not None:
            keys_of = reaching if request.reachable else not_reaching
            self._among = self._among & BitMap(session.scalars(keys_of(scope)))
        self.found = self._narrowed(self._among)

    def page(self, after: _Last | None, lines: LineMemory) -> SearchPage:
        """The page behind an entry; the first one behind None."""
        request = self._request
        facets = {facet: self._count(facet) for facet in Facet}
        ranks = self._ranks(after, request.limit + 1)
        page, more = ranks[: request.limit], len(ranks) > request.limit
        shown = self.vouching([rank.entry_key for rank in page])
        told = lines.find(self._session, self._scope, list(shown.values()))
        hits = read_hits(told, self._query, self._now, shown)
        last = [rank for rank in page if rank.entry_key in hits][-1:] if more else []
        return SearchPage(
            hits=list(hits.values()),
            total=len(self.found),
            facets=facets,
            sort=request.order(),
            hint=find_hint(request.words),
            suggestion=None if self.found else self._suggest(),
            next_cursor=next((_cursor(rank).encode(request) for rank in last), None),
        )

    def vouching(self, keys: Iterable[int]) -> dict[int, int]:
        """The entry to show of each: itself, or of its twins the one that vouches."""
        twins = self._view.with_twins(keys)
        instead = find_vouching(self._session, self._scope, twins) if twins else {}
        return {key: instead.get(key, key) for key in keys}

    def _match(self, query: WordQuery) -> dict[str, Matches]:
        """The matches in each log that the view shows something of."""
        if self._indexer is None:
            raise SearchUnavailableError("This marketplace has no full-text search.")
        found = {}
        for log, current in self._view.current().items():
            with self._indexer.asked(log) as index:
                found[log] = index.match(query, CurrentKeys(*current))
            if not found[log].whole:
                raise SearchUnavailableError(
                    "The search index is being built. Lists without search words work already."
                )
        return found

    def _containing(self, matches: Mapping[str, Matches]) -> BitMap:
        return self._view.holding({log: found.keys for log, found in matches.items()})

    def _narrowed(self, among: BitMap, without: Facet | None = None) -> BitMap:
        return self._view.narrow(among, self._filters, self._moment, without)

    def _count(self, facet: Facet) -> list[FacetCount]:
        view, now = self._view, self._moment
        chosen = self._filters.chosen.get(facet, frozenset())
        base = self._narrowed(self._among, facet) if chosen else self.found
        counts = dict(view.count(facet, base, now, FACET_VALUES))
        for value in sorted(chosen - counts.keys()):
            counts[value] = view.count_one(facet, value, base, now)
        return [
            FacetCount(value, view.label(facet, value), count, value in chosen)
            for value, count in counts.items()
        ]

    def _ranks(self, after: _Last | None, limit: int) -> list[Rank]:
        order = self._request.order()
        if order is Sort.RELEVANCE and self._matches is not None:
            return self._best(self._matches, after, limit)
        return self._view.walk(*ORDERS[order], self.found, after and after.rank, limit)

    def _best(self, matches: Mapping[str, Matches], after: _Last | None, limit: int) -> list[Rank]:
        """The ranks of what fits best; the newest first among what fits equally well."""
        assert self._indexer is not None  # noqa: S101  # _match refused already
        last = None
        if after is not None:
            # Its score by now; the one that it had where it is in no index any more.
            scores = (one.score_of(after.rank.entry_key) for one in matches.values())
            last = next((score for score in scores if score is not None), float(after.rank.value))
        sets: dict[float, dict[str, BitMap]] = {}
        for log, keys in self._view.by_log(self.found).items():
            if keys:
                with self._indexer.asked(log):
                    for score, equals in matches[log].best(keys, limit, last):
                        sets.setdefault(score, {})[log] = equals
        ranks: list[Rank] = []
        for score in sorted(sets, reverse=True):
            behind = after.rank._replace(value=after.created) if after and score == last else None
            among = self._view.holding(sets[score])
            newest = self._view.walk(*ORDERS[Sort.NEWEST], among, behind, limit - len(ranks))
            ranks += (rank._replace(value=score) for rank in newest)
            if len(ranks) == limit:
                break
        return ranks

    def _suggest(self) -> str | None:
        """The words with one of them replaced by a similar one, such that something is found."""
        required, excluded = self._query or WordQuery(())
        for clause in required:
            if clause.match is not Match.EXACT or len(clause.words) != 1:
                continue
            for word in self._view.similar(clause.words[0], _CANDIDATES):
                instead = (Clause((word,), one.field) if one is clause else one for one in required)
                if self._narrowed(self._containing(self._match(WordQuery(tuple(instead), excluded)))):
                    return _replaced(self._request.words, clause.words[0], word)
        return None


def _with_typed_checksum(session: Session, scope: VisibleLogs, request: SearchRequest) -> SearchRequest:
    """The request with a checksum that stands among its words as its checksum, where an entry states it.

    Any other hex digits are a word like others: a description may name a commit.
    """
    if request.checksum is not None:
        return request
    rest = request.words.split()
    for typed in (request.words, *rest):
        checksum = find_checksum(typed)
        if checksum is not None and session.scalar(stating(checksum, scope).limit(1)) is not None:
            words = "" if typed == request.words else " ".join(one for one in rest if one != typed)
            return replace(request, words=words, checksum=checksum)
    return request


def _cursor(rank: Rank) -> Cursor:
    return Cursor(rank.value, f"{rank.entry_number:064x}")


def _last(session: Session, scope: VisibleLogs, cursor: Cursor) -> _Last:
    """The last entry of the page before.

    Raises:
        SearchRefusedError: the reader sees no such entry, so it was not given this cursor.
    """
    found = session.execute(
        select(Entry.id, Entry.created)
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .where(Entry.entry_id == cursor.entry_id, scope.covers(ChangeRow.log_id))
        .limit(1)
    ).one_or_none()
    if found is None:
        raise foreign_cursor()
    return _Last(Rank(cursor.value, int(cursor.entry_id, 16), found.id), to_seconds(found.created))


def _replaced(typed: str, word: str, by: str) -> str:
    """The typed text with a word replaced where it stands."""
    for found, start, end in text.spans(typed):
        if found == word:
            return typed[:start] + by + typed[end:]
    return by
