"""``/metrics`` over a real server: what an operator alerts on, and nothing that clients can fill it with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.factories.documents import image, signed
from tests.functional.catalogue import ALICE, upload
from tests.functional.running import RunningServer, running_server
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("metrics")) as running:
        yield running


@pytest.fixture(scope="module")
def http(site) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


def figures(http: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = http.get("/metrics")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain; version=")
    assert answer.headers["Cache-Control"] == "no-store"
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def figure(http: httpx.Client, name: str, **labels: str) -> float:
    return figures(http).get((name, frozenset(labels.items())), 0.0)


def test_uploads_are_counted_by_outcome_and_rule(http):
    def counted(outcome: str, code: str = "") -> float:
        return figure(http, "marketplace_uploads_total", outcome=outcome, code=code)

    data = signed(image(content="counted"), ALICE, created="2024-05-02T12:00:00Z")
    created, unchanged = counted("created"), counted("unchanged")
    upload(http, data)
    upload(http, data)
    assert (counted("created"), counted("unchanged")) == (created + 1, unchanged + 1)
    older = signed(image(content="counted"), ALICE, created="2024-05-01T12:00:00Z")
    for refused, code in ((b"<x/>", "signature.count"), (older, "gate.older-than-latest")):
        assert (
            http.post("/metadata", content=refused, headers={"Content-Type": "text/xml"}).status_code == 400
        )
        assert counted("refused", code) == 1


def test_requests_are_timed_by_route_method_and_status(http):
    def counted(**labels: str) -> float:
        return figure(http, "marketplace_http_request_seconds_count", **labels)

    known = {"route": "web.entry", "method": "GET", "status": "200"}
    before = counted(**known)
    path = upload(http, signed(image(content="timed"), ALICE, created="2024-05-02T12:00:00Z"))
    asked = 0

    def is_remembered() -> bool:
        nonlocal asked
        asked += 1
        http.get(f"/metadata/{path}")
        return figure(http, "marketplace_entry_cache_hits_total") >= 2

    # From memory, but for the first one and the one after the look at what was stored.
    wait_for(is_remembered)
    assert counted(**known) == before + asked
    assert figure(http, "marketplace_entry_cache_misses_total") >= 1
    http.request("BREW", "/metadata")
    assert counted(route="web.entries", method="other", status="405") == 1
    http.get("/no/such/place")
    assert counted(route="none", method="GET", status="404") == 1


def test_what_clients_write_never_becomes_a_label(http):
    before = len(figures(http))
    for n in range(30):
        http.request(f"M{n}", f"/metadata/{n}?status={n}", headers={"User-Agent": str(n)})
        http.get(f"/{n}")
    assert len(figures(http)) <= before + 60  # the buckets of a few series, not of sixty requests
    assert not any("M7" in value for _, labels in figures(http) for _, value in labels)


def test_the_log_and_its_followers_are_shown(http):
    upload(http, signed(image(content="followed"), ALICE, created="2024-05-02T12:00:00Z"))
    size = figure(http, "marketplace_log_entries")
    assert size == http.get("/api/v1/changes").json()["size"]
    followers = {
        dict(labels)["follower"] for name, labels in figures(http) if name == "marketplace_follower_position"
    }
    assert any(name.startswith("search") for name in followers)
    assert any(name.startswith("sparql") for name in followers)
    for follower in followers:
        wait_for(lambda name=follower: figure(http, "marketplace_follower_position", follower=name) == size)
        assert figure(http, "marketplace_follower_lag_entries", follower=follower) == 0
    assert figure(http, "marketplace_database_up") == 1


def test_a_scraper_may_ask_for_openmetrics(http):
    answer = http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_figures_come_also_and_above_all_when_the_database_is_broken(tmp_path):
    with running_server(tmp_path) as running, running.client() as client:
        with closing(sqlite3.connect(tmp_path / "marketplace.sqlite")) as database:
            database.execute("ALTER TABLE log RENAME TO lost")
        shown = figures(client)
        assert shown["marketplace_database_up", frozenset()] == 0
        assert ("marketplace_log_entries", frozenset()) not in shown
        assert ("marketplace_entry_cache_entries", frozenset()) in shown
