"""What is Whoosh's alone: bounded reading, and segments that stay few without a commit that takes long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyroaring import BitMap

from marketplace.search import whoosh_engine, whoosh_matches
from marketplace.search.document import SearchDocument
from marketplace.search.engine import Batch, Position
from marketplace.search.errors import SearchRefusedError
from marketplace.search.whoosh_engine import MOST_SEGMENTS, SMALL_SEGMENTS, WhooshEngine, WhooshIndex
from marketplace.search.words import WordQuery, parse_words


def document(key: int, title: str) -> SearchDocument:
    return SearchDocument(key, "P" * 27, "jane@example.org", datetime(2024, 1, 1, tzinfo=UTC), title=title)


def put(index: WhooshIndex, *documents: SearchDocument, forget: Sequence[int] = ()) -> None:
    index.apply(Batch(documents, forget, Position(1, "e", True)))


def query(typed: str) -> WordQuery:
    parsed = parse_words(typed)
    assert parsed is not None
    return parsed


def find(index: WhooshIndex, typed: str) -> BitMap:
    matches = index.match(query(typed))
    matches.close()
    return matches.keys


@pytest.fixture
def index(tmp_path: Path) -> Iterator[WhooshIndex]:
    opened = WhooshEngine(tmp_path).open("public")
    yield opened
    opened.close()


def segments(directory: Path) -> int:
    return len({path.name.split(".")[0] for path in directory.glob("*/MAIN_*.trm")})


def test_many_small_commits_leave_few_segments_and_every_entry(index: WhooshIndex, tmp_path: Path) -> None:
    for key in range(1, 60):
        put(index, document(key, f"word number{key}"), forget=[key - 10])
    assert find(index, "word") == BitMap(range(50, 60))
    assert find(index, "number55 -number54") == BitMap([55])
    assert 1 <= segments(tmp_path) <= SMALL_SEGMENTS


def test_segments_that_are_not_small_stay_few_too(
    index: WhooshIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whoosh_engine, "SMALL_SEGMENT", 0)
    for key in range(1, 80):
        put(index, document(key, f"word number{key}"))
    assert find(index, "word") == BitMap(range(1, 80))
    assert 1 < segments(tmp_path) <= MOST_SEGMENTS


def test_a_query_that_takes_too_long_is_refused(index: WhooshIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    put(index, *(document(key, "one two") for key in range(1, 20)))
    monkeypatch.setattr(whoosh_matches, "TIME_LIMIT", -1.0)
    for typed in ("one", '"one two"', "one*"):
        with pytest.raises(SearchRefusedError) as refused:
            find(index, typed)
        assert refused.value.code == "search.too-costly"
    monkeypatch.undo()
    assert len(find(index, '"one two"')) == 19


def test_a_prefix_of_too_many_words_is_refused(index: WhooshIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whoosh_matches, "MAX_EXPANSION", 3)
    put(index, *(document(key, f"abc{key}") for key in range(4)))
    with pytest.raises(SearchRefusedError) as refused:
        find(index, "abc*")
    assert refused.value.code == "search.prefix-too-common"
    assert find(index, "abc1*") == BitMap([1])


def test_the_commonest_words_are_not_read_for_scores_beyond_a_bound(
    index: WhooshIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(index, *(document(key, "common " + ("rare " * (key % 3) if key < 9 else "")) for key in range(1, 60)))
    monkeypatch.setattr(whoosh_matches, "SCORED_POSTINGS", 30)
    matches = index.match(query("common rare"))
    ranked = matches.ranked(matches.keys, 10)
    matches.close()
    assert {one.entry_key for one in ranked} == {1, 2, 4, 5, 7, 8}
    assert [one.entry_key % 3 for one in ranked] == [2, 2, 2, 1, 1, 1]


def test_remembered_conditions_are_bounded(index: WhooshIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whoosh_matches, "CACHED_CONDITIONS", 4)
    put(index, *(document(key, f"w{key}") for key in range(1, 20)))
    for _ in range(2):
        for key in range(1, 20):
            assert find(index, f"w{key}") == BitMap([key])
    assert len(index._postings._items) <= 4
