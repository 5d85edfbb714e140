"""Private entries over HTTP: uploading to a group, seeing one's own, publishing; and nothing for others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import pytest

from marketplace.audit import AuditLog
from marketplace.db import Database
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.private_site import (
    ADMIN,
    GROUP,
    MEMBER,
    OTHER,
    OUTSIDER,
    READER,
    bearing,
    path_of,
    private_site,
    put,
)
from tests.functional.running import RunningServer
from tests.functional.test_cli import Command
from tests.waiting import wait_for

ALICE = make_identity(email="alice@example.org")
SIGNED_PRIVATE = "<dcterms:accessRights>private</dcterms:accessRights>"
FOR_ASTRO = "<dcterms:accessRights>private</dcterms:accessRights><dcterms:audience>astro</dcterms:audience>"


class Site:
    """The server, the tokens, and a client."""

    def __init__(self, running: RunningServer, tokens: dict[str, str], http: httpx.Client) -> None:
        self.running, self.tokens, self.http = running, tokens, http

    def put(self, data: bytes, owner: str | None = None, audience: str | None = None) -> httpx.Response:
        return put(self.http, data, owner and self.tokens[owner], audience)

    def get(self, path: str, owner: str | None = None, **params: str) -> httpx.Response:
        return self.http.get(path, params=params, headers=bearing(owner and self.tokens[owner]))

    def publish(self, path: str, owner: str | None) -> httpx.Response:
        headers = bearing(owner and self.tokens[owner])
        return self.http.post(f"/api/v1/entries/{path}/publish", headers=headers)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with (
        private_site(tmp_path_factory.mktemp("private")) as (running, tokens),
        running.client() as http,
    ):
        yield Site(running, tokens, http)


def document(content: str, created: str = "2024-05-01T12:00:00Z", **fields: object) -> bytes:
    return signed(image(content=content, title=f"Private {content}", **fields), ALICE, created=created)


def acts(site: Site, action: str) -> list[tuple[str, str]]:
    database = Database.open(site.running.database_url)
    try:
        with database.read() as session:
            return [(act.actor, act.subject) for act in AuditLog(session).page(action=action)]
    finally:
        database.close()


def test_members_see_what_is_uploaded_to_their_group_and_nobody_else_does(site: Site) -> None:
    data = document("first")
    path = path_of(site.put(data, MEMBER, GROUP))
    for owner in (MEMBER, READER):
        answer = site.get(f"/metadata/{path}", owner)
        assert (answer.status_code, answer.content) == (200, data)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert site.get(f"/api/v1/entries/{path}", owner).json()["seen_by"] == ["group:astro"]
    for other in (None, OUTSIDER, ADMIN):
        assert site.get(f"/metadata/{path}", other).status_code == 404
        assert site.get(f"/api/v1/entries/{path}", other).status_code == 404
    assert (MEMBER, path) in acts(site, "entry.upload")


def test_the_same_upload_again_answers_the_same_and_is_recorded_once(site: Site) -> None:
    data = document("twice")
    first, again = site.put(data, MEMBER, GROUP), site.put(data, MEMBER, GROUP)
    assert (first.status_code, first.headers["Location"]) == (again.status_code, again.headers["Location"])
    assert acts(site, "entry.upload").count((MEMBER, path_of(first))) == 1


@pytest.mark.parametrize(
    ("owner", "audience"),
    [(None, GROUP), (OUTSIDER, GROUP), (READER, GROUP), (ADMIN, GROUP), (MEMBER, OTHER), (MEMBER, "none")],
)
def test_a_group_that_is_not_yours_is_not_there(site: Site, owner: str | None, audience: str) -> None:
    mine, nowhere = (site.put(document("refused"), owner, name) for name in (audience, "no-such-group"))
    assert mine.status_code == nowhere.status_code == 404
    assert mine.content == nowhere.content


def test_what_a_group_has_neither_blocks_nor_hides_what_is_public(site: Site) -> None:
    newer = document("series", "2024-06-02T00:00:00Z", deprecated="secretly")
    older = document("series", "2024-06-01T00:00:00Z")
    twin = signed(image(content="series", title="Another"), ALICE, created="2024-06-02T00:00:00Z")
    hidden = path_of(site.put(newer, MEMBER, GROUP))
    shown = path_of(site.put(older))
    identifier = shown.partition("/")[0]
    rows = site.get("/api/v1/entries", status="all", endorser="alice@example.org").json()
    found = [row for row in rows["entries"] if row["identifier"] == identifier]
    assert [(row["created"], row["status"]) for row in found] == [("2024-06-01T00:00:00Z", "valid")]
    assert site.get(f"/api/v1/entries/{shown}").json()["current"] is True
    assert site.get(f"/api/v1/entries/{shown}", MEMBER).json()["current"] is False
    # Other bytes at the coordinates of the private entry: for everybody but the group they are free.
    assert path_of(site.put(twin)) == hidden
    assert site.get(f"/api/v1/entries/{hidden}").json()["conflicts"] == []
    assert len(site.get(f"/api/v1/entries/{hidden}", MEMBER).json()["conflicts"]) == 1


def test_a_dry_run_looks_at_the_log_that_is_uploaded_to_only(site: Site) -> None:
    site.put(document("dry", "2024-07-02T00:00:00Z"), MEMBER, GROUP)
    older = document("dry", "2024-07-01T00:00:00Z")

    def verdict(**params: str) -> str:
        headers = {"Content-Type": "application/rdf+xml", **bearing(site.tokens[MEMBER])}
        answer = site.http.post("/api/v1/verify", params=params, content=older, headers=headers)
        told: str = answer.json()["verdict"]
        return told

    assert verdict() == "accepted"
    assert verdict(audience=GROUP) == "refused"


def test_what_is_signed_as_private_goes_to_the_group_it_is_signed_for(site: Site) -> None:
    data = document("signed", extra=FOR_ASTRO)
    assert site.put(data).status_code == 400
    assert site.put(data, OUTSIDER, OTHER).status_code == 400
    path = path_of(site.put(data, MEMBER))
    assert site.get(f"/metadata/{path}").status_code == 404
    assert site.get(f"/metadata/{path}", READER).content == data


def test_nothing_makes_public_what_is_signed_as_private(site: Site) -> None:
    path = path_of(site.put(document("for ever", extra=FOR_ASTRO), MEMBER, GROUP))
    answer = site.publish(path, MEMBER)
    assert (answer.status_code, answer.json()["code"]) == (400, "audience.private")
    assert site.get(f"/metadata/{path}").status_code == 404
    assert (MEMBER, path) not in acts(site, "entry.publish")


def test_publishing_shows_an_entry_to_everybody(site: Site) -> None:
    data = document("to publish")
    path = path_of(site.put(data, MEMBER, GROUP))
    absent = site.publish("A" * 27 + "/alice@example.org/2024-05-01T12:00:00Z", None)
    for other in (None, OUTSIDER, READER, ADMIN):
        refused = site.publish(path, other)
        assert refused.status_code == absent.status_code == 404
        assert refused.json()["detail"] == absent.json()["detail"]
    first, again = site.publish(path, MEMBER), site.publish(path, MEMBER)
    assert (first.status_code, first.json()["outcome"]) == (201, "created")
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    assert site.http.get(f"/metadata/{path}").content == data
    assert site.get(f"/api/v1/entries/{path}").json()["seen_by"] == ["public"]
    assert site.get(f"/api/v1/entries/{path}", MEMBER).json()["seen_by"] == ["public", "group:astro"]
    assert acts(site, "entry.publish").count((MEMBER, path)) == 1
    # What is public can be read by everybody and published by its group only.
    assert site.publish(path, OUTSIDER).status_code == 404


def test_lists_and_searches_show_a_part_by_scope(site: Site) -> None:
    mine = path_of(site.put(document("scoped", tags=("narrow",)), MEMBER, GROUP))
    everybody = path_of(site.put(document("scope open", tags=("narrow",))))

    def listed(owner: str | None, **params: str) -> set[str]:
        found = site.get("/api/v1/entries", owner, tag="narrow", **params).json()["entries"]
        return {row["links"]["signed"].partition("/metadata/")[2] for row in found}

    def rows(owner: str | None, **params: str) -> int:
        answer = site.get("/metadata", owner, media="json", sSearch="Private scope", sEcho="1", **params)
        told: int = answer.json()["iTotalDisplayRecords"]
        return told

    assert listed(MEMBER) == listed(READER, scope="all") == {mine, everybody}
    assert listed(MEMBER, scope="mine") == listed(MEMBER, scope="group:astro") == {mine}
    assert listed(MEMBER, scope="public") == listed(None) == listed(OUTSIDER) == {everybody}
    assert listed(MEMBER, scope="group:bio") == listed(None, scope="mine") == set()
    assert listed(None, scope="group:astro") == listed(None, scope="group:no-such") == set()
    assert (rows(MEMBER), rows(MEMBER, scope="mine"), rows(MEMBER, scope="public")) == (2, 1, 1)
    assert (rows(None), rows(None, scope="public"), rows(None, scope="group:astro")) == (1, 1, 0)
    for path in ("/metadata", "/api/v1/entries"):
        assert site.get(path, MEMBER, scope="nonsense", media="json").status_code == 400

    def searched(owner: str | None) -> int:
        answer = site.get("/api/v1/search", owner, q="scoped")
        return int(answer.json()["total"]) if answer.status_code == 200 else -1

    wait_for(lambda: searched(MEMBER) == 1)
    assert searched(None) == searched(OUTSIDER) == 0


def test_a_private_answer_is_never_served_from_memory_to_others(site: Site) -> None:
    path = path_of(site.put(document("remembered"), MEMBER, GROUP))
    for _ in range(3):
        assert site.get(f"/metadata/{path}", MEMBER).status_code == 200
        answer = site.get(f"/metadata/{path}")
        assert answer.status_code == 404
        assert "Authorization" in answer.headers["Vary"]


def test_a_cookie_keeps_answers_to_its_owner(site: Site) -> None:
    path = path_of(site.put(document("cookie")))
    assert site.http.get(f"/metadata/{path}").headers["Cache-Control"].startswith("public")
    answer = site.http.get(f"/metadata/{path}", headers={"Cookie": "unknown=1"})
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_private_acts_move_no_public_figure(site: Site) -> None:
    def figures() -> tuple[list[str], object, str]:
        told = site.http.get("/metrics").text.splitlines()
        counted = [
            line for line in told if "uploads_total" in line or "POST" in line or "log_entries" in line
        ]
        return counted, site.http.get("/readyz").json(), site.http.get("/status").text

    def followers() -> Iterable[dict[str, int]]:
        told: dict[str, dict[str, int]] = site.http.get("/readyz").json()["followers"]
        return told.values()

    # What other tests made public is taken in first.
    wait_for(lambda: {one["behind"] for one in site.http.get("/readyz").json()["followers"].values()} == {0})
    before = figures()
    for n in range(3):
        site.put(document(f"figures {n}"), MEMBER, GROUP)
    assert figures() == before
    administrators = site.get("/metrics", ADMIN).text
    assert 'marketplace_private_uploads_total{code="",outcome="created"}' in administrators
    assert "marketplace_private" not in site.get("/metrics", MEMBER).text


@pytest.fixture
def command(site: Site, tmp_path: Path) -> Command:
    command = Command(tmp_path, site.running.url)
    command.environ["MARKETPLACE_TOKEN"] = site.tokens[MEMBER]
    return command


def test_the_command_uploads_to_a_group_lists_it_and_publishes(
    site: Site, command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "entry.xml"
    file.write_bytes(document("by command", tags=("command",)))
    assert command("upload", "--audience", "no-such-group", file).returncode == 3
    private = tmp_path / "private.xml"
    private.write_bytes(document("by command, signed", extra=SIGNED_PRIVATE))
    assert command("upload", private).returncode == 6
    done = command("upload", "--audience", GROUP, "-o", "id", file)
    assert done.returncode == 0, done.stderr
    path = done.stdout.decode().strip()
    assert site.get(f"/metadata/{path}").status_code == 404

    def listed(scope: str, **environ: str) -> bytes:
        listing = command("list", "--scope", scope, "--search", "by command", "-o", "id", **environ)
        told: bytes = listing.stdout
        return told

    assert path.encode() in listed("mine") and path.encode() not in listed("public")
    assert command("publish-entry", path, MARKETPLACE_TOKEN=site.tokens[READER]).returncode == 3
    published = command("publish-entry", "-o", "json", path)
    assert json.loads(published.stdout)[0]["outcome"] == "published", published.stderr
    assert site.get(f"/metadata/{path}").status_code == 200
    assert path.encode() in listed("public")


def test_what_a_group_keeps_stays_with_it_when_it_is_extended(
    site: Site, command: Command, tmp_path: Path
) -> None:
    data = document("extended", valid="2024-12-31T00:00:00Z")
    path = path_of(site.put(data, MEMBER, GROUP))
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    key.write_bytes(ALICE.key_pem())
    certificate.write_bytes(ALICE.certificate_pem)
    name = path.rpartition("/")[0]
    done = command("extend", "--until", "2099-01-01", "--key", key, "--cert", certificate, "-o", "id", name)
    assert done.returncode == 0, done.stderr
    following = done.stdout.decode().strip()
    assert following != path
    assert site.get(f"/metadata/{following}").status_code == 404
    assert site.get(f"/metadata/{following}", MEMBER).status_code == 200


def test_members_follow_the_log_of_their_group(site: Site) -> None:
    where = f"/api/v1/changes?log=group:{GROUP}"
    before = site.http.get(where, headers=bearing(site.tokens[MEMBER]))
    assert before.status_code == 200
    path = path_of(site.put(document("followed"), MEMBER, GROUP))
    known = {**bearing(site.tokens[MEMBER]), "If-None-Match": before.headers["ETag"]}
    after = site.http.get(f"{where}&since={before.json()['size']}", headers=known)
    (row,) = after.json()["changes"]
    assert "/".join((row["identifier"], row["email"], row["created"])) == path
    known["If-None-Match"] = after.headers["ETag"]
    assert site.http.get(f"{where}&since={before.json()['size']}", headers=known).status_code == 304
    # Nobody else learns of it, whatever entity tag comes along.
    for headers in ({}, {"If-None-Match": after.headers["ETag"]}):
        absent = site.http.get("/api/v1/changes?log=group:never", headers=headers)
        hidden = site.http.get(where, headers=headers)
        assert (hidden.status_code, hidden.json()["code"]) == (absent.status_code, absent.json()["code"])
        assert hidden.status_code == 404
    assert path not in site.http.get("/api/v1/changes?limit=1000").text


def test_pages_tell_members_what_is_private(site: Site) -> None:
    path = path_of(site.put(document("page"), MEMBER, GROUP))
    page = site.get(f"/metadata/{path}", MEMBER, media="html").text
    assert "only members of" in page and ">astro<" in page
    assert "Only your groups" in site.get("/", MEMBER).text
    assert "Only your groups" not in site.get("/").text
    form = site.get("/upload", MEMBER).text
    assert 'formaction="/metadata?audience=astro"' in form
    assert "audience=" not in site.get("/upload").text


def test_the_page_behind_an_upload_tells_who_sees_the_entry(site: Site) -> None:
    def page(audience: str) -> str:
        headers = {
            "Accept": "text/html",
            "Content-Type": "application/rdf+xml",
            **bearing(site.tokens[MEMBER]),
        }
        return site.http.post(f"/metadata{audience}", content=document("told"), headers=headers).text

    private = page(f"?audience={GROUP}")
    assert "Only members of" in private and "Published." not in private
    assert "Published." in page("")
