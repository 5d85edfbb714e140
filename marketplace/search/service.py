"""Answering searches: words from an engine, everything else from the catalogue, rows from the database."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from pyroaring import BitMap
from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import text
from marketplace.access.narrowing import ALL, narrowed
from marketplace.access.principal import Principal
from marketplace.catalogue import Catalogue, CatalogueView
from marketplace.catalogue.order import Rank, SortKey
from marketplace.changes import ChangeLog
from marketplace.db import Database
from marketplace.entries.checksums import stating
from marketplace.entries.lines import LineMemory
from marketplace.entries.reachable import not_reaching, reaching
from marketplace.entries.twins import find_vouching
from marketplace.facets import Facet
from marketplace.models import ChangeRow, Entry
from marketplace.models.base import to_seconds
from marketplace.rules.trust import ListedTrust
from marketplace.rules.visibility import VisibleLogs, find_scope
from marketplace.search.engine import CurrentKeys, Matches
from marketplace.search.errors import IndexBrokenError, SearchUnavailableError
from marketplace.search.indexer import RETRY_AFTER, SearchIndexer
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

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Last:
    """The last entry of the page before.

    Args:
        value: its score, or the value that the order goes by.
        created: seconds since 1970.
    """

    value: Any
    entry_number: int
    entry_key: int
    created: int

    def behind(self, value: Any) -> Rank:
        """Where it stands in an order in which it has some value."""
        return Rank(value, self.entry_number, self.entry_key)

    def score(self, matches: Mapping[str, Matches]) -> float:
        """Its score by now; the one that it had where it is in no index any more."""
        scores = (found.score_of(self.entry_key) for found in matches.values())
        return next((score for score in scores if score is not None), float(self.value))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A search with what it is answered from besides the view."""

    session: Session
    scope: VisibleLogs
    request: SearchRequest
    query: WordQuery | None
    after: _Last | None
    now: datetime


class _Found(NamedTuple):
    """What a search finds.

    Args:
        matches: of the words in each log; None without words.
        among: keys of what fits apart from the filters, which facets count in.
        found: keys of what fits in all.
    """

    matches: Mapping[str, Matches] | None
    among: BitMap
    found: BitMap


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

    def warm_up(self) -> None:
        """Read every log into the catalogue now, instead of while the first reader waits."""
        with self._database.read() as session:
            everybody = Principal(None, frozenset(ChangeLog(session).names()))
            self._catalogue.catch_up(session, find_scope(session, everybody))

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
        principal = narrowed(principal, request.scope)
        with self._database.read() as session:
            scope = find_scope(session, principal)
            # One picture for the whole search: what is counted is what is listed.
            with self._catalogue.look(session, scope) as view:
                request = _with_typed_checksum(session, scope, request)
                cursor = parse_cursor(request)
                after = None if cursor is None else _last(session, scope, cursor)
                return self._answer(_Asked(session, scope, request, request.query(), after, now), view)

    def find_keys(
        self, session: Session, scope: VisibleLogs, request: SearchRequest, now: datetime
    ) -> Sequence[int]:
        """Every entry that a search finds, by their keys, in no order; of twins the one that vouches.

        Raises:
            SearchRefusedError, SearchUnavailableError: as ``search`` does.
        """
        with self._catalogue.look(session, scope) as view:
            asked = _Asked(session, scope, request, request.query(), None, now)
            found = self._find(asked, view).found
            twins = view.with_twins(found)
        instead = find_vouching(session, scope, twins) if twins else {}
        return [instead.get(key, key) for key in found]

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

    def _answer(self, asked: _Asked, view: CatalogueView) -> SearchPage:
        request, query, moment = asked.request, asked.query, to_seconds(asked.now)
        matches, among, found = self._find(asked, view)
        facets = _facets(view, among, found, request, moment)
        wanted = request.limit + 1
        if matches is None or request.order() is not Sort.RELEVANCE:
            places = _page(view, found, request, asked.after, wanted)
        else:
            places = self._best(matches, found, view, asked.after, wanted)
        page, more = places[: request.limit], len(places) > request.limit
        keys = [place.entry_key for place in page]
        twins = view.with_twins(keys)
        instead = find_vouching(asked.session, asked.scope, twins) if twins else {}
        hits = read_hits(
            self._lines.find(asked.session, asked.scope, [instead.get(key, key) for key in keys]),
            query,
            asked.now,
            {key: instead.get(key, key) for key in keys},
        )
        last = [place for place in page if place.entry_key in hits][-1:] if more else []
        return SearchPage(
            hits=list(hits.values()),
            total=len(found),
            facets=facets,
            sort=request.order(),
            hint=find_hint(request.words),
            suggestion=self._suggest(query, request, view, moment) if query and not found else None,
            next_cursor=next((_cursor(place).encode(request) for place in last), None),
        )

    def _find(self, asked: _Asked, view: CatalogueView) -> _Found:
        request, moment = asked.request, to_seconds(asked.now)
        matches = None if asked.query is None else self._match(asked.query, view)
        among = _narrowed(view, matches)
        if request.checksum is not None:
            among = among & BitMap(asked.session.scalars(stating(request.checksum, asked.scope)))
        if request.reachable is not None:
            keys_of = reaching if request.reachable else not_reaching
            among = among & BitMap(asked.session.scalars(keys_of(asked.scope)))
        return _Found(matches, among, view.narrow(among, request.filters(moment), moment))

    def _match(self, query: WordQuery, view: CatalogueView) -> dict[str, Matches]:
        """The matches in each log that the view shows something of."""
        if self._indexer is None:
            raise SearchUnavailableError("This marketplace has no full-text search.", RETRY_AFTER)
        found = {}
        for log, current in view.current().items():
            with self._indexer.asked(log) as index:
                found[log] = index.match(query, CurrentKeys(*current))
            if not found[log].whole:
                raise SearchUnavailableError(
                    "The search index is being built. Lists without search words work already.", RETRY_AFTER
                )
        return found

    def _best(
        self,
        matches: Mapping[str, Matches],
        found: BitMap,
        view: CatalogueView,
        after: _Last | None,
        limit: int,
    ) -> list[Rank]:
        """The places of what fits best; the newest first among what fits equally well."""
        assert self._indexer is not None  # noqa: S101  # _match refused already
        last = None if after is None else after.score(matches)
        sets: dict[float, dict[str, BitMap]] = {}
        for log, keys in view.by_log(found).items():
            if keys:
                with self._indexer.asked(log):
                    for score, equals in matches[log].best(keys, limit, last):
                        sets.setdefault(score, {})[log] = equals
        places: list[Rank] = []
        for score in sorted(sets, reverse=True):
            behind = after.behind(after.created) if after is not None and score == last else None
            among = view.holding(sets[score])
            newest = view.descending(SortKey.CREATED, among, behind, limit - len(places))
            places += (place._replace(value=score) for place in newest)
            if len(places) == limit:
                break
        return places

    def _suggest(self, query: WordQuery, request: SearchRequest, view: CatalogueView, now: int) -> str | None:
        """The words with one of them replaced by a similar one, such that something is found."""
        for clause in query.required:
            if clause.match is not Match.EXACT or len(clause.words) != 1:
                continue
            for word in view.similar(clause.words[0], _CANDIDATES):
                tried = WordQuery(
                    tuple(Clause((word,), one.field) if one is clause else one for one in query.required),
                    query.excluded,
                )
                if self._finds(tried, view, now, request):
                    return _replaced(request.words, clause.words[0], word)
        return None

    def _finds(self, query: WordQuery, view: CatalogueView, now: int, request: SearchRequest) -> bool:
        return bool(view.narrow(_narrowed(view, self._match(query, view)), request.filters(now), now))


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


def _narrowed(view: CatalogueView, matches: Mapping[str, Matches] | None) -> BitMap:
    """What is visible, and holds the words if there are any."""
    if matches is None:
        return view.shown
    return view.holding({log: found.keys for log, found in matches.items()})


def _facets(
    view: CatalogueView, among: BitMap, found: BitMap, request: SearchRequest, now: int
) -> dict[Facet, list[FacetCount]]:
    filters = request.filters(now)
    facets = {}
    for facet in Facet:
        chosen = filters.chosen.get(facet, frozenset())
        base = view.narrow(among, filters, now, without=facet) if chosen else found
        counts = dict(view.count(facet, base, now, FACET_VALUES))
        for value in sorted(chosen - counts.keys()):
            counts[value] = view.count_one(facet, value, base, now)
        facets[facet] = [
            FacetCount(value, view.label(facet, value), count, value in chosen)
            for value, count in counts.items()
        ]
    return facets


def _page(
    view: CatalogueView, found: BitMap, request: SearchRequest, after: _Last | None, limit: int
) -> list[Rank]:
    by, backwards = ORDERS[request.order()]
    walk = view.descending if backwards else view.ascending
    return walk(by, found, None if after is None else after.behind(after.value), limit)


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
    return _Last(cursor.value, int(cursor.entry_id, 16), found.id, to_seconds(found.created))


def _replaced(typed: str, word: str, by: str) -> str:
    """The typed text with a word replaced where it stands."""
    for found, start, end in text.spans(typed):
        if found == word:
            return typed[:start] + by + typed[end:]
    return by
