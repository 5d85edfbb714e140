"""Several processes over one database: who does the background work, and who takes it over."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from marketplace.db import upgrade
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.fixtures_postgres import PostgresServer, postgres_server
from tests.functional.running import RunningServer, start
from tests.functional.sites import until

__all__ = ["postgres_server"]

LEAN = {"query_enabled": "false"}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'shared.sqlite'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create_database()
    yield url
    server.drop_database(url)


def node(stack: ExitStack, folder: Path, url: str, name: str, role: str) -> RunningServer:
    """Start a process; the test may end it before the block does."""
    (folder / name).mkdir()
    server = start(folder / name, database_url=url, role=role, node=name, **LEAN)

    def end() -> None:
        if server.process.poll() is None:
            server.kill()

    stack.callback(end)
    return server


def ready(server: RunningServer) -> dict[str, Any]:
    with server.client() as http:
        answer: dict[str, Any] = http.get("/readyz").json()
    return answer


def test_the_work_is_done_in_one_process_and_taken_over(tmp_path: Path, database_url: str) -> None:
    upgrade(database_url)
    with ExitStack() as stack:
        web = node(stack, tmp_path, database_url, "web", "web")
        assert "background" in ready(web)["degraded"]
        first = node(stack, tmp_path, database_url, "first", "worker")
        until(lambda: ready(first)["background"]["here"], "the worker works")
        second = node(stack, tmp_path, database_url, "second", "all")
        until(lambda: "background" not in ready(web)["degraded"], "the web node sees it")
        for server in (web, second):
            assert (ready(server)["background"]["here"], ready(server)["background"]["node"]) == (
                False,
                "first",
            )
        with first.client() as http:
            assert http.get("/metadata").status_code == 404
            assert "marketplace_background_here 1.0" in http.get("/metrics").text

        document = signed(image(content=database_url), make_identity())
        with web.client() as http:
            answer = http.post("/metadata", content=document, headers={"Content-Type": "text/xml"})
            assert answer.status_code == 201, answer.text
        until(lambda: ready(web)["followers"]["verdicts"]["behind"] == 0, "the worker judged it")

        # On SQLite a process that stands still keeps the work: the system's lock goes when the process does.
        paused = database_url.startswith("postgresql")
        first.process.send_signal(signal.SIGSTOP if paused else signal.SIGKILL)
        until(lambda: ready(second)["background"]["here"], "the other process took the work over")
        if paused:
            first.process.send_signal(signal.SIGCONT)
            until(lambda: not ready(first)["background"]["here"], "it sees that it slept")
            first.kill()
        with web.client() as http:
            until(lambda: "second" in http.get("/status").text, "the status page names it")
            assert "Earlier processes with these jobs" in http.get("/status").text
            assert "marketplace_background_takeovers_total 1.0" in http.get("/metrics").text
        third = node(stack, tmp_path, database_url, "third", "worker")
        assert not ready(third)["background"]["here"]
        assert second.stop() == 0
        until(lambda: ready(third)["background"]["here"], "a process that stops hands the work over")
