"""Second way in: over HTTP, to a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.attacks.catalogue import documents
from tests.attacks.forging import entry
from tests.functional.running import RunningServer, running_server

LONGEST = 1.0  # seconds for an answer
TRIES = 3  # a busy machine may pause in one of them
HEADERS = {"Content-Type": "application/rdf+xml", "Accept": "application/problem+json"}

#: What is too large never reaches acceptance, and HTTP has a status of its own for it.
TOO_LARGE = {"limit.size": (413, "body.size")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that takes legacy entries too, so that no gate stands before an attack."""
    with running_server(tmp_path_factory.mktemp("data"), upload_legacy="accept") as running:
        yield running


def answered(client: httpx.Client, data: bytes) -> tuple[httpx.Response, float]:
    """The answer to an upload, and the shortest time in seconds that it took."""
    times = []
    for _ in range(TRIES):
        start = time.monotonic()
        response = client.post("/metadata", content=data, headers=HEADERS)
        times.append(time.monotonic() - start)
        if times[-1] < LONGEST:
            break
    return response, min(times)


def test_every_attack_is_refused_over_http_and_the_server_lives(server: RunningServer) -> None:
    wrong = []
    with server.client() as client:
        for attack, data in documents():
            response, took = answered(client, data)
            problem = response.headers["Content-Type"].startswith("application/problem+json")
            found = (response.status_code, problem and response.json()["code"])
            expected = TOO_LARGE.get(attack.code, (400, attack.code))
            if found != expected or took >= LONGEST:
                wrong.append((attack.name, expected, found, round(took, 2)))
            assert "Traceback" not in response.text
        assert wrong == []
        assert client.get("/readyz").status_code == 200
        listed = client.get("/metadata", params={"status": "all"}, headers={"Accept": "application/json"})
        assert listed.status_code == 404 or entry()[:40] not in listed.content
        assert client.post("/metadata", content=entry(), headers=HEADERS).status_code == 201
    assert server.process.poll() is None
    assert [line for line in server.log_lines() if line.get("level") in ("error", "critical")] == []
