"""The forms of results, and that nothing from outside reaches a terminal as it is."""

import json

import pytest
import yaml

from marketplace.cli.output import write_record, write_records

RECORDS = [
    {"entry": "ID/a@b.org/2024", "title": "One\x1b[31m\ntwo", "os": None, "tags": ["x", "y"]},
    {"entry": "ID/c@d.org/2024", "title": "Été", "os": "debian", "tags": []},
]


@pytest.mark.parametrize("output", ["table", "json", "yaml", "id"])
def test_no_control_character_is_written(capsys, output):
    write_records(RECORDS, ("title", "os"), output, identify="entry")
    write_record(RECORDS[0], output, identify="entry")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert all(c.isprintable() or c == "\n" for c in out)


def test_a_table_has_a_line_for_each_record(capsys):
    write_records(RECORDS, ("title", "os"), "table", identify="entry")
    title, first, second = capsys.readouterr().out.splitlines()
    assert title.split() == ["TITLE", "OS"]
    assert first.startswith("One\\x1b[31m two")
    assert first.endswith("-")
    assert second.split() == ["Été", "debian"]


def test_an_empty_table_is_empty_and_an_empty_document_is_a_list(capsys):
    write_records([], ("title",), "table", identify="entry")
    assert capsys.readouterr().out == ""
    write_records([], ("title",), "json", identify="entry")
    assert json.loads(capsys.readouterr().out) == []


def test_json_and_yaml_hold_the_same(capsys):
    write_records(RECORDS, (), "json", identify="entry")
    as_json = json.loads(capsys.readouterr().out)
    write_records(RECORDS, (), "yaml", identify="entry")
    assert yaml.safe_load(capsys.readouterr().out) == as_json == RECORDS


def test_id_has_one_line_for_each_record(capsys):
    write_records([*RECORDS, {"title": "no entry"}], (), "id", identify="entry")
    assert capsys.readouterr().out == "ID/a@b.org/2024\nID/c@d.org/2024\n"


def test_one_record_has_a_line_for_each_value(capsys):
    record = {"entry": "x", "tags": ["a", "b"], "text": "1\n2", "none": None, "self": True}
    write_record(record, "table", identify="entry")
    out = capsys.readouterr().out
    assert out == "entry  x\ntags   a\n       b\ntext   1\n       2\nnone   -\nself   yes\n"


def test_on_a_terminal_the_last_column_gives_way(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    write_records([{"a": "x" * 20, "b": "y" * 90}], ("a", "b"), "table", identify="a")
    assert all(len(line) <= 40 for line in capsys.readouterr().out.splitlines())
