"""What every full-text engine does alike: the same entries for the same query, and safe commits."""

from __future__ import annotations

import threading

import pytest
from pyroaring import BitMap

from marketplace.search.engine import (
    START,
    Position,
    SearchEngine,
    SearchIndex,
)
from marketplace.search.errors import SearchRefusedError
from marketplace.search.words import parse_words
from tests.contract.search_documents import IDENTIFIER, best, document, everything, index, library, put
from tests.contract.search_engines import engine

__all__ = ["engine", "index", "library"]


def find(index: SearchIndex, typed: str) -> set[int]:
    query = parse_words(typed)
    assert query is not None
    return set(index.match(query, everything()).keys)


#: What is typed, and which entries of the library it finds.
FOUND: tuple[tuple[str, set[int]], ...] = (
    ("ubuntu", {1, 2}),
    ("UBUNTU Server", {1, 2}),
    ('"ubuntu server"', {1}),
    ('"server ubuntu"', set()),
    ("title:server", {1}),
    ("description:server", {2}),
    ("os:ubuntu", {1}),
    ("14.04", {1}),
    ('os:"ubuntu 14.04"', {1}),
    ("04.14", set()),
    ("base -centos", {1}),
    ("-ubuntu", {3, 4, 5, 6, 7}),
    ("-ubuntu -title:nested", {3, 4, 5, 7}),
    ('base -"ubuntu server"', {2}),
    ("strasse lodz", {3}),
    ("STRASSE", {3}),
    ("Ångström", {3}),
    ("angstrom creme brulee fine", {3}),
    ("a\u030angstr\u00f6m", {3}),
    ("虚拟机", {4}),
    ("机虚", set()),
    ("tag:stable", {4}),
    ('tag:"stable nightly"', set()),
    ("tag:nightly", {4}),
    ("x86_64", {4}),
    ("qcow2", {4}),
    (IDENTIFIER, {5}),
    (f"identifier:{IDENTIFIER}", {5}),
    ("alice.b@example.org", {5}),
    ("endorser:example.org", {5}),
    ("endorser:builder", {5}),
    ("publisher:acme", {3}),
    ("title:acme", set()),
    ("blastn", {6}),
    ('"sequence alignment"', {6}),
    ('"30 sequence"', set()),
    ("ubu*", {1, 2}),
    ("title:ubu* -centos", {1}),
    ("ubuntu serv*", {1, 2}),
    ("nothing-like*", set()),
    ("zzz*", set()),
    ("-ubu* base", set()),
    ('"foo foo"', {7}),
    ('"foo bar foo"', set()),
    ('"foo bar"', {7}),
    ("nowhere -zzz", {1, 2, 3, 4, 6, 7}),
)


def test_a_query_finds_the_same_entries_on_every_engine(library: SearchIndex) -> None:
    assert {typed: find(library, typed) for typed, _ in FOUND} == dict(FOUND)


#: What people type for systems, versions and architectures, and which entries that finds.
SYSTEMS: tuple[tuple[str, set[int]], ...] = (
    ("centos7", {1, 2}),
    ("centos 7", {1, 2}),
    ("CentOS-7", {1, 2}),
    ("os:centos7", {1}),
    ("title:centos7", {2}),
    ("ubuntu22.04", {3}),
    ("ubuntu 22.04", {3}),
    ("22*", {3, 4}),
    ("os:22*", {3}),
    ("220*", {4}),
    ("ubuntu22*", {4}),
    ("title:ubuntu22*", {4}),
    ("1.2", {5}),
    ("v1.2", {5}),
    ("v1.2.3", {5}),
    ("2.3", {5}),
    ("1.3", set()),
    ("x86_64", {6, 7, 8}),
    ("x86-64", {6, 7, 8}),
    ("amd64", {6, 7, 8}),
    ("AMD64", {6, 7, 8}),
    ("amd64 debian", {8}),
    ("x86", {6, 7, 8}),
    ("amd6*", {7}),
    ("arm64", {9, 10}),
    ("aarch64", {9, 10}),
    ("-amd64 -arm64 kind", set()),
    ("zwei", {11}),
    ("second.example.net", {11}),
    ("base\tfirst", {11}),
    ("\ufeffba\u200bse\u00ad", {11}),
    ("base\r\nimage", {11}),
    (f"identifier:{IDENTIFIER[:9].lower()}*", {12}),
    (f"{IDENTIFIER[:7]}*", {12}),
    (IDENTIFIER.lower(), {12}),
)


def test_systems_versions_and_architectures_are_found_however_they_are_written(index: SearchIndex) -> None:
    put(
        index,
        document(1, os="CentOS", os_version="7"),
        document(2, title="centos7 minimal"),
        document(3, os="Ubuntu", os_version="22.04"),
        document(4, title="ubuntu2204"),
        document(5, version="v1.2.3"),
        document(6, arch="x86_64"),
        document(7, arch="amd64"),
        document(8, arch="x86-64", os="debian"),
        document(9, arch="arm64"),
        document(10, arch="aarch64"),
        document(
            11, title="base image", further=("http://first.example.org/a", "http://second.example.net/zwei")
        ),
        document(12, identifier=IDENTIFIER),
    )
    assert {typed: find(index, typed) for typed, _ in SYSTEMS} == dict(SYSTEMS)


def test_the_beginning_of_a_number_finds_numbers_and_no_hashes(index: SearchIndex) -> None:
    hashes = [f"22{'a1b2c3d4' * 4}{number:06x}" for number in range(300)]
    put(
        index,
        *(document(key, further=(one,)) for key, one in enumerate(hashes, 1)),
        document(400, title="22"),
    )
    assert find(index, "22*") == {400}
    assert find(index, hashes[7]) == {8}


def test_a_new_index_is_empty_and_at_the_start(index: SearchIndex) -> None:
    assert index.position() == START
    assert find(index, "anything") == set()
    assert find(index, "-anything") == set()


def test_documents_and_position_change_together_and_stay(engine: SearchEngine, index: SearchIndex) -> None:
    put(index, document(1, title="first"), document(2, title="second"), sequence=7)
    put(index, document(1, title="changed"), forget=(2, 99), sequence=9)
    index.close()

    again = engine.open("public")

    assert again.position() == Position(9, "e" * 64, True)
    assert find(again, "first") == find(again, "second") == set()
    assert find(again, "changed") == {1}
    assert find(again, "-nothing") == {1}


def test_an_applied_batch_is_seen_by_an_index_opened_before(engine: SearchEngine, index: SearchIndex) -> None:
    reader = engine.open("public")
    assert find(reader, "late") == set()
    put(index, document(1, title="late"))
    assert find(reader, "late") == {1}


def test_a_batch_that_moves_no_position_is_seen_too(index: SearchIndex) -> None:
    put(index, document(1, title="before"))
    assert (find(index, "before"), find(index, "after")) == ({1}, set())
    put(index, document(1, title="after"))
    assert (find(index, "before"), find(index, "after")) == (set(), {1})


def test_logs_do_not_see_each_other(engine: SearchEngine, index: SearchIndex) -> None:
    other = engine.open("group:a")
    put(index, document(1, title="shared word"))
    put(other, document(2, title="shared secret"), sequence=5)
    assert find(index, "shared") == {1}
    assert find(other, "shared") == {2}
    engine.destroy("group:a")
    assert find(index, "shared") == {1}
    assert engine.open("group:a").position() == START


def test_the_same_document_twice_is_one(index: SearchIndex) -> None:
    put(index, document(1, title="once"))
    put(index, document(1, title="once"), sequence=1)
    assert find(index, "once") == {1}
    assert find(index, "-nothing") == {1}


def test_a_batch_of_nothing_moves_the_position(index: SearchIndex) -> None:
    put(index, sequence=3)
    assert index.position().sequence == 3
    assert find(index, "-anything") == set()


def test_huge_texts_are_taken_and_their_beginning_found(index: SearchIndex) -> None:
    put(
        index,
        document(1, title="a" * 65_536, description="beginning " + "w " * 30_000 + " end"),
        document(2, further=tuple(f"word{number}" for number in range(20_000))),
    )
    assert find(index, "beginning") == {1}
    assert find(index, "a" * 200) == {1}
    assert find(index, "word17") == {2}


def test_words_that_mean_something_to_a_library_are_only_words(index: SearchIndex) -> None:
    put(index, document(1, title="and or not to null true"), document(2, title="other"))
    for typed in ("and", "or", "not", "AND OR", "to", "null"):
        assert find(index, typed) == {1}


#: What an attacker types. Each is refused before an engine sees it, or answered like any other words.
HOSTILE: dict[str, str] = {
    "everything": "*",
    "many stars": "a*b*c*",
    "ten thousand terms": "term " * 10_000,
    "a thousand parentheses": "(" * 1000 + "foo" + ")" * 1000,
    "as many parentheses as a query may be long": "(" * 240 + "foo" + ")" * 240,
    "a huge range": "[0 TO 99999999999999999999]",
    "a range without ends": "created:{* TO *}",
    "fuzziness": "foo~9",
    "fuzziness beyond numbers": "foo~999999999",
    "a pattern": "/(a+)+$/",
    "a pattern in a field": "title:/.*foo.*/",
    "a weight": "foo^1e308",
    "direction marks": "\u202eoof",
    "control characters": "foo\x00\x1b[2J",
    "the most words": " ".join(f"w{number}" for number in range(16)),
    "the longest phrase": '"' + " ".join(["foo"] * 32) + '"',
    "the most beginnings": " ".join(f"{letter}oo*" for letter in "abcdefghijklmnop"),
    "the most words to leave out": " ".join(f"-w{number}" for number in range(16)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_an_attacker_types_is_refused_or_only_words(library: SearchIndex, name: str) -> None:
    try:
        query = parse_words(HOSTILE[name])
    except SearchRefusedError as refused:
        assert refused.code.startswith("search.")
        return
    assert query is not None
    matches = library.match(query, everything())
    assert matches.keys <= BitMap(range(1, 8))
    assert BitMap().union(*(equals.keys for equals in matches.best(matches.keys, 10))) == matches.keys


def test_a_prefix_of_very_many_words_is_answered_whole_or_refused(index: SearchIndex) -> None:
    put(index, *(document(key, title=f"abc{key}") for key in range(1, 400)))
    try:
        assert find(index, "abc*") == set(range(1, 400))
    except SearchRefusedError as refused:
        assert refused.code == "search.prefix-too-common"
    assert find(index, "abc39*") == {39, *range(390, 400)}


def test_readers_are_right_while_another_thread_writes(index: SearchIndex) -> None:
    put(index, *(document(key, title="always here", description="x " * key) for key in range(1, 20)))
    wrong: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found = find(index, '"always here"')
            if not set(range(1, 20)) <= found:
                wrong.append(found)
            ranked = best(index, "always here", 5)
            if sum(len(equals.keys) for equals in ranked) < 5:
                wrong.append(ranked)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(8):
        put(index, document(100 + turn, title="always here too"), forget=(99 + turn,), sequence=turn + 2)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert find(index, "too") == {107}


def test_destroying_leaves_an_index_that_can_be_built_again(engine: SearchEngine, index: SearchIndex) -> None:
    put(index, document(1, title="before"))
    index.close()
    engine.destroy("public")
    engine.destroy("public")
    again = engine.open("public")
    assert again.position() == START
    put(again, document(2, title="after"))
    assert find(again, "before") == set()
    assert find(again, "after") == {2}
