"""kill -9 under load, many times: what was confirmed is there, the rest wholly or not at all."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from lxml import etree

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer, running_server, start
from tests.soaking import Tell
from tests.waiting import HANGING
from validators import accept

KILLS, SOAK_KILLS = 12, 300
CLIENTS = 4
#: Uploads before the process is killed, at least and at most.
LEAST, MOST = 3, 14


@dataclass
class Uploads:
    """What clients tried, and what was confirmed to them."""

    identity: object = field(default_factory=make_identity)
    tried: dict[str, bytes] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: int = 0

    def make(self) -> tuple[str, bytes]:
        """A new document and its path."""
        with self.lock:
            self.made += 1
            number = self.made
        data = signed(image(content=f"kill {number}", title=f"Kill {number}"), self.identity)
        return accept(data).coordinates.path(), data


def upload_until_killed(server: RunningServer, uploads: Uploads, count: threading.Semaphore) -> None:
    """Upload new documents until the server is gone."""
    with server.client() as http:
        while True:
            path, data = uploads.make()
            with uploads.lock:
                uploads.tried[path] = data
            try:
                answer = http.post("/metadata", content=data, headers={"Content-Type": "text/xml"})
            except httpx.TransportError:
                return
            assert answer.status_code == 201, answer.text
            with uploads.lock:
                uploads.confirmed.add(path)
            count.release()


def load_and_kill(server: RunningServer, uploads: Uploads, after: int) -> None:
    """Kill the process in the middle of concurrent uploads, when some number of them has been confirmed."""
    count = threading.Semaphore(0)
    clients = [
        threading.Thread(target=upload_until_killed, args=(server, uploads, count)) for _ in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    for _ in range(after):
        assert count.acquire(timeout=HANGING)
    server.kill()
    for client in clients:
        client.join(HANGING)
        assert not client.is_alive()


@pytest.mark.timeout(900)  # it starts a server for each kill
@pytest.mark.parametrize("kills", [KILLS, pytest.param(SOAK_KILLS, marks=pytest.mark.soak)])
def test_nothing_confirmed_is_lost_and_nothing_is_there_in_part(
    data_directory: Path, kills: int, tell: Tell
) -> None:
    choice = random.Random(7)
    uploads = Uploads()
    settings = {"query_enabled": "false", "search_engine": "off", "log_level": "warning"}
    with running_server(data_directory, **settings) as first:
        load_and_kill(first, uploads, choice.randint(LEAST, MOST))
    for _ in range(kills - 1):
        server = start(data_directory, **settings)
        load_and_kill(server, uploads, choice.randint(LEAST, MOST))
    server = start(data_directory, **settings)
    try:
        present = assert_whole(server, uploads)
    finally:
        assert server.stop() == 0
    assert_once_in_the_log(server, uploads, present)
    tell(kills, len(uploads.confirmed), len(uploads.confirmed - present))


def assert_whole(server: RunningServer, uploads: Uploads) -> set[str]:
    """Every upload is served with its exact bytes and listed once, or does not exist; returns the former."""
    present: set[str] = set()
    with server.client() as http:
        for path, data in uploads.tried.items():
            answer = http.get(f"/metadata/{path}")
            assert answer.status_code in (200, 404)
            if answer.status_code == 200:
                assert answer.content == data
                present.add(path)
        listed = [
            accept(etree.tostring(child, encoding="UTF-8", with_tail=False)).coordinates.path()
            for child in etree.fromstring(http.get("/metadata?status=all").content)
        ]
    assert uploads.confirmed <= present
    assert sorted(listed) == sorted(present)
    return present


def assert_once_in_the_log(server: RunningServer, uploads: Uploads, present: set[str]) -> None:
    """The log has each of them once, with numbers that have no gap."""
    database = Database.open(server.database_url)
    with database.read() as session:
        log, rows = ChangeLog(session), []
        while page := log.page(PUBLIC, len(rows)):
            rows += page
    database.close()
    assert [row.sequence for row in rows] == list(range(len(rows)))
    ids = [row.entry_id for row in rows]
    assert sorted(ids) == sorted(accept(uploads.tried[path]).entry_id for path in present)
