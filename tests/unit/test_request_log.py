"""The log of requests: every event once, in order, in batches, harmless on a line."""

from __future__ import annotations

import io
import json
import logging
import threading
from datetime import UTC, datetime

import pytest

from marketplace.logs import JsonFormatter, TextFormatter
from marketplace.request_log import RequestLog, logger


@pytest.fixture
def stream(monkeypatch) -> io.StringIO:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "propagate", False)
    return stream


def test_events_of_many_threads_are_written_once_each(stream):
    log = RequestLog(interval=0.01)

    def work(start: int) -> None:
        for n in range(300):
            log.add({"path": f"/{start + n}", "status": 200})

    threads = [threading.Thread(target=work, args=(1000 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert sorted(e["path"] for e in events) == sorted(
        f"/{1000 * k + n}" for k in range(4) for n in range(300)
    )
    assert {(e["event"], e["logger"], e["level"]) for e in events} == {
        ("request", "marketplace.access", "info")
    }


def test_a_value_cannot_begin_a_line(stream):
    for formatter in (JsonFormatter(), TextFormatter()):
        logger.handlers[0].setFormatter(formatter)
        log = RequestLog()
        log.add({"path": "/a\nforged", "agent": "x\r\x1b[2J\u2028"})
        log.close()
    assert len(stream.getvalue().splitlines()) == 2
    assert "\x1b" not in stream.getvalue()


def test_lines_are_what_the_formatter_writes_of_each_record(stream, caplog):
    added = [
        {"path": "/%s%d\0", "status": 200, "client": None, "milliseconds": 0.25},
        {
            "path": "/é\u2028",
            "100%": True,
            "agent": 'a"b\\',
            "when": datetime(2026, 1, 2, tzinfo=UTC),
            "all": [1, {"b": {}}],
        },
        {"query": "see mpt_0123456789abcdef", "path": "whsec_0123456789"},
        {},
    ]
    with caplog.at_level(logging.INFO, logger=logger.name):
        logger.addHandler(caplog.handler)
        log = RequestLog()
        for fields in added:
            log.add(fields)
        log.close()
    written = stream.getvalue().splitlines()
    assert written == [JsonFormatter().format(record) for record in caplog.records]
    assert [json.loads(line).get("path") for line in written] == [
        "/%s%d\0",
        "/é\u2028",
        "whsec_[hidden]",
        None,
    ]


def test_other_handlers_get_each_record(caplog):
    log = RequestLog()
    with caplog.at_level(logging.INFO, logger=logger.name):
        log.add({"request_id": "one"})
        log.close()
    assert [record.request_id for record in caplog.records] == ["one"]
