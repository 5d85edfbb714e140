"""Requests from URLs: what is unknown is refused with what is allowed, cursors come back hostile."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.facets import Facet
from marketplace.search.errors import SearchRefusedError
from marketplace.search.parameters import MAX_PAGE, parse_request
from marketplace.search.request import Cursor, SearchRequest, Sort, parse_cursor


def day(number: int) -> datetime:
    return datetime(2024, 1, number, tzinfo=UTC)


def test_nothing_asked_for_is_the_newest_valid_entries() -> None:
    request = parse_request([])
    assert request.chosen == {Facet.STATUS: ("valid",)}
    assert request.order() is Sort.NEWEST
    assert request.query() is None


def test_everything_asked_for_is_kept() -> None:
    request = parse_request(
        [
            ("q", "web server"),
            ("os", "Ubuntu"),
            ("os", "CentOS"),
            ("os", "Ubuntu"),
            ("os-version", "14.04"),
            ("status", "all"),
            ("created-from", "2024-01-02"),
            ("created-to", "2024-01-03"),
            ("sort", "title"),
            ("limit", "7"),
        ]
    )
    assert request == SearchRequest(
        words="web server",
        chosen={Facet.OS: ("Ubuntu", "CentOS"), Facet.OS_VERSION: ("14.04",)},
        created_from=day(2),
        created_before=day(4),
        sort=Sort.TITLE,
        limit=7,
    )
    assert request.filters(0).chosen[Facet.OS] == frozenset({"ubuntu", "centos"})


def test_an_exact_time_is_included() -> None:
    request = parse_request(
        [("created-to", "2024-01-03T00:00:00Z"), ("created-from", "2024-01-03T00:00:00Z")]
    )
    assert (request.created_before, request.created_from) == (day(3).replace(second=1), day(3))


@pytest.mark.parametrize(
    ("pairs", "code", "told"),
    [
        ([("sort", "random")], "search.unknown-sort", "newest"),
        ([("colour", "red")], "search.unknown-parameter", "os-version"),
        ([("q", "a"), ("q", "b")], "search.parameter-twice", "q"),
        ([("status", "old")], "search.unknown-value", "deprecated"),
        ([("location", "moon")], "search.unknown-value", "pdisk"),
        ([("trust", "blind")], "search.unknown-value", "revoked"),
        ([("os", "")], "search.unknown-value", "os"),
        ([("os", "x" * 1001)], "search.unknown-value", "1000"),
        ([("os", f"s{number}") for number in range(51)], "search.too-many-filters", "50"),
        ([("limit", "0")], "search.limit", str(MAX_PAGE)),
        ([("limit", "101")], "search.limit", str(MAX_PAGE)),
        ([("limit", "٣")], "search.limit", str(MAX_PAGE)),
        ([("limit", "9" * 5000)], "search.limit", str(MAX_PAGE)),
        ([("created-from", "yesterday")], "search.date", "2024-01-31"),
        ([("created-from", "2024-02-30")], "search.date", "2024-01-31"),
        ([("created-to", "\u202e2024-01-01")], "search.date", "2024-01-31"),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_is(
    pairs: list[tuple[str, str]], code: str, told: str
) -> None:
    with pytest.raises(SearchRefusedError) as refused:
        parse_request(pairs)
    assert refused.value.code == code
    assert told in refused.value.message
    assert refused.value.message.isprintable()


@given(
    st.lists(st.tuples(st.sampled_from(["q", "os", "sort", "limit", "cursor", "created-to", "x"]), st.text()))
)
def test_any_parameters_are_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        request = parse_request(pairs)
        request.filters(0)
        parse_cursor(request)
    except SearchRefusedError as refused:
        assert refused.message.isprintable()


@pytest.mark.parametrize(
    ("sort", "value"),
    [(Sort.RELEVANCE, 1.25), (Sort.NEWEST, -5), (Sort.TITLE, (False, "ärger")), (Sort.LARGEST, 2**62)],
)
def test_a_cursor_comes_back_as_it_was(sort: Sort, value: object) -> None:
    request = SearchRequest(words="x", sort=sort)
    again = SearchRequest(words="x", sort=sort, cursor=Cursor(value, "7" * 64).encode(request), limit=3)
    assert parse_cursor(again) == Cursor(value, "7" * 64)


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        [1, 2],
        ["F", None, 1],
        ["F", 1, None],
        ["F", 1, 2**70],
        ["F", 10**400, 1],
        ["F", "x", 1],
        ["F", ["x", "y"], 1],
        ["F", [True, 1], 1],
        ["F", [True], 1],
        ["F", {}, 1],
        ["F", True, 1],
        ["F", 1.5, True],
        ["F", float("nan"), 1],
        ["F", float("inf"), 1],
        ["other", 1, 1],
    ],
)
def test_a_made_up_cursor_is_refused(sort: Sort, told: object) -> None:
    request = SearchRequest(words="x", sort=sort)
    if isinstance(told, list):
        told = [request.fingerprint() if part == "F" else part for part in told]
    made = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
    with pytest.raises(SearchRefusedError) as refused:
        parse_cursor(SearchRequest(words="x", sort=sort, cursor=made))
    assert refused.value.code == "search.cursor"
