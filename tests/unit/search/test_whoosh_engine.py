"""What is Whoosh's alone: bounded reading, and segments that stay few without a commit that takes long."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from math import log
from pathlib import Path

import pytest
from pyroaring import BitMap

from marketplace.search import whoosh_reading, whoosh_writing
from marketplace.search.document import SearchDocument
from marketplace.search.engine import CurrentKeys, IndexBatch, Position
from marketplace.search.errors import SearchRefusedError
from marketplace.search.whoosh_engine import WhooshEngine, WhooshIndex
from marketplace.search.whoosh_writing import ALIKE_SEGMENTS, MERGED_DOCUMENTS, MOST_SEGMENTS, merged_segments
from marketplace.search.words import SearchField, WordQuery, parse_words

#: What an engine with files does not look at.
ANY = CurrentKeys(BitMap(), None)


def document(key: int, title: str) -> SearchDocument:
    texts = {
        SearchField.TITLE: [title],
        SearchField.ENDORSER: ["jane@example.org"],
        SearchField.IDENTIFIER: ["P" * 27],
    }
    return SearchDocument(key, texts)


def put(
    index: WhooshIndex, *documents: SearchDocument, forget: Sequence[int] = (), sequence: int = 1
) -> None:
    index.apply(IndexBatch(documents, forget, Position(sequence, "e", True)))


def query(typed: str) -> WordQuery:
    parsed = parse_words(typed)
    assert parsed is not None
    return parsed


def find(index: WhooshIndex, typed: str) -> BitMap:
    return index.match(query(typed), ANY).keys


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
    assert 1 <= segments(tmp_path) <= 2 * ALIKE_SEGMENTS


def test_segments_that_are_not_small_stay_few_too(
    index: WhooshIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whoosh_writing, "MERGED_DOCUMENTS", 0)
    for key in range(1, 80):
        put(index, document(key, f"word number{key}"))
    assert find(index, "word") == BitMap(range(1, 80))
    assert 1 < segments(tmp_path) <= MOST_SEGMENTS


@pytest.mark.parametrize("step", [1, 20, 100, 250])
def test_following_writes_each_entry_a_few_times_and_leaves_few_segments(step: int) -> None:
    sizes: list[int] = []
    written = most = 0
    for _ in range(4000 // step):
        merged = merged_segments(sizes)
        assert sum(sizes[number] for number in merged) <= MERGED_DOCUMENTS
        rest = [size for number, size in enumerate(sizes) if number not in merged]
        # The position is one more document, and that of a merged segment is gone with the next commit.
        fresh = sum(sizes[number] - 1 for number in merged) + step + 1
        sizes, written, most = [*rest, fresh], written + fresh - 1, max(most, len(rest) + 1)
    assert written <= 5 * 4000
    assert most < MOST_SEGMENTS // 2


def test_a_query_that_takes_too_long_is_refused(index: WhooshIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    put(index, *(document(key, "one two") for key in range(1, 20)))
    monkeypatch.setattr(whoosh_reading, "TIME_LIMIT", -1.0)
    for typed in ("one", '"one two"', "one*"):
        with pytest.raises(SearchRefusedError) as refused:
            find(index, typed)
        assert refused.value.code == "search.too-costly"
    monkeypatch.undo()
    assert len(find(index, '"one two"')) == 19


def test_a_prefix_of_too_many_words_is_refused(index: WhooshIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whoosh_reading, "MAX_EXPANSION", 3)
    put(index, *(document(key, f"abc{key}") for key in range(4)))
    with pytest.raises(SearchRefusedError) as refused:
        find(index, "abc*")
    assert refused.value.code == "search.prefix-too-common"
    assert find(index, "abc1*") == BitMap([1])


def test_rare_words_and_repeated_ones_weigh_more_and_long_fields_less(index: WhooshIndex) -> None:
    put(
        index, *(document(key, "common " + "rare " * (key % 3) + "more " * (key % 2)) for key in range(1, 13))
    )
    matches = index.match(query("rare common"), ANY)
    ranked = matches.best(matches.keys, 10)
    assert [list(equals.keys) for equals in ranked] == [[2, 8], [5, 11], [4, 10], [1, 7]]
    # Added up by hand from the formula: 12 entries and the position, 8 with "rare". Titles have 30 words
    # together and count thrice, and there are four in the e-mail address and the identifier.
    rare, common, average = log(13 / 9) + 1, log(13 / 13) + 1, (3 * 30 + 12 * 4) / 13
    damped = 1.2 * (0.25 + 0.75 * (3 * 3 + 4) / average)
    assert ranked[0].score == pytest.approx(rare * 6 * 2.2 / (6 + damped) + common * 3 * 2.2 / (3 + damped))


def test_an_answer_outlives_its_segments(index: WhooshIndex) -> None:
    put(index, document(1, "first"))
    matches = index.match(query("first"), ANY)
    for key in range(2, ALIKE_SEGMENTS + 4):
        put(index, document(key, "more"))
    index.close()
    assert [list(equals.keys) for equals in matches.best(matches.keys, 5)] == [[1]]


def test_an_answer_is_remembered_for_one_state_of_its_index(index: WhooshIndex, tmp_path: Path) -> None:
    put(index, document(1, "word"))
    first = index.match(query("word"), ANY)
    assert index.match(query("word"), ANY) is first
    assert index.match(query("word title:word"), ANY) is not first
    put(index, document(2, "word"))
    assert index.match(query("word"), ANY).keys == BitMap([1, 2])
    put(index, forget=[1, 2])
    assert index.match(query("word"), CurrentKeys(BitMap(), "another state of the log")).keys == BitMap()
    other = WhooshEngine(tmp_path).open("group:other")
    assert other.match(query("word"), ANY).keys == BitMap()
    other.close()


def test_an_answer_that_goes_on_from_an_earlier_one_is_the_whole_answer(
    index: WhooshIndex, tmp_path: Path
) -> None:
    typed = ("common", "common -odd", "even", "com*", '"common even"', "common later")
    chance = random.Random(5)
    current = BitMap(range(1, 401))
    titles = {key: f"common {chance.choice(('even', 'odd', 'even odd'))}" for key in current}
    put(index, *(document(key, title) for key, title in titles.items()))
    for one in typed:
        find(index, one)
    for step in range(12):
        # An entry is written again, one comes and one goes.
        gone = chance.choice(sorted(current))
        again = chance.choice(sorted(current - BitMap([gone])))
        titles[500 + step] = "common later"
        put(index, document(again, titles[again]), document(500 + step, "common later"), forget=[gone])
        current = (current | BitMap([500 + step])) - BitMap([gone])
        found = {one: index.match(query(one), ANY) for one in typed}
        assert all(gone in found[one].keys for one in ("common", "com*")), "not gone on with"
        other = WhooshEngine(tmp_path).open("public")
        for one, matches in found.items():
            anew = other.match(query(one), ANY)
            assert matches.keys & current == anew.keys, one
            # A word that suddenly many entries have keeps its worth for a while.
            for key in anew.keys if "later" not in one else ():
                assert matches.score_of(key) == pytest.approx(anew.score_of(key), rel=0.2, abs=0.05), one
        other.close()
    (later,) = index.match(query("common later"), ANY).best(BitMap(range(500, 600)) & current, 99)
    assert later.keys == current & BitMap(range(500, 600))


def test_words_are_weighed_anew_when_many_entries_came(index: WhooshIndex) -> None:
    put(index, *(document(key, "word other") for key in range(1, 200)), sequence=200)
    before = index.match(query("word"), ANY).score_of(1)
    put(index, *(document(key, "other") for key in range(200, 240)), sequence=240)
    matches = index.match(query("word"), ANY)
    assert matches.keys == BitMap(range(1, 200))
    assert before is not None
    score = matches.score_of(1)
    assert score is not None
    assert score > before


def test_a_commit_whose_process_ended_before_the_label_is_found_after_the_next_start(
    index: WhooshIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(index, document(1, "word"))
    assert find(index, "word") == BitMap([1])
    monkeypatch.setattr(whoosh_writing, "note_sizes", lambda *_: None)
    put(index, document(2, "word"))
    other = WhooshEngine(tmp_path).open("public")
    assert find(index, "word") == find(other, "word") == BitMap([1, 2])
    other.close()


def test_a_search_goes_on_with_what_was_there_when_it_began(index: WhooshIndex) -> None:
    put(index, document(1, "word"), document(2, "word"))
    matches = index.match(query("word"), ANY)
    put(index, document(3, "other"), forget=[1, 2])
    assert [list(equals.keys) for equals in matches.best(matches.keys, 5)] == [[1, 2]]
    assert find(index, "other") == find(index, "-word") == BitMap([3])
