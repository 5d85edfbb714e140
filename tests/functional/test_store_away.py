"""PostgreSQL goes away and comes back: what every route answers, and databases that are refused."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import select

from marketplace.access import Scope
from marketplace.accounts import TokenService
from marketplace.cli import run
from marketplace.config.sections import ServerSettings
from marketplace.db import Database, upgrade
from marketplace.federation.keys import create_keys
from marketplace.models import TokenRow
from marketplace.moments import utc_now
from marketplace.routes import ROUTES
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.fixtures_postgres import PostgresServer, find_binaries, name_of
from tests.functional.access import bearer
from tests.functional.running import RunningServer, running_server
from tests.functional.sites import until
from tests.waiting import HANGING
from validators import accept

ENTRY = signed(image(content="away"), make_identity(email="jane@example.org"))
#: To take in what is there already, nothing has to be stored.
NEW = signed(image(content="not there"), make_identity(email="jane@example.org"))
PLACE = accept(ENTRY).coordinates
#: Requests that a server answers at a time.
THREADS = ServerSettings().threads
XML = {"Content-Type": "application/rdf+xml"}
#: What the parts of URLs stand for, by their names.
PARTS = {
    "identifier": PLACE.identifier, "email": PLACE.email, "created": "2024-05-01T12:00:00Z",
    "tag": "lts", "log": "public", "name": "000.p/1", "level": "0", "id": accept(ENTRY).entry_id,
    "digest": "0" * 64, "prefix": "00", "longer": "0000", "token": "0" * 16, "group": "x", "member": "y",
    "peer": "mp-b.example", "action": "confirm", "first": PLACE.identifier,
    "second": PLACE.email, "third": "2024-05-01T12:00:00Z",
    "secret": "s" * 43, "page": "start", "part": "tokens", "act": "create", "site": "x", "topic": "entries",
    "webhook": "0" * 16, "event": "evt_" + "0" * 24, "view": "default", "path": "SHA256SUMS", "file": "x",
}  # fmt: skip


#: What is asked besides, so that nothing is refused before the database is needed.
ASKED: dict[tuple[str, str], dict[str, Any]] = {
    ("web.entries", "POST"): {"content": NEW, "headers": XML},
    ("web.upload", "POST"): {"content": NEW, "headers": XML},
    ("api.verify", "POST"): {"content": ENTRY, "headers": XML},
    ("web.query", "GET"): {"params": {"query": "SELECT ?s WHERE { ?s ?p ?o }"}},
    ("web.query", "POST"): {"data": {"query": "SELECT ?s WHERE { ?s ?p ?o }"}},
    ("api.verdict", "GET"): {"params": {"identifier": PLACE.identifier}},
    ("api.lookup", "POST"): {"json": {"identifiers": [PLACE.identifier]}},
    ("fed.bodies", "POST"): {"json": [accept(ENTRY).entry_id]},
    ("api.entry.erase", "POST"): {"json": {"reason": "asked"}},
}
#: What needs no database: what is the same for all, and what is refused as it is.
ANSWERED = {
    ("web.robots", "GET"): 200, ("web.favicon", "GET"): 200, ("web.security", "GET"): 404,
    ("web.about", "GET"): 200, ("web.login", "GET"): 200, ("web.login", "POST"): 403,
    ("health.alive", "GET"): 200, ("metrics", "GET"): 200,
    ("web.query", "GET"): 200, ("web.query", "POST"): 200,
    ("web.upload", "GET"): 200, ("web.publish", "GET"): 200, ("web.publish", "POST"): 200,
    ("web.login.oidc", "GET"): 404, ("web.login.callback", "GET"): 404, ("web.entry.publish", "POST"): 403,
    ("web.action", "GET"): 404, ("web.action", "POST"): 404,
    ("web.reminders", "GET"): 404, ("web.reminders", "POST"): 404, ("web.sync", "GET"): 410,
    ("web.sync", "POST"): 410, ("api.index", "GET"): 200, ("api.openapi", "GET"): 200,
    ("api.docs", "GET"): 200, ("api.docs.topic", "GET"): 200, ("web.docs", "GET"): 200,
    ("web.docs.page", "GET"): 200,
    ("fed.witness.add", "POST"): 400,
}  # fmt: skip
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
#: They tell of the database in words of their own.
TOLD = {"web.status", "health.ready"}


@dataclass
class Away:
    """A site on a database server of its own, which can be stopped."""

    postgres: PostgresServer
    url: str
    server: RunningServer
    secret: str


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Away]:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("needs the PostgreSQL server binaries")
    directory = Path(tempfile.mkdtemp(prefix="mp-away-"))
    postgres = PostgresServer(binaries, directory)
    try:
        postgres.start()
        url = postgres.create_database()
        upgrade(url)
        with closing(Database.open(url)) as database, database.write() as session:
            scopes = [Scope.ADMIN, Scope.READ, Scope.UPLOAD]
            made = TokenService(session).create("root", scopes, by="cli:test", at=utc_now())
        data = tmp_path_factory.mktemp("away")
        create_keys(data, "mp-away.example")
        with running_server(data, database_url=url) as server:
            with server.client() as client:
                assert client.post("/metadata", content=ENTRY, headers=XML).status_code == 201
            yield Away(postgres, url, server, made.secret.text)
    finally:
        with suppress(RuntimeError):  # a test stopped it already
            postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)


def requests() -> list[tuple[str, str, dict[str, Any]]]:
    """Each route with each of its methods: its name, the method, and what is asked."""
    return [
        (route.name, method, {"url": path} | ASKED.get((route.name, method), {}))
        for route in ROUTES
        for path in [re.sub(r"\{(\w+)(:[^}]*)?\}", lambda part: PARTS[part[1]], route.pattern)]
        for method in route.methods
    ]


def test_every_route_says_that_the_database_is_away_and_comes_back_with_it(away: Away) -> None:
    wrong: list[object] = []
    told = 0
    with away.server.client() as client:
        with stopped(away.postgres):
            for name, method, asked in requests():
                answer = client.request(method, **asked)
                # Some ask for a token or for another body first.
                refused = answer.status_code in (401, *(() if method == "GET" else (400, 415)))
                if (name, method) not in ANSWERED and not refused:
                    told += 1
                    wrong += is_told(answer, name)
                elif not refused and answer.status_code != ANSWERED[name, method]:
                    wrong.append((name, method, answer.text[:200]))
                # Nobody can tell whose token it is. What is refused without one comes so far, too.
                headers = asked.get("headers", {}) | bearer(away.secret)
                wrong += is_told(client.request(method, **asked | {"headers": headers}), name)
        assert wrong == []
        lines = [one for one in away.server.log_lines() if "request_id" in one]
        assert told > 40
        assert [one for one in lines if "traceback" in one] == []
        each = Counter(one["request_id"] for one in lines if one["level"] == "error")
        assert set(each.values()) == {1}
        until(lambda: client.get("/metadata").status_code == 200, "the site is back")
        until(lambda: client.get("/readyz").status_code == 200, "everything works")
        again = signed(image(content="back"), make_identity(email="jane@example.org"))
        assert client.post("/metadata", content=again, headers=XML).status_code == 201


@pytest.mark.parametrize("condition", ["read_only", "full", "starting"])
def test_every_route_of_a_database_that_does_not_do_its_work(away: Away, condition: str) -> None:
    """It cannot be written to, takes no further connection, or says at each that it is no use yet."""
    lines = len(away.server.log_lines())
    wrong: list[object] = []
    told = set()
    with away.server.client() as client:
        with CONDITIONS[condition](away):
            # Reading goes on where only writing is refused; how connections are refused is nothing to routes.
            asking = [one for one in requests() if one[1] != "GET"]
            for name, method, asked in asking if condition == "read_only" else requests()[::4]:
                for headers in ({}, bearer(away.secret)):
                    given = asked | {"headers": asked.get("headers", {}) | headers}
                    answer = client.request(method, **given)
                    if answer.status_code >= 500:
                        told.add(name)
                        wrong += is_told(answer, name)
        assert wrong == []
        assert len(told) >= 3
        until(lambda: client.get("/readyz").status_code == 200, "everything works")
        again = signed(image(content=condition), make_identity(email="jane@example.org"))
        assert client.post("/metadata", content=again, headers=XML).status_code == 201
    # Nor do the threads behind the routes write tracebacks about it.
    assert [one for one in away.server.log_lines()[lines:] if "traceback" in one] == []


def test_readers_are_answered_while_nothing_that_requests_store_is_committed(away: Away) -> None:
    """More requests than there are threads want to store something, and each commit hangs."""
    headers = bearer(away.secret)

    def make(owner: str) -> httpx.Response:
        with away.server.client() as client:
            return client.post(
                "/api/v1/tokens",
                json={"owner": owner, "scopes": ["read"]},
                headers=headers,
                timeout=4 * HANGING,
            )

    with ThreadPoolExecutor(2 * THREADS) as pool, away.server.client() as client:
        with stalled(away):
            made = [pool.submit(make, f"stalled-{number}") for number in range(2 * THREADS)]
            refused = next(as_completed(made, 4 * HANGING)).result()
            assert refused.status_code == 503 and "Retry-After" in refused.headers, refused.text
            assert client.get("/metadata").status_code == 200
        codes = Counter(one.result(HANGING).status_code for one in made)
    assert codes[201] >= 1 and set(codes) == {201, 503}
    # Of those that were refused nothing is left, those that waited are stored.
    with closing(Database.open(away.url)) as database, database.read() as session:
        names = session.scalars(select(TokenRow.owner).where(TokenRow.owner.like("stalled-%"))).all()
    assert len(names) == codes[201]


@contextmanager
def stalled(away: Away) -> Iterator[None]:
    """Each commit waits for a standby that there is not."""
    show = "SHOW synchronous_standby_names"
    with psycopg.connect(away.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        connection.execute("SELECT pg_reload_conf()")
        try:
            until(lambda: connection.execute(show).fetchone() == ("nobody",), "it is set")
            yield
        finally:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")


@contextmanager
def read_only(away: Away) -> Iterator[None]:
    """Nothing can be written, as in a primary that was demoted."""
    setting = "default_transaction_read_only"
    with psycopg.connect(away.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET {setting} = on")
        connection.execute("SELECT pg_reload_conf()")
        try:
            until(lambda: connection.execute(f"SHOW {setting}").fetchone() == ("on",), "it is set")
            yield
        finally:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER SYSTEM RESET {setting}")
            connection.execute("SELECT pg_reload_conf()")


@contextmanager
def full(away: Away) -> Iterator[None]:
    """Others have all connections."""
    server, name = away.url.replace("+psycopg", ""), name_of(away.url)
    with ExitStack() as stack:
        first = stack.enter_context(psycopg.connect(server, autocommit=True))

        def is_full() -> bool:
            first.execute(f"{_END} AND application_name <> 'hog' AND pid <> pg_backend_pid()", (name,))
            try:
                while True:
                    hog = psycopg.connect(server, application_name="hog")
                    stack.enter_context(closing(hog))
            except psycopg.OperationalError:
                query = (
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name <> 'hog'"
                )
                return first.execute(query, (name,)).fetchone() == (1,)

        until(is_full, "nobody else has a connection")
        yield


@contextmanager
def starting(away: Away) -> Iterator[None]:
    """The server listens, and refuses every connection: it recovers, and may not be asked yet."""
    signal_file = away.postgres._data / "standby.signal"
    away.postgres.stop()
    signal_file.touch()
    shutil.chown(signal_file, away.postgres._data.owner(), away.postgres._data.group())
    away.postgres.launch("-c hot_standby=off", wait=False)
    url = away.url.replace("+psycopg", "")

    def refuses() -> bool:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError as error:
            return "not accepting connections" in str(error) or "starting up" in str(error)
        return False

    try:
        until(refuses, "it refuses connections")
        yield
    finally:
        away.postgres.stop()
        signal_file.unlink(missing_ok=True)
        away.postgres.launch()


CONDITIONS = {"read_only": read_only, "full": full, "starting": starting}


@contextmanager
def stopped(postgres: PostgresServer) -> Iterator[None]:
    """The database server does not run as long as the block lasts."""
    postgres.stop()
    try:
        yield
    finally:
        postgres.launch()


def is_told(answer: httpx.Response, route: str) -> list[object]:
    """What is wrong with an answer that has to say that the database is away."""
    right = (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    if right and "Traceback" not in answer.text and (route in TOLD or "the database" in answer.text):
        return []
    return [(route, answer.request.method, answer.status_code, answer.text[:200])]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_does_not_hold_every_letter_is_refused(
    away: Away,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    encoding: str,
) -> None:
    options = ("--encoding", encoding, "--locale-provider", "libc", "--locale", "C")
    url = away.postgres.create_database("template0", *options)
    monkeypatch.setenv("MARKETPLACE_DATABASE_URL", url)
    for command in (["db", "upgrade"], ["serve", "--port", "1"], ["token", "list"]):
        assert run([*command, "--data", str(tmp_path)]) == 7, command
        told = capsys.readouterr().err
        assert f"has the encoding {encoding}" in told and "\n" not in told.strip()
        assert "createdb --encoding=UTF8 --locale=C --template=template0" in told
    with away.server.client() as client, exchanged(away, url):
        until(lambda: client.get("/readyz").json().get("reasons") == ["store.encoding"], "it is named")
        answer = client.get("/metadata?status=all")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_a_database_that_is_too_old_is_refused(
    away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("marketplace.db.postgresql.OLDEST_POSTGRESQL", 99)
    monkeypatch.setenv("MARKETPLACE_DATABASE_URL", away.url)
    for command in (["db", "upgrade"], ["serve", "--port", "1"], ["token", "list"]):
        assert run([*command, "--data", str(tmp_path)]) == 7, command
        told = capsys.readouterr().err
        assert "and 99 or newer is needed" in told and "\n" not in told.strip()
    monkeypatch.delenv("MARKETPLACE_DATABASE_URL")
    monkeypatch.setattr("marketplace.db.sqlite.OLDEST_SQLITE", (99, 0, 0))
    assert run(["db", "upgrade", "--data", str(tmp_path)]) == 7
    assert "99.0.0 or newer is needed: use another Python" in capsys.readouterr().err


@contextmanager
def exchanged(away: Away, url: str) -> Iterator[None]:
    """Another database stands under the name of the site's."""
    site, other = name_of(away.url), name_of(url)
    server = away.url.replace("+psycopg", "").replace(site, "postgres")

    def rename(*steps: tuple[str, str]) -> None:
        with psycopg.connect(server, autocommit=True) as connection:
            for old, new in steps:
                # The site connects again at once, and nobody may be connected to what is renamed.
                connection.execute(f"ALTER DATABASE {old} ALLOW_CONNECTIONS false")
                connection.execute(_END, (old,))
                connection.execute(f"ALTER DATABASE {old} RENAME TO {new}")
                connection.execute(f"ALTER DATABASE {new} ALLOW_CONNECTIONS true")

    rename((site, "kept"), (other, site))
    yield
    rename((site, other), ("kept", site))
