"""Searching and listing: the same filters, facets, orders and pages, with and without words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.errors import BadRequestError
from marketplace.http.parameters import read_query_pairs
from marketplace.http.security import principal_of
from marketplace.http.snapshots import of_one_snapshot
from marketplace.http.visible_entries import visible_entries
from marketplace.runtime import Runtime
from marketplace.search.highlight import Marked
from marketplace.search.request import SearchRequest, Sort
from marketplace.search.results import SearchHit, SearchPage
from validators.policy import Verdict

from .answers import following_url, page, site_url
from .description import DescribedAnswer, Operation, unknown_parameter
from .filters import LIST_PARAMETERS, SEARCH_PARAMETERS, WORDS
from .presenters import Urls, show_line

_REFUSALS = (
    "query.empty",
    "search.unknown-parameter",
    "search.parameter-twice",
    "search.unknown-value",
    "search.unknown-sort",
    "search.too-many-filters",
    "search.limit",
    "search.date",
    "search.cursor",
    "search.scope",
    "search.checksum",
    "search.reachable",
)
#: Rules of the words alone.
_WORD_REFUSALS = (
    "query.empty",
    "search.no-words",
    "search.too-long",
    "search.too-many-words",
    "search.characters",
    "search.prefix-too-short",
    "search.excluded-prefix",
    "search.prefix-too-common",
    "search.too-costly",
)

ENTRIES = Operation(
    "api.entries",
    "List current entries",
    "Each endorser's current entry for each image, narrowed by filters; valid ones where `status` does not "
    "say otherwise. A filter may be given several times: its values are alternatives. Lists work also while "
    "the search index is being built.",
    "Entries",
    [DescribedAnswer("A page of entries.", "Entries", headers=("Link",))],
    query=LIST_PARAMETERS,
    errors={400: _REFUSALS},
)
SEARCH = Operation(
    "api.search",
    "Search",
    'All words must occur. `"a phrase"`, `field:word` (title, description, os, tag, endorser, identifier, '
    "publisher), `begin*` (three letters or two digits), and `-` in front of any of them to exclude it; "
    "everything else is literal. Filters as in the list; the best match comes first unless `sort` says "
    "otherwise. Each facet counts what choosing a value would list. Where nothing is found, `suggestion` may "
    "hold words that find something; `hint` says that AND, OR and NOT are words like any other.",
    "Search",
    [DescribedAnswer("A page of hits with facets.", "SearchResults", headers=("Link",))],
    query=SEARCH_PARAMETERS,
    errors={400: (*_REFUSALS, *_WORD_REFUSALS), 503: ("search.unavailable",)},
)


@ENTRIES.view("entry:read")
@of_one_snapshot
def entries(request: Request) -> Response:
    """A page of current entries."""
    asked = read_search(request, ENTRIES)
    if asked.sort is Sort.RELEVANCE:
        raise BadRequestError("search.unknown-sort", "relevance orders searches with words; this is a list")
    found = run_search(request, asked)
    verdicts = judge_hits(request, found.hits)
    urls = Urls(site_url(request))
    body = {
        "total": found.total,
        "sort": found.sort.value,
        "entries": [
            show_line(hit.row, hit.status.value, urls, verdicts.get(hit.row.identifier), hit.tags)
            for hit in found.hits
        ],
    }
    return page(request, body, found.next_cursor)


@SEARCH.view("entry:read")
@of_one_snapshot
def search(request: Request) -> Response:
    """A page of hits."""
    found = run_search(request, read_search(request, SEARCH))
    verdicts = judge_hits(request, found.hits)
    urls = Urls(site_url(request))
    suggestion = None
    if found.suggestion is not None:
        suggestion = {
            "q": found.suggestion,
            "url": following_url(request, q=found.suggestion),
        }
    body = {
        "total": found.total,
        "sort": found.sort.value,
        "hits": [_hit(hit, urls, verdicts.get(hit.row.identifier)) for hit in found.hits],
        "facets": _facets(found),
        "hint": found.hint,
        "suggestion": suggestion,
    }
    return page(request, body, found.next_cursor)


def read_search(request: Request, operation: Operation) -> SearchRequest:
    """The search that a request's parameters make, as far as the operation has them.

    Raises:
        BadRequestError: a parameter is unknown, given twice, or has no allowed value.
    """
    runtime: Runtime = request.registry[Runtime]
    pairs = read_query_pairs(request)
    allowed = [parameter.name for parameter in operation.query]
    for name, value in pairs:
        if name not in allowed:
            raise unknown_parameter(name, allowed)
        if not value and name != WORDS.name:
            raise BadRequestError("query.empty", f"{name} is empty: give it a value or leave it out")
    asked = runtime.search.read(pairs)
    # What was typed is held against the rules here, so that a refusal does not wait for the index.
    asked.query()
    return asked


def run_search(request: Request, asked: SearchRequest) -> SearchPage:
    """Answer a search for whoever asks.

    Raises:
        SearchRefusedError: it breaks a rule of the search, or takes too long.
        SearchUnavailableError: words cannot be searched at the moment.
    """
    runtime: Runtime = request.registry[Runtime]
    return runtime.search.search(asked, principal_of(request), runtime.now())


def judge_hits(request: Request, hits: Sequence[SearchHit]) -> Mapping[str, Verdict]:
    """The verdicts on the images of some hits, by identifier."""
    runtime: Runtime = request.registry[Runtime]
    with visible_entries(request) as visible:
        return runtime.judge.judge_listed(visible, [hit.row for hit in hits], runtime.now())


def newest_first(asked: SearchRequest) -> SearchRequest:
    """A search in the order "newest first", unless it names an order."""
    return asked if asked.sort is not None else replace(asked, sort=Sort.NEWEST)


def _hit(hit: SearchHit, urls: Urls, verdict: Verdict | None) -> dict[str, Any]:
    highlight = {"title": _marked(hit.title), "excerpt": _marked(hit.excerpt)}
    return {**show_line(hit.row, hit.status.value, urls, verdict, hit.tags), "highlight": highlight}


def _marked(marked: Marked) -> dict[str, Any]:
    """Pieces instead of positions: languages do not agree on what one character is."""
    return {
        "parts": [{"text": text, "match": matches} for text, matches in marked.parts()],
        "cut_before": marked.cut_before,
        "cut_after": marked.cut_after,
    }


def _facets(found: SearchPage) -> dict[str, Sequence[dict[str, Any]]]:
    return {
        facet.value: [
            {"value": one.value, "label": one.label, "count": one.count, "chosen": one.chosen}
            for one in counts
        ]
        for facet, counts in found.facets.items()
    }
