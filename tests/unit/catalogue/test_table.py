"""Columns of entries: what was put in is there, in memory and from a file, and grows beyond its room."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from marketplace.catalogue import table as module
from marketplace.catalogue.facts import Facts
from marketplace.catalogue.sections import Reader, Writer
from marketplace.catalogue.table import FactsTable
from marketplace.facets import Facet

HERE = Path(tempfile.gettempdir())


def facts(key: int) -> Facts:
    return Facts(
        entry_key=key,
        certificate_id=key % 5,
        strength="strong",
        entry_number=key << 200,
        identifier=f"image{key}",
        email=f"e{key % 3}@example.org",
        created=1000 + key,
        deprecated=key % 7 == 0,
        valid_until=2000 + key,
        title="T\u00eftle " * (key % 4) + str(key),
        size=key * 2**32,
        spelled=((f"os{key % 2}",), (), (), (), (), (), (f"e{key % 3}@example.org",), ("a", "b")),
        key_digest=f"digest{key % 3}",
    )


def told(table: FactsTable, key: int) -> tuple[object, ...]:
    return (
        table.created(key), table.valid_until(key), table.size(key), table.is_deprecated(key),
        table.title(key), table.number(key), table.image(key), table.certificate(key),
        table.key_digest(key), table.email(key), table.spelled(Facet.OS, key), table.spelled(Facet.TAG, key),
    )  # fmt: skip


def expected(key: int) -> tuple[object, ...]:
    one = FactsTable()
    one.put(facts(key))
    return told(one, key)


def written_and_read(table: FactsTable) -> FactsTable:
    with tempfile.TemporaryFile() as file:
        writer = Writer(file, {})
        table.write(writer)
        writer.close()
        file.seek(0)
        reader = Reader(file, HERE)
        found = FactsTable.read(reader)
        reader.release()
        return found


@pytest.mark.parametrize("room", [1, 3, 1024])
def test_what_was_put_in_is_there_also_from_a_file(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(module, "_ROOM", room)
    monkeypatch.setattr(module, "_TITLE", 1)
    table, there = FactsTable(), set[int]()
    for start in (1, 40, 80):
        for key in range(start, start + 30):
            table.put(facts(key))
        there |= set(range(start, start + 30))
        for key in range(start + 5, start + 15):
            table.remove(key)
        there -= set(range(start + 5, start + 15))
        table = written_and_read(table)
        assert len(table) == len(there) and set(table.keys()) == there
        for key in there:
            assert told(table, key) == expected(key)


def test_what_is_changed_changes_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    table = FactsTable()
    for key in range(1, 20):
        table.put(facts(key))
    with tempfile.TemporaryFile() as file:
        writer = Writer(file, {})
        table.write(writer)
        writer.close()
        for _ in range(2):
            file.seek(0)
            found = FactsTable.read(Reader(file, HERE))
            assert [told(found, key) for key in range(1, 20)] == [expected(key) for key in range(1, 20)]
            for key in range(1, 20):
                found.remove(key)
            found.put(facts(99))


@pytest.mark.parametrize("room", [True, False], ids=["a copy of the file", "no room for a copy"])
def test_what_is_changed_stays_when_memory_is_given_back(tmp_path: Path, room: bool) -> None:
    table = FactsTable()
    for key in range(1, 20):
        table.put(facts(key))
    with tempfile.TemporaryFile() as file:
        writer = Writer(file, {})
        table.write(writer)
        writer.close()
        file.seek(0)
        reader = Reader(file, tmp_path if room else tmp_path / "missing")
        found = FactsTable.read(reader)
        found.remove(7)
        found.put(facts(99))
        reader.release()
        there = set(range(1, 20)) - {7} | {99}
        assert set(found.keys()) == there
        for key in there:
            assert told(found, key) == expected(key)
    assert list(tmp_path.iterdir()) == []
