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


def test_nothing_is_cut_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    write_records([{"a": "x" * 20, "b": "y" * 90}], ("a", "b"), "table", identify="a")
    assert "x" * 20 + "  " + "y" * 90 in capsys.readouterr().out


def test_one_long_cell_does_not_widen_the_others(capsys):
    write_records([{"a": "x" * 100_000, "b": "1"}, {"a": "x", "b": "2"}], ("a", "b"), "table", identify="a")
    _, long, short = capsys.readouterr().out.splitlines()
    assert long == "x" * 100_000 + "  1"
    assert short.split() == ["x", "2"]
    assert len(short) < 100


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200b", "\u00ad", "\ufeff", "\u2028"])
def test_what_hides_or_reorders_text_is_spelled_out_in_every_form(capsys, character):
    record = {"entry": f"I{character}D", "title": f"a{character}b", "tags": [character]}
    for output in ("table", "json", "yaml", "id"):
        write_records([record], ("title", "entry"), output, identify="entry")
        many = capsys.readouterr().out
        write_record(record, output, identify="entry")
        one = capsys.readouterr().out
        assert (many + one).replace("\n", "").isprintable(), output
        if output == "yaml":
            assert (yaml.safe_load(many), yaml.safe_load(one)) == ([record], record)


def test_nothing_is_written_where_the_results_end_in_an_error(capsys):
    def failing():
        yield RECORDS[0]
        raise ValueError("the rest does not come")

    for output in ("table", "json", "yaml", "id"):
        with pytest.raises(ValueError, match="the rest"):
            write_records(failing(), ("title",), output, identify="entry")
    assert capsys.readouterr().out == ""
