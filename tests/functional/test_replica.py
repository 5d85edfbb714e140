"""Readers are answered by a real streaming replica, and never miss what they wrote."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from marketplace.access import Scope
from marketplace.accounts import TokenService
from marketplace.db import Database, upgrade
from marketplace.federation.keys import create_keys
from marketplace.http.read_from import HEADER
from marketplace.mail import Outbox
from marketplace.metrics import Metrics
from marketplace.models import OutgoingMail
from marketplace.moments import utc_now
from marketplace.replica import Replica
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.fixtures_postgres import REQUIRED, PostgresServer, find_binaries
from tests.functional.running import RunningServer, running_server
from tests.functional.sites import until
from tests.waiting import HANGING
from validators import accept

XML = {"Content-Type": "application/rdf+xml"}
JANE = make_identity(email="jane@example.org")


@dataclass
class Pair:
    """A primary and its replica, and a site on both."""

    primary: PostgresServer
    replica: PostgresServer
    url: str
    site: RunningServer
    token: str

    @property
    def read_url(self) -> str:
        return self.replica.same_at(self.url)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The replica replays nothing as long as the block lasts."""
        with psycopg.connect(self.read_url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("SELECT pg_wal_replay_pause()")
            try:
                yield
            finally:
                connection.execute("SELECT pg_wal_replay_resume()")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Pair]:
    binaries = find_binaries()
    if binaries is None:
        request.getfixturevalue("postgres_server")  # skips, or fails where it must be there
        raise AssertionError(REQUIRED)
    directory = Path(tempfile.mkdtemp(prefix="mp-replica-"))
    primary = PostgresServer(binaries, directory)
    replica = None
    try:
        primary.start()
        url = primary.create_database()
        upgrade(url)
        replica = primary.replicate()
        settings = {"database_url": url, "database_read_url": replica.same_at(url), "query_enabled": "false"}
        folder = tmp_path_factory.mktemp("site")
        create_keys(folder, "primary.example.org")
        with closing(Database.open(url)) as database, database.write() as session:
            token = TokenService(session).create("ci", [Scope.READ], by="cli:test", at=utc_now()).secret.text
        with running_server(folder, **settings) as site:
            yield Pair(primary, replica, url, site, token)
    finally:
        for server in (replica, primary):
            with suppress(RuntimeError):  # a test stopped it already
                if server is not None:
                    server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def reads(http: httpx.Client) -> dict[str, float]:
    """How many reading transactions each server answered."""
    lines = http.get("/metrics").text.splitlines()
    found = [line for line in lines if line.startswith("marketplace_reads_total")]
    return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in found}


def lag(http: httpx.Client) -> float:
    """Seconds that the replica is behind."""
    lines = http.get("/metrics").text.splitlines()
    (line,) = [line for line in lines if line.startswith("marketplace_replica_lag_seconds")]
    return float(line.rpartition(" ")[2])


def upload(http: httpx.Client, word: str) -> tuple[str, httpx.Response]:
    document = signed(image(content=word, title=word), JANE)
    answer = http.post("/metadata", content=document, headers=XML)
    assert answer.status_code == 201, answer.text
    http.cookies.clear()
    return accept(document).coordinates.path(), answer


def await_replica(http: httpx.Client) -> None:
    """Wait until readers are answered by the replica."""

    def is_used() -> bool:
        before = reads(http).get("replica", 0.0)
        http.get("/metadata?media=json&status=all")
        return reads(http).get("replica", 0.0) > before

    until(is_used, "the replica answers readers")


def test_readers_are_answered_by_the_replica_and_see_their_uploads_at_once(pair: Pair) -> None:
    with pair.site.client() as http:
        for number in range(5):
            await_replica(http)
            path, answer = upload(http, f"seen {number}")
            assert HEADER in answer.headers and "mp-position=" in answer.headers["Set-Cookie"]
            assert http.get(f"/api/v1/entries/{path}").status_code == 200
            assert f"seen {number}" in http.get("/metadata?media=json&status=all").text
        await_replica(http)
        before = reads(http)
        for shown in ({HEADER: "0" * 32}, {HEADER: "x"}, {"Cookie": "other=1"}, {"Cookie": "mp-position=zz"}):
            assert http.get("/metadata?media=json&status=all", headers=shown).status_code == 200
        assert reads(http)["replica"] == before["replica"], "the primary answers whoever is not understood"


def test_a_replica_that_is_behind_answers_nobody_and_says_so(pair: Pair) -> None:
    with pair.site.client() as http:
        await_replica(http)
        with pair.paused():
            path, _ = upload(http, "behind")
            assert http.get(f"/api/v1/entries/{path}").status_code == 200
            assert "behind" in http.get("/metadata?media=json&status=all").text
            until(
                lambda: "is behind" in http.get("/readyz").json()["degraded"].get("replica", ""), "it is told"
            )
            assert http.get("/readyz").status_code == 200
            assert "is behind" in http.get("/status").text
            figures = http.get("/metrics").text
            assert "marketplace_replica_up 1.0" in figures and "marketplace_replica_used 0.0" in figures
        await_replica(http)
        until(lambda: "replica" not in http.get("/readyz").json()["degraded"], "all is well")


def test_a_position_holds_at_a_node_that_knows_nothing_of_the_write(pair: Pair) -> None:
    with closing(Database.open(pair.url)) as here, closing(Database.open(pair.url)) as there:
        mine, other = (Replica(one, pair.read_url, 3600.0, Metrics()) for one in (here, there))
        other.start()
        until(lambda: other.state().used, "the other node reads from the replica")

        def is_used() -> bool:
            with other.reading(0) as was_used, there.read() as session:
                session.execute(text("SELECT 1"))
            return was_used()

        until(is_used, "it has all that the other node knows of")
        with pair.paused():
            with here.write() as session:
                Outbox(session).enqueue("jane@example.org", "Subject", "Body", "position")
            position = mine.position()
            for shown, expected in ((0, 0), (position, 1)):
                with other.reading(shown) as was_used, there.read() as session:
                    assert session.query(OutgoingMail).count() == expected
                assert was_used() == (not expected)
        other.stop()
        mine.stop()


#: Some of what is answered from the database to anybody.
READ = (
    "/",
    "/metadata?media=json&status=all",
    "/api/v1/entries?limit=3",
    "/api/v1/search.atom",
    "/endorsers",
)


def ask(pair: Pair, path: str) -> tuple[str, int]:
    with pair.site.client() as http:
        return path, http.get(path).status_code


def test_readers_are_answered_by_the_replica_while_the_primary_hangs(pair: Pair) -> None:
    """Nothing ends a connection and nothing refuses one: only the node can tell that it waits in vain."""
    with pair.site.client() as http, ThreadPoolExecutor(len(READ)) as pool:
        await_replica(http)
        upload(http, "hangs")
        # Nobody has asked since how far the primary is, so every reader has to.
        with pair.primary.frozen():
            for _ in range(2):
                answers = dict(pool.map(partial(ask, pair), READ, timeout=HANGING))
                assert answers == dict.fromkeys(READ, 200)
        await_replica(http)
        upload(http, "hangs no more")
        assert [one for one in pair.site.log_lines() if "traceback" in one] == []


#: What only the primary may answer, by how it answers where that hangs.
ONLY_PRIMARY = {
    "/status": 503,
    "/readyz": 503,
    "/fed/v1/logs/public/checkpoint": 503,
    "/.well-known/marketplace-federation": 503,
    # Figures are told without those of the database.
    "/metrics": 200,
}


def test_what_only_the_primary_answers_is_refused_while_it_hangs(pair: Pair) -> None:
    """Each is answered while the primary still hangs: threads that wait for it would be missed by readers."""
    with pair.site.client() as http, ThreadPoolExecutor(len(ONLY_PRIMARY) + 2) as pool:
        until(lambda: http.get("/fed/v1/logs/public/checkpoint").status_code == 200, "the log is published")
        await_replica(http)
        document = signed(image(content="sent while it hangs"), JANE)
        late = partial(http.post, "/metadata", content=document, headers=XML)
        known = partial(http.get, "/api/v1/entries", headers={"Authorization": f"Bearer {pair.token}"})
        assert known().status_code == 200
        with pair.primary.frozen():
            for _ in range(2):
                others = [pool.submit(late), pool.submit(known)]
                asked = list(pool.map(http.get, ONLY_PRIMARY, timeout=HANGING))
                answers = [*asked, *(one.result(HANGING) for one in others)]
                assert [one.status_code for one in answers] == [*ONLY_PRIMARY.values(), 503, 503]
                assert all("Retry-After" in one.headers for one in answers if one.status_code == 503)
        await_replica(http)
        until(lambda: known().status_code == 200 and late().status_code == 201, "the primary answers again")
        assert [one for one in pair.site.log_lines() if "traceback" in one] == []


def test_readers_are_answered_by_the_primary_while_the_replica_hangs(pair: Pair) -> None:
    with pair.site.client() as http, ThreadPoolExecutor(len(READ)) as pool:
        await_replica(http)
        with pair.replica.frozen():
            for _ in range(2):
                answers = dict(pool.map(partial(ask, pair), READ, timeout=HANGING))
                assert answers == dict.fromkeys(READ, 200)
            path, _ = upload(http, "the replica hangs")
            assert ask(pair, f"/api/v1/entries/{path}")[1] == 200
        await_replica(http)


def test_a_reader_for_whom_the_replica_is_too_old_is_told_so_while_the_primary_hangs(pair: Pair) -> None:
    with pair.site.client() as http:
        await_replica(http)
        with pair.paused():
            path, _ = upload(http, "too old")
            # When the primary answered last, it was so for clearly more than a second.
            until(lambda: lag(http) > 2, "it is behind")
            with pair.primary.frozen():
                answer = http.get(f"/api/v1/entries/{path}")
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        await_replica(http)


def test_of_several_replicas_the_one_that_answers_has_what_is_needed(pair: Pair) -> None:
    """A proxy leads to any of them: here to one that has everything, or to one that is behind."""
    folder = parse_qs(urlsplit(pair.url).query)["host"][0]
    several = pair.url.replace(folder, f"{folder},{folder}") + "&port=5432,5433&load_balance_hosts=random"
    with closing(Database.open(pair.url)) as database, ExitStack() as stack:
        replica = Replica(database, several, 3600.0, Metrics())
        stack.callback(replica.stop)
        replica.start()
        until(lambda: replica.state().used, "readers may read there")
        stack.enter_context(pair.paused())
        with database.write() as session:
            Outbox(session).enqueue("jane@example.org", "Subject", "Body", "several")
        is_there = select(OutgoingMail).filter_by(key="several")
        with replica.reading(replica.position()):
            # All at the same time, so that each has a connection of its own.
            readers = [stack.enter_context(database.read()) for _ in range(10)]
            assert [len(one.scalars(is_there).all()) for one in readers] == [1] * 10


def test_without_the_replica_the_primary_answers_everybody(pair: Pair) -> None:
    with pair.site.client() as http:
        await_replica(http)
        pair.replica.stop()
        for _ in range(20):
            assert http.get("/metadata?media=json&status=all").status_code == 200
        until(
            lambda: "does not answer" in http.get("/readyz").json()["degraded"].get("replica", ""),
            "it is told",
        )
        path, _ = upload(http, "alone")
        assert http.get(f"/api/v1/entries/{path}").status_code == 200
        pair.replica.launch()
        await_replica(http)
        assert [one for one in pair.site.log_lines() if "traceback" in one] == []


def test_without_the_primary_the_replica_answers_readers(pair: Pair) -> None:
    with pair.site.client() as http:
        path, _ = upload(http, "kept")
        await_replica(http)
        pair.primary.stop()
        until(lambda: http.get("/metadata?media=json&status=all").status_code == 200, "readers are answered")
        for _ in range(20):
            answer = http.get("/metadata?media=json&status=all")
            assert answer.status_code == 200 and "kept" in answer.text
            assert http.get(f"/api/v1/entries/{path}").status_code == 200
        refused = http.post("/metadata", content=signed(image(content="late"), JANE), headers=XML)
        assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
        pair.primary.launch()

        def is_taken() -> bool:
            late = signed(image(content="late"), JANE)
            return http.post("/metadata", content=late, headers=XML).status_code == 201

        until(is_taken, "uploads are taken again")
        http.cookies.clear()
        await_replica(http)


def test_nothing_is_written_through_the_url_of_the_replica(pair: Pair) -> None:
    with closing(Database.open(pair.url)) as database:
        # By mistake that of the primary.
        replica = Replica(database, pair.url, 3600.0, Metrics())
        replica.start()
        until(lambda: replica.state().used, "the server answers")
        with pytest.raises(DBAPIError, match="read-only"), replica.reading(0), database.read() as session:
            session.execute(text("DELETE FROM outgoing_mail"))
        replica.stop()
