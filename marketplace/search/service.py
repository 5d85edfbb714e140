"""Answering searches: words from an engine, everything else from the catalogue, rows from the database."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, NoReturn

from pyroaring import BitMap
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from marketplace import text
from marketplace.access.narrowing import ALL, narrowed
from marketplace.access.principal import Principal
from marketplace.catalogue import Catalogue, CatalogueView
from marketplace.catalogue.facts import Facet
from marketplace.catalogue.order import Place, SortKey
from marketplace.changes import ChangeLog
from marketplace.db import Database
from marketplace.entries.checksums import stating
from marketplace.entries.reachable import not_reaching, reaching
from marketplace.entries.records import EntryRow
from marketplace.entries.rows import rows_of, to_row
from marketplace.entries.twins import find_vouching
from marketplace.models import ChangeRow, Entry, EntryTag
from marketplace.models.base import to_seconds
from marketplace.rules.status import Status
from marketplace.rules.trust import TrustShown
from marketplace.rules.visibility import VisibleLogs, find_scope
from marketplace.search.engine import Matches, SearchIndex
from marketplace.search.errors import IndexBrokenError, SearchUnavailableError
from marketplace.search.highlight import Marked, excerpt, mark
from marketplace.search.indexer import SearchIndexer
from marketplace.search.overview import Overview, look_over
from marketplace.search.request import (
    ORDERS,
    Cursor,
    SearchRequest,
    Sort,
    foreign_cursor,
    parse_cursor,
    parse_request,
    usual_choice,
)
from marketplace.search.words import Clause, Match, SearchField, WordQuery, find_hint
from validators.checksums import find_checksum

#: Values of a facet that are counted and shown.
FACET_VALUES = 30
#: Seconds after which asking again makes sense while an index is built.
RETRY_AFTER = 5
#: Words tried for one that finds nothing.
_CANDIDATES = 3

_logger = logging.getLogger(__name__)


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

    def behind(self, value: Any) -> Place:
        """Where it stands in an order in which it has some value."""
        return Place(value, self.entry_number, self.entry_key)

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
        shown: what lists show where nobody asks for anything else.
    """

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        indexer: SearchIndexer | None,
        shown: TrustShown = TrustShown.ANY,
    ) -> None:
        #: What a search narrows by where it does not say.
        self.usual = usual_choice(shown)
        self._database = database
        self._catalogue = catalogue
        self._indexer = indexer

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
        hits = _hits(asked, {key: instead.get(key, key) for key in keys})
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
        for log in view.logs:
            with _Mending(self._indexer, log) as index:
                found[log] = index.match(query)
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
    ) -> list[Place]:
        """The places of what fits best; the newest first among what fits equally well."""
        assert self._indexer is not None  # noqa: S101  # _match refused already
        last = None if after is None else after.score(matches)
        sets: dict[float, dict[str, BitMap]] = {}
        for log, keys in view.by_log(found).items():
            if keys:
                with _Mending(self._indexer, log):
                    for score, equals in matches[log].best(keys, limit, last):
                        sets.setdefault(score, {})[log] = equals
        places: list[Place] = []
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


class _Mending:
    """The index of a log for a block; where it turns out broken it is built again, and the search put off.

    A class, because every search asks every log that its reader sees, and a generator takes longer.
    """

    __slots__ = ("_index", "_indexer", "_log")

    def __init__(self, indexer: SearchIndexer, log: str) -> None:
        self._indexer = indexer
        self._log = log
        self._index: SearchIndex | None = None

    def __enter__(self) -> SearchIndex:
        try:
            self._index = self._indexer.indexes.get(self._log)
        except IndexBrokenError as broken:
            self._mend(broken)
        return self._index

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, IndexBrokenError):
            self._mend(error)

    def _mend(self, broken: IndexBrokenError) -> NoReturn:
        self._indexer.mend(self._log, self._index, str(broken))
        raise SearchUnavailableError(
            "The search index was damaged and is being built again.", RETRY_AFTER
        ) from broken


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
) -> list[Place]:
    by, backwards = ORDERS[request.order()]
    walk = view.descending if backwards else view.ascending
    return walk(by, found, None if after is None else after.behind(after.value), limit)


def _cursor(place: Place) -> Cursor:
    return Cursor(place.value, f"{place.entry_number:064x}")


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


#: Statements are made once: making one and its cache key takes longer than running it.
_TAGS = (
    select(EntryTag.entry_key, EntryTag.tag)
    .where(EntryTag.entry_key.in_(bindparam("keys", expanding=True)))
    .order_by(EntryTag.entry_key, EntryTag.position)
)


def _hits(asked: _Asked, shown: Mapping[int, int]) -> dict[int, SearchHit]:
    """The hits of some entries, by their keys.

    Args:
        shown: the entry to show of each: itself, or another one that vouches for the same.
    """
    if not shown:
        return {}
    # Asked for by key, and once more only what the principal sees: two locks on one door.
    # Through the connection: the session would look for objects to make of these values.
    connection, query = asked.session.connection(), asked.query
    rows = {
        row.key: row
        for row in map(to_row, connection.execute(rows_of(asked.scope.keys), {"keys": list(shown.values())}))
    }
    tags: dict[int, list[str]] = {}
    for key, tag in connection.execute(_TAGS, {"keys": list(shown.values())}):
        tags.setdefault(key, []).append(tag)
    return {
        key: SearchHit(
            row=row,
            tags=tuple(tags.get(row.key, ())),
            status=row.status(asked.now),
            title=mark(row.title or "", SearchField.TITLE, query),
            excerpt=excerpt(row.description or "", SearchField.DESCRIPTION, query),
        )
        for key, row in ((key, rows[other]) for key, other in shown.items() if other in rows)
    }


def _replaced(typed: str, word: str, by: str) -> str:
    """The typed text with a word replaced where it stands."""
    for found, start, end in text.spans(typed):
        if found == word:
            return typed[:start] + by + typed[end:]
    return by
