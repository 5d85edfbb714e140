"""Log lines: structured, carrying the request id, and never broken by what they report."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.accounts.secrets import make_session, make_token, make_view
from marketplace.logs import JsonFormatter, TextFormatter, hide_secrets, json_lines, request_id
from marketplace.webhooks.signature import make_secret, spell_secret


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.getLogger("marketplace.test").makeRecord(
        "marketplace.test", logging.INFO, "file.py", 1, message, (), None, extra=extra
    )
    return made


def test_an_error_whose_words_say_all_is_told_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace.logs._brief", [lambda error: isinstance(error, KeyError)])

    def written(error: Exception) -> dict[str, object]:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "it failed", (), (type(error), error, None))
        found: dict[str, object] = json.loads(JsonFormatter().format(record))
        return found

    brief, whole = written(KeyError("away\nnow")), written(ValueError("a fault"))
    assert brief["reason"] == "'away\\nnow'" and "traceback" not in brief
    assert "a fault" in str(whole["traceback"]) and "reason" not in whole


@given(st.text(), st.text())
def test_no_value_can_start_a_line_of_its_own(message: str, value: str) -> None:
    for formatter in (JsonFormatter(), TextFormatter()):
        line = formatter.format(record(message, path=value))
        assert len(line.splitlines()) == 1
        assert "\x1b" not in line


def test_json_lines_hold_the_fields_of_the_event() -> None:
    token = request_id.set("abc123")
    try:
        event = json.loads(JsonFormatter().format(record("uploaded", status=201)))
    finally:
        request_id.reset(token)
    assert (event["event"], event["status"], event["request_id"], event["level"]) == (
        "uploaded",
        201,
        "abc123",
        "info",
    )


@given(st.floats(0, 4e9))
def test_a_line_tells_its_moment_to_the_millisecond(seconds: float) -> None:
    made = record("uploaded")
    made.created = seconds
    told = datetime.fromisoformat(json.loads(JsonFormatter().format(made))["time"])
    assert told.utcoffset() == timedelta(0) and told.microsecond % 1000 == 0
    # Floats of this size lie half a microsecond apart.
    assert -1e-6 <= seconds - told.timestamp() <= 0.001 + 1e-6


def test_a_traceback_stays_inside_its_event() -> None:
    try:
        raise ValueError("first\n2026-01-01T00:00:00 info forged: line")
    except ValueError:
        failed = record("request failed")
        failed.exc_info = sys.exc_info()
    assert len(JsonFormatter().format(failed).splitlines()) == 1
    head, *rows = TextFormatter().format(failed).splitlines()
    assert "request failed" in head
    assert rows and all(row.startswith("    ") for row in rows)


@pytest.mark.parametrize(
    "secret",
    [make_token().text, make_session(), make_view(), spell_secret(make_secret())],
    ids=lambda one: one[:4],
)
def test_every_kind_of_secret_is_hidden(secret: str) -> None:
    begin = secret[: secret.index("_") + 1]
    told = f"a {begin}[hidden]. {begin}[hidden]"
    assert hide_secrets(f"a {secret}. {secret}") == told
    assert secret[len(begin) :] not in json_lines("l", "e", [(0.0, {"path": f"/{secret}"})])
