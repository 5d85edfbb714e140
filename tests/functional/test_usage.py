"""What is used is counted by real servers and told to whom it concerns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select

from marketplace.access import Scope
from marketplace.cli import run
from marketplace.db import Database
from marketplace.models import Entry, EntryUse
from marketplace.receipts import Finding, Receipt
from marketplace.usage import Use, UseKind
from marketplace.usage.sums import add_uses, number_of
from tests.databases import upgrade
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.access import bearer, found_group, issue_token
from tests.functional.catalogue import upload
from tests.functional.privacy_sites import ASTRO_KEY
from tests.functional.running import RunningServer, running_server, start
from tests.functional.test_receipts import send
from tests.waiting import wait_for
from validators import accept
from validators.document import format_time

NOW = datetime.now(UTC).replace(microsecond=0)
YESTERDAY = (NOW - timedelta(days=1)).date()
JANE, MEMBER = make_identity("Jane", "jane@example.org"), "mary@astro.example"
BOB = make_identity("Bob", "bob@example.org", variant=1)
PLACE = "https://images.example.org/first.qcow2"
SUMS = (("SHA-256", "ab" * 32), ("SHA-512", "ab" * 64))


def made(content: str) -> bytes:
    document = image(content=content, locations=(PLACE,), checksums=SUMS)
    return signed(document, JANE, created=format_time(NOW - timedelta(hours=2)))


FIRST, PRIVATE = made("first"), made("private")
ENTRY, HIDDEN = accept(FIRST), accept(PRIVATE)
USAGE = f"/api/v1/entries/{ENTRY.coordinates.path()}/usage"
OF_JANE = "/api/v1/endorsers/jane@example.org/usage"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[tuple[RunningServer, dict[str, str]]]:
    data = tmp_path_factory.mktemp("usage")
    with running_server(data, usage_interval="0.1") as running, running.client() as http:
        found_group(running, "astro", MEMBER)
        tokens = {
            owner: issue_token(running, owner, scopes)
            for owner, scopes in (
                (MEMBER, [Scope.READ, Scope.UPLOAD]),
                ("jane@example.org", [Scope.READ]),
                ("root", [Scope.ADMIN]),
                ("ops@astro.example", [Scope.SITE]),
            )
        }
        upload(http, FIRST)
        headers = {"Content-Type": "application/rdf+xml", **bearer(tokens[MEMBER])}
        assert http.post("/metadata?audience=astro", content=PRIVATE, headers=headers).status_code == 201
        # What was used the day before, as another process counted it.
        with closing(Database.open(running.database_url)) as database, database.write() as session:
            add_uses(
                session,
                number_of(YESTERDAY),
                {
                    Use(UseKind.VERDICT, ENTRY.entry_id): 1234,
                    Use(UseKind.VERDICT, HIDDEN.entry_id): 66,
                    Use(UseKind.DOWNLOAD, ENTRY.entry_id): 9,
                    Use(UseKind.DOCUMENT, "default"): 47,
                },
            )
        yield running, tokens


@pytest.fixture
def http(site) -> Iterator[httpx.Client]:
    with site[0].client() as client:
        yield client


def asked(http: httpx.Client, path: str, token: str | None = None) -> dict:
    answer = http.get(path, headers={} if token is None else bearer(token))
    assert answer.status_code == 200, answer.text
    return answer.json()


def of_today(http: httpx.Client, path: str, token: str) -> dict:
    found = asked(http, f"{path}?from={NOW.date()}", token)
    return found["total"]


def test_each_use_is_counted_once_from_memory_or_not(site, http):
    _, tokens = site
    before = of_today(http, USAGE, tokens["root"])
    for _ in range(5):
        assert http.get(f"/api/v1/images/{ENTRY.identifier}/verdict").status_code == 200
    etag = http.get(f"/api/v1/images/{ENTRY.identifier}/verdict").headers["etag"]
    known = http.get(f"/api/v1/images/{ENTRY.identifier}/verdict", headers={"If-None-Match": etag})
    assert known.status_code == 304
    assert http.get("/api/v1/verdict", params={"checksum": "sha256:" + "ab" * 32}).status_code == 200
    assert http.get(f"/api/v1/images/{'A' * 27}/verdict").status_code == 404
    for _ in range(2):
        found = http.get(f"/views/default/images/{ENTRY.identifier}/first.qcow2")
        assert found.status_code == 302, found.text
    for at in (NOW, NOW + timedelta(seconds=1)):  # the site says so again: the image was imported once
        said = Receipt(
            site=ASTRO_KEY.name,
            entry_id=ENTRY.entry_id,
            identifier=ENTRY.identifier,
            finding=Finding.AVAILABLE,
            at=at,
            store="main",
            kind="directory",
        )
        send(http, tokens["ops@astro.example"], ASTRO_KEY, said)
    figures = http.get("/metrics", headers=bearer(tokens["root"])).text
    assert 'marketplace_private_usage_total{kind="import"} 1.0' in figures
    wanted = {name: before[name] + more for name, more in (("verdicts", 8), ("downloads", 2), ("imports", 1))}
    wait_for(lambda: of_today(http, USAGE, tokens["root"]) == wanted)


def test_strangers_see_tens_of_days_that_are_over(site, http):
    _, tokens = site
    for path in (USAGE, OF_JANE):
        found = asked(http, path)
        assert found["exact"] is False
        assert found["periods"] == [
            {"period": YESTERDAY.isoformat(), "verdicts": 1230, "downloads": 0, "imports": 0}
        ]
        assert found["total"] == {"verdicts": 1230, "downloads": 0, "imports": 0}
    # The endorser, the administrator: exact; a member of the group: what she may read, in tens.
    own = asked(http, f"{OF_JANE}?to={YESTERDAY}", tokens["jane@example.org"])
    assert own["exact"] is True and own["total"] == {"verdicts": 1234, "downloads": 9, "imports": 0}
    theirs = asked(http, OF_JANE, tokens[MEMBER])
    assert theirs["exact"] is False and theirs["total"]["verdicts"] == 1300
    month = asked(http, f"{USAGE}?by=month&from={YESTERDAY}&to={YESTERDAY}")
    assert month["periods"][0]["period"] == YESTERDAY.isoformat()[:7]


def test_private_entries_and_views_are_not_there_for_others(site, http):
    _, tokens = site
    hidden = f"/api/v1/entries/{HIDDEN.coordinates.path()}/usage"
    assert http.get(hidden).status_code == 404
    assert asked(http, hidden, tokens[MEMBER])["total"]["verdicts"] == 60
    made = http.post("/api/v1/views", json={"name": "astro:all"}, headers=bearer(tokens[MEMBER]))
    assert made.status_code == 201
    read = http.get("/views/astro:all/SHA256SUMS", headers=bearer(tokens[MEMBER]))
    assert read.status_code == 200
    assert http.get("/api/v1/views/astro:all/usage").status_code == 404
    wait_for(
        lambda: (
            asked(http, "/api/v1/views/astro:all/usage", tokens[MEMBER])["total"]
            # Of each image by itself: a member chooses what is in the views of the group.
            == {"documents": 1, "downloads": 0, "verdicts": 1290, "imports": 0}
        )
    )
    figures = http.get("/metrics").text
    assert "marketplace_private_usage_total" not in figures and "marketplace_usage_total" in figures


def test_a_secret_view_is_counted_under_its_name(site, http):
    _, tokens = site
    made = http.post(
        "/api/v1/views", json={"name": "feed", "secret": True}, headers=bearer(tokens["root"])
    ).json()
    path = httpx.URL(made["url"]).path
    for _ in range(3):
        assert http.get(f"{path}/SHA256SUMS").status_code == 200
    assert http.get("/api/v1/views/feed/usage").status_code == 404
    wait_for(lambda: asked(http, "/api/v1/views/feed/usage", tokens["root"])["total"]["documents"] == 3)


def test_verdicts_of_a_view_are_those_of_the_images_that_it_has_now(site, http):
    _, tokens = site
    fields = {"content": "bobs", "locations": (PLACE,), "checksums": SUMS}
    bobs = signed(image(**fields), BOB, created=format_time(NOW - timedelta(hours=2)))
    upload(http, bobs)
    with closing(Database.open(site[0].database_url)) as database, database.write() as session:
        add_uses(session, number_of(YESTERDAY), {Use(UseKind.VERDICT, accept(bobs).entry_id): 25})
    for name, search in (("bob", "endorser=bob@example.org"), ("jane", "endorser=jane@example.org")):
        given = {"name": name, "search": search}
        assert http.post("/api/v1/views", json=given, headers=bearer(tokens["root"])).status_code == 201
    wait_for(lambda: asked(http, "/api/v1/views/bob")["images"] == 1)

    def verdicts(name: str, by: str, token: str | None = None) -> int:
        found = asked(http, f"/api/v1/views/{name}/usage?by={by}&to={YESTERDAY}", token)
        return found["total"]["verdicts"]

    assert (verdicts("bob", "month"), verdicts("jane", "month")) == (20, 1230)
    assert asked(http, f"/api/v1/views/bob/usage?to={YESTERDAY}", tokens["root"])["total"]["verdicts"] == 25
    # The private image of the endorser is in no view of the site, whoever asks.
    assert verdicts("jane", "day", tokens[MEMBER]) == 1230
    withdrawn = signed(image(**fields, deprecated="has a hole"), BOB, created=format_time(NOW))
    upload(http, withdrawn)
    wait_for(lambda: asked(http, "/api/v1/views/bob")["images"] == 0)
    # Of days nothing was asked and remembered before.
    assert (verdicts("bob", "day"), verdicts("jane", "day")) == (0, 1230)


def test_pages_of_views_and_publishers_show_their_usage(site, http):
    _, tokens = site
    html = {"Accept": "text/html"}
    page = http.get("/views/default", headers=html).text
    assert '<td data-label="Documents read">40</td>' in page  # 47 of yesterday, in tens
    assert 'href="/api/v1/views/default/usage?by=month' in page
    exact = http.get("/views/default", headers={**html, **bearer(tokens["root"])}).text
    assert '<td data-label="Documents read">40</td>' not in exact
    assert '<td data-label="Checks before a start">1\u202f2' in page
    publisher = http.get("/endorsers/jane@example.org", headers=html).text
    assert '<td data-label="Checks before a start">1\u202f230</td>' in publisher
    made = {"name": "unlisted", "secret": True}
    url = http.post("/api/v1/views", json=made, headers=bearer(tokens["root"])).json()["url"]
    path = httpx.URL(url).path
    assert http.get(f"{path}/SHA256SUMS").status_code == 200
    assert "/api/v1/views/" not in http.get(path, headers=html).text


def test_private_images_of_a_secret_view_are_counted_for_members_alone(site, http):
    _, tokens = site
    made = {"name": "astro:feed", "search": "endorser=jane@example.org", "secret": True}
    answer = http.post("/api/v1/views", json=made, headers=bearer(tokens[MEMBER]))
    path, html = httpx.URL(answer.json()["url"]).path, {"Accept": "text/html"}
    assert "2 images" in http.get(path, headers=html).text
    cell = '<td data-label="Checks before a start">1\u202f{}</td>'
    assert cell.format("230") in http.get(path, headers=html).text
    assert cell.format("290") in http.get(path, headers={**html, **bearer(tokens[MEMBER])}).text
    # An administrator outside the group sees how often the view was read, and nothing of its images.
    total = asked(http, "/api/v1/views/astro:feed/usage", tokens["root"])["total"]
    assert set(total) == {"documents", "downloads"}


def test_csv_has_the_same_figures(http):
    found = http.get(f"{USAGE}?media=csv")
    assert found.headers["content-type"].startswith("text/csv")
    assert http.get(USAGE, headers={"Accept": "text/csv"}).text == found.text
    table = list(csv.reader(io.StringIO(found.text, newline="")))
    assert table == [
        ["period", "verdicts", "downloads", "imports"],
        [YESTERDAY.isoformat(), "1230", "0", "0"],
    ]
    assert http.get("/api/v1/views/default/usage?media=csv").text.startswith(
        "period,documents,downloads,verdicts,imports\r\n"
    )


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("by=year", "query.by"),
        ("from=yesterday", "query.from"),
        ("from=2026-02-30", "query.from"),
        ("from=2026-03-02&to=2026-03-01", "query.from"),
        ("from=1990-01-01", "query.from"),
        ("to=0000-01-01", "query.to"),
        ("to=0001-01-01", "query.to"),
        ("to=9999-12-31", None),
        ("to=2000-01-01&by=month", None),
        ("from=2001-01-01&to=2001-01-02&by=month", None),
        ("media=xml", "query.media"),
        ("day=1", "query.unknown-parameter"),
    ],
)
def test_questions_that_make_no_sense_are_refused(http, query, code):
    answer = http.get(f"{USAGE}?{query}")
    if code is None:
        assert answer.status_code == 200 and answer.json()["periods"] == []
    else:
        assert answer.status_code == 400 and answer.json()["code"] == code, answer.text


def test_the_command_writes_tables_json_and_csv(site, http, capsysbinary, monkeypatch):
    running, _ = site
    monkeypatch.setenv("MARKETPLACE_ENDPOINT", running.url)

    def said(*words: str, code: int = 0) -> str:
        assert run(["usage", *words]) == code
        return capsysbinary.readouterr()[0 if code == 0 else 1].decode()

    assert f"{YESTERDAY}  1230" in said("jane@example.org")
    assert said(ENTRY.coordinates.path(), "-o", "csv").splitlines()[1] == f"{YESTERDAY},1230,0,0"
    assert '"documents": 40' in said("--view", "default", "-o", "json", "--to", str(YESTERDAY))
    assert "no entry" in said("nobody@example.org", code=3)
    assert "query.from" in said("jane@example.org", "--from", "x", code=2)
    assert "name an entry" in said(code=2) and "name an entry" in said("x", "--view", "y", code=2)


def test_a_killed_process_loses_only_what_it_did_not_write_yet(tmp_path):
    """Two processes over one database: the one that stops writes everything, the killed one nothing more."""
    url = f"sqlite:///{tmp_path}/store.sqlite"
    upgrade(url)
    servers = []
    for name, interval in (("one", "3600"), ("two", "3600")):
        (tmp_path / name).mkdir()
        servers.append(start(tmp_path / name, database_url=url, usage_interval=interval))
    try:
        one, two = servers
        with one.client() as http:
            upload(http, FIRST)
        for server in servers:
            with server.client() as http:
                for _ in range(5):
                    wait_for(
                        lambda: http.get(f"/api/v1/images/{ENTRY.identifier}/verdict").status_code == 200
                    )
        two.kill()
        assert one.stop() == 0
    finally:
        for server in servers:
            server.kill()
    with closing(Database.open(url)) as database, database.read() as session:
        assert session.execute(select(EntryUse.verdicts, Entry.entry_id).join(Entry)).all() == [
            (5, ENTRY.entry_id)
        ]
