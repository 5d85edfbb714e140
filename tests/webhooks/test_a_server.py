"""A real server tells real receivers of what happens."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from marketplace.access import Scope
from tests.databases import upgrade
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.access import bearer, form_key, found_group, from_own_page, issue_token, sign_in
from tests.functional.running import RunningServer, running_server, start
from tests.launching import COMMAND, run_text
from tests.waiting import wait_for
from tests.webhooks.receiver import hang, receiving
from validators.document import format_time

ALICE = make_identity(email="alice@example.org")
NOW = datetime.now(UTC).replace(microsecond=0)
LOOPBACK = {"webhooks_allow_private": "127.0.0.0/8"}


def upload(http: httpx.Client, data: bytes) -> None:
    answer = http.post("/metadata", content=data, headers={"Content-Type": "application/rdf+xml"})
    assert answer.status_code == 201, answer.text


def test_by_the_command_line(tmp_path: Path) -> None:
    with running_server(tmp_path, query_enabled="false", **LOOPBACK) as server, receiving() as receiver:
        made = json.loads(run_command(server, "create", receiver.url, "-o", "json"))
        name, secret = made["name"], made["secret"]
        run_command(server, "test", name)
        assert receiver.wait(1)[0].verified(secret)["type"] == "webhook.test"
        with server.client() as http:
            upload(http, document("Spread", 2))
            received = receiver.wait(2)[1]
            told = received.verified(secret)
            assert (told["type"], told["id"]) == ("entry.accepted", received.event_id)
            assert told["data"]["sentence"] == "alice@example.org endorsed Spread."
            (event,) = http.get("/api/v1/events").json()["events"]
            assert event == told  # the page, the interface and webhooks have one source
        wait_for(lambda: json.loads(run_command(server, "show", name, "-o", "json"))["sent"] == 2)
        shown = json.loads(run_command(server, "deliveries", name, "-o", "json"))
        assert [one["status"] for one in shown] == [204, 204]
        run_command(server, "redeliver", name, received.event_id)
        assert receiver.wait(3)[2].event_id == received.event_id
        assert secret not in run_command(server, "list", "-o", "json")
        assert json.loads(run_command(server, "rotate", name, "-o", "json"))["secret"] != secret
        changed = run_command(
            server, "change", name, "--kind", "entry.accepted", "--tag", "lts", "-o", "json"
        )
        assert (json.loads(changed)["kinds"], json.loads(changed)["tag"]) == (["entry.accepted"], "lts")
        changed = run_command(
            server, "change", name, "--kind", "", "--tag", "", "--description", "new", "-o", "json"
        )
        told = json.loads(changed)
        assert (told["kinds"], told["tag"], told["description"]) == ([], None, "new")
        (tmp_path / "secret").write_text(f"{secret}\n")
        again = run_command(server, "rotate", name, "--secret-file", str(tmp_path / "secret"), "-o", "json")
        assert json.loads(again)["secret"] == secret
        run_command(server, "disable", name)
        assert json.loads(run_command(server, "list", "-o", "json"))[0]["state"] == "disabled"
        run_command(server, "enable", name)
        run_command(server, "delete", name)
        assert "webhook.unknown" in run_command(server, "show", name, fails=3)
        assert "https address" in run_command(server, "create", "http://example.org/", fails=2)
        assert "--owner" in run_command(server, "create", receiver.url, "--group", "x", fails=2)
        assert secret.removeprefix("whsec_") not in server.log.read_text()


def test_by_the_interface_and_by_pages(tmp_path: Path) -> None:
    with running_server(tmp_path, query_enabled="false", **LOOPBACK) as server, receiving() as receiver:
        found_group(server, "astro", "ann@example.org")
        ann, mallory = (
            issue_token(server, f"{name}@example.org", [Scope.READ, Scope.UPLOAD])
            for name in ("ann", "mallory")
        )
        boss = issue_token(server, "boss@example.org", [Scope.ADMIN])
        with server.client() as http:

            def make(token: str, audience: str, **given: object) -> httpx.Response:
                asked = {"url": receiver.url, "audience": audience, **given}
                return http.post("/api/v1/webhooks", json=asked, headers=bearer(token))

            assert http.post("/api/v1/webhooks", json={}).status_code == 401
            for token, audience in (
                (mallory, "group:astro"),
                (mallory, "group:none"),
                (ann, "site"),
                (ann, "x"),
            ):
                refused = make(token, audience)
                assert (refused.status_code, refused.json()["code"]) == (400, "webhook.definition")
            faulty = make(boss, "site", kinds=["x"])
            assert "kinds are entry.accepted" in faulty.json()["detail"]
            assert make(boss, "site", view="nothing").json()["detail"] == "there is no view 'nothing'"
            mine = make(ann, "group:astro").json()
            where = f"/api/v1/webhooks/{mine['name']}"
            answer = http.post(
                "/metadata?audience=astro",
                content=document("Private", 3),
                headers={"Content-Type": "application/rdf+xml", **bearer(ann)},
            )
            assert answer.status_code == 201, answer.text
            told = receiver.wait(1)[0].verified(mine["secret"])
            assert told["data"]["entry"]["title"] == "Private"
            assert http.get("/api/v1/events").json()["events"] == []
            assert http.get("/api/v1/events", headers=bearer(mallory)).json()["events"] == []
            (seen,) = http.get("/api/v1/events", headers=bearer(ann)).json()["events"]
            assert seen == told
            after = http.get(f"/api/v1/events?after={seen['id']}")
            assert (after.status_code, after.json()["code"]) == (404, "event.unknown")

            # Changed as a whole: what is left out is empty then.
            given = {"url": f"{receiver.url}?new", "kinds": ["entry.accepted"], "enabled": False}
            changed = http.put(where, json=given, headers=bearer(ann)).json()
            assert (changed["url"], changed["state"], changed["enabled"], changed["audience"]) == (
                given["url"], "disabled", False, "group:astro",
            )  # fmt: skip
            given = {"url": receiver.url, "enabled": True, "secret": mine["secret"]}
            changed = http.put(where, json=given, headers=bearer(ann)).json()
            assert (changed["kinds"], changed["state"], changed["former_secret_until"]) == ([], "ok", None)
            for by, wrong, status, code in (
                (boss, {"url": receiver.url}, 403, "webhook.owner"),
                (mallory, {"url": receiver.url}, 404, "webhook.unknown"),
                (ann, {"url": "https://10.0.0.1/"}, 400, "webhook.definition"),
                (ann, {"url": receiver.url, "audience": "own"}, 400, "webhook.definition"),
                (ann, {"url": receiver.url, "secret": "hunter2"}, 400, "webhook.definition"),
                (ann, {"url": receiver.url, "enabled": "no"}, 400, "body.member"),
                (ann, {"url": receiver.url, "paused": True}, 400, "body.member"),
                (ann, {}, 400, "body.member"),
            ):
                refused = http.put(where, json=wrong, headers=bearer(by))
                assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
            assert http.get(where, headers=bearer(ann)).json() == changed

            # Who else may know of it, and what can be done with it.
            assert http.get(where, headers=bearer(mallory)).status_code == 404
            assert http.get("/api/v1/webhooks", headers=bearer(mallory)).json()["total"] == 0
            assert http.get("/api/v1/webhooks", headers=bearer(boss)).json()["total"] == 1
            assert "secret" not in http.get(where, headers=bearer(ann)).json()
            http.post(f"{where}/test", headers=bearer(ann))
            assert receiver.wait(2)[1].told["type"] == "webhook.test"
            renewed = http.post(f"{where}/rotate", headers=bearer(ann)).json()["secret"]
            again = http.post(f"{where}/deliveries/{seen['id']}/redeliver", headers=bearer(ann))
            assert (again.status_code, again.json()["state"]) == (200, "waiting")
            assert receiver.wait(3)[2].verified(renewed)["id"] == seen["id"]
            wait_for(lambda: http.get(where, headers=bearer(ann)).json()["deliveries"]["sent"] == 2)
            log = http.get(f"{where}/deliveries?limit=1", headers=bearer(ann)).json()
            assert (log["total"], log["deliveries"][0]["status"], log["next"] is not None) == (2, 204, True)

            # A view as a filter: its entries, and their end.
            view = {"name": "debian", "search": "os=debian"}
            assert http.post("/api/v1/views", json=view, headers=bearer(boss)).status_code == 201
            viewed = make(boss, "site", view="debian").json()
            view = {"name": "worded", "search": "q=viewed"}
            assert http.post("/api/v1/views", json=view, headers=bearer(boss)).status_code == 201
            worded = make(boss, "site", view="worded", url=f"{receiver.url}?worded").json()
            for hours, said in (
                (9, {"os": "fedora"}),
                (8, {"os": "debian"}),
                (7, {"deprecated": "hole", "os": "debian"}),
            ):
                upload(http, document("Viewed", hours, **said))
            came = receiver.wait(8)[3:]
            told = [one.verified(viewed["secret"]) for one in came if "worded" not in one.path]
            assert [one["type"] for one in told] == ["entry.accepted", "entry.deprecated"]
            # Words are looked up in an index that comes after the events: none is missed.
            told = [one.verified(worded["secret"]) for one in came if "worded" in one.path]
            assert [one["type"] for one in told] == ["entry.accepted"] * 2 + ["entry.deprecated"]

        with server.client() as browser:
            sign_in(browser, server, ann)
            html = {"Accept": "text/html"}
            form = browser.get("/webhooks/new", headers=html).text
            given = {
                "key": form_key(form),
                "url": receiver.url,
                "audience": "own",
                "kind.entry.deprecated": "on",
            }
            given |= {"view": "", "endorser": "", "tag": "", "description": "<b>mine</b>"}
            sent = browser.post("/webhooks/new", data=given, headers={**html, **from_own_page(server)})
            assert (sent.status_code, "whsec_" in sent.text) == (200, True), sent.text
            assert sent.headers["Cache-Control"] == "no-store"
            wrong = browser.post(
                "/webhooks/new", data={**given, "url": "http://x"}, headers={**html, **from_own_page(server)}
            )
            assert wrong.status_code == 400
            assert (
                '<p class="fault" id="fault-url" dir="auto">Address has to be an https address' in wrong.text
            )
            assert 'aria-describedby="fault-url help-url" aria-invalid="true"' in wrong.text
            listed = browser.get("/webhooks", headers=html).text
            assert "&lt;b&gt;mine" in listed
            assert "whsec_" not in listed
            one = browser.get(f"/webhooks/{mine['name']}", headers=html).text
            assert seen["id"] in one
            assert 'name="q" value=""' in one or "('" not in one
            form = browser.get(f"/webhooks/{mine['name']}/change", headers=html).text
            assert f'value="{receiver.url}"' in form
            given = {"key": form_key(form), "url": receiver.url, "kind.entry.accepted": "on"}
            given |= {"view": "", "endorser": "nobody", "tag": "", "description": "mine"}
            where = f"/webhooks/{mine['name']}/change"
            wrong = browser.post(where, data=given, headers={**html, **from_own_page(server)})
            assert (wrong.status_code, 'id="fault-endorser"' in wrong.text) == (400, True)
            sent = browser.post(
                where, data={**given, "endorser": ""}, headers={**html, **from_own_page(server)}
            )
            assert sent.status_code == 303, sent.text
            one = browser.get(f"/webhooks/{mine['name']}", headers=html).text
            assert '<h1 dir="auto">mine</h1>' in one
            assert "<dd>Endorsed</dd>" in one
            ask = browser.get(f"/webhooks/{mine['name']}/delete", headers=html).text
            gone = browser.post(
                f"/webhooks/{mine['name']}/delete",
                data={"key": form_key(ask)},
                headers={**html, **from_own_page(server)},
            )
            assert (gone.status_code, gone.headers["Location"].endswith("/webhooks")) == (303, True)
            page = browser.get("/events", headers=html).text
            assert "ann" not in page.partition("<main")[2].partition("astro")[0] or "Private" in page
            assert "endorsed Private." in page
        with server.client() as http:
            assert "endorsed Private." not in http.get("/events", headers={"Accept": "text/html"}).text


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_between_the_receiver_and_the_note_another_process_sends_it_again(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    settings = {"query_enabled": "false", "webhooks_timeout": "1", **LOOPBACK}
    if kind == "postgresql":
        settings["database_url"] = request.getfixturevalue("postgres_url")
        upgrade(settings["database_url"])
    command = partial(run_command, database_url=settings.get("database_url"))
    end = threading.Event()
    with running_server(tmp_path, **settings) as server, receiving() as receiver:
        made = json.loads(command(server, "create", receiver.url, "-o", "json"))
        with server.client() as http:
            upload(http, document("First", 3))
        receiver.wait(1)
        beside = start(tmp_path, **settings)
        try:
            receiver.behaviours.append(hang(end))
            with beside.client() as http:
                upload(http, document("Second", 2))
            came = receiver.wait(2)[1]
            server.kill()
            end.set()
            again = receiver.wait(3)[2]
            assert again.event_id == came.event_id
            assert again.verified(made["secret"])["data"]["entry"]["title"] == "Second"
            with beside.client() as http:
                upload(http, document("Third", 1))
            assert receiver.wait(4)[3].told["data"]["entry"]["title"] == "Third"
            wait_for(lambda: json.loads(command(beside, "show", made["name"], "-o", "json"))["waiting"] == 0)
            assert len(receiver.came) == 4
        finally:
            end.set()
            beside.stop()


def document(title: str, hours: int, **said: str) -> bytes:
    about = f"{title} {said.get('os', '')}"
    return signed(
        image(content=about, title=title, **said), ALICE, created=format_time(NOW - timedelta(hours=hours))
    )


def run_command(
    server: RunningServer, *arguments: str, fails: int = 0, database_url: str | None = None
) -> str:
    """What ``marketplace webhook`` writes, run beside the server."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
    environ |= {"MARKETPLACE_DATA": str(server.data), "MARKETPLACE_WEBHOOKS_ALLOW_PRIVATE": "127.0.0.0/8"}
    if database_url is not None:
        environ["MARKETPLACE_DATABASE_URL"] = database_url
    done = run_text([*COMMAND, "webhook", *arguments], environ)
    assert done.returncode == fails, done.stderr
    return done.stdout if fails == 0 else done.stderr
