"""Uploads that wait for a word by mail, at sites of other settings: mail down, several servers, groups."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.databases import upgrade
from tests.functional.private_site import GROUP, MEMBER, bearing, private_site, put
from tests.functional.running import running_server
from tests.mail.server import WAIT_SECONDS, mail_server
from tests.mail.uploading import LINK, document, links, listed, person, upload
from validators import accept


def test_smtp_down_uploads_wait_and_the_mail_goes_later(tmp_path: Path) -> None:
    with mail_server() as post:
        post.stop()
        settings = post.settings(upload_confirm_email="true", query_enabled="false")
        with running_server(tmp_path, **settings) as site:
            with site.client() as http:
                assert upload(http, document(person("jon"), "patient")).status_code == 202
                assert http.get("/readyz").status_code == 200
            # Owed durably: a power cut does not lose it.
            site.kill()
        post.start()
        with running_server(tmp_path, **settings) as site, site.client() as http:
            assert http.post(links(post.mailbox, "jon@people.example.org")["confirm"]).status_code == 200
            assert listed(http, "jon@people.example.org") == 1


def test_several_servers_on_one_database_send_each_mail_once(tmp_path: Path) -> None:
    with mail_server() as post, ExitStack() as stack:
        settings = post.settings(
            upload_confirm_email="true",
            query_enabled="false",
            database_url=f"sqlite:///{tmp_path / 'shared.sqlite'}",
        )
        upgrade(settings["database_url"])
        sites = []
        for name in "abc":
            (tmp_path / name).mkdir()
            sites.append(stack.enter_context(running_server(tmp_path / name, **settings)))
        names = [f"many{n}" for n in range(12)]
        for n, name in enumerate(names):
            with sites[n % 3].client() as http:
                assert upload(http, document(person(name), name)).status_code == 202
        post.mailbox.await_mail(len(names))
        # Any server takes the confirmation of an upload to any other.
        with sites[0].client() as http:
            for name in names:
                confirm = links(post.mailbox, f"{name}@people.example.org")["confirm"]
                assert http.post(confirm).status_code == 200
        assert sorted(one.recipient for one in post.mailbox.received) == sorted(
            f"{name}@people.example.org" for name in names
        )


def test_an_unconfirmed_upload_is_forgotten_in_time(tmp_path: Path) -> None:
    with mail_server() as post:
        settings = post.settings(
            upload_confirm_email="true", query_enabled="false", upload_confirm_days="0.00002"
        )
        with running_server(tmp_path, **settings) as site, site.client() as http:
            data = document(person("kim"), "late")
            assert upload(http, data).status_code == 202
            where = links(post.mailbox, "kim@people.example.org")
            deadline = time.monotonic() + WAIT_SECONDS
            while http.get(where["confirm"]).status_code == 200 and time.monotonic() < deadline:
                time.sleep(0.1)  # between two looks at another process
            assert http.post(where["confirm"]).status_code == 404
            assert listed(http, "kim@people.example.org") == 0


def test_an_upload_to_a_group_is_asked_for_alike_and_leaks_nowhere(tmp_path: Path) -> None:
    """Mail, pages and answers of a private upload are those of a public one, and nobody else sees a trace."""
    with mail_server() as post:
        settings = post.settings(upload_confirm_email="true", query_enabled="false")
        with private_site(tmp_path, **settings) as (site, tokens), site.client() as http:
            mia, ned = person("mia"), person("ned")
            secret = document(mia, "private", title="Hush hush")
            seen = _everything(http, "mia@people.example.org", secret)
            private = put(http, secret, tokens[MEMBER], GROUP)
            public = put(http, document(ned, "public", title="Hush hush"))
            assert private.status_code == public.status_code == 202
            assert _blind(private.text, "mia") == _blind(public.text, "ned")
            mails = [post.mailbox.await_mail(1, f"{name}@people.example.org")[0] for name in ("mia", "ned")]
            told = [_blind(mail.text, name) for mail, name in zip(mails, ("mia", "ned"), strict=True)]
            assert told[0] == told[1]
            where = [{action: path for path, _, action in LINK.findall(mail.text)} for mail in mails]
            for act in (http.get, http.post):
                pages = [act(links_["confirm"]).text for links_ in where]
                assert _blind(pages[0], "mia") == _blind(pages[1], "ned")
                for text in (pages[0], mails[0].text, private.text):
                    assert GROUP not in text and "Hush" not in text and accept(secret).identifier not in text
            assert _everything(http, "mia@people.example.org", secret) == seen
            path = f"/metadata/{accept(secret).coordinates.path()}"
            assert http.get(path).status_code == 404
            assert http.get(path, headers=bearing(tokens[MEMBER])).status_code == 200
            assert put(http, secret, tokens[MEMBER], GROUP).status_code == 201


def _blind(text: str, name: str) -> str:
    """A text without what tells one upload from another of the same kind."""
    text = text.replace(f"{name}@people.example.org", "EMAIL").replace(f"CN={name},", "CN=NAME,")
    text = re.sub(r"[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "HEX", text)
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)


def _everything(http: httpx.Client, email: str, data: bytes) -> list[object]:
    """What an outsider can learn about an endorser's entry."""
    paths = [
        f"/metadata/{email}",
        f"/endorsers/{email}",
        f"/api/v1/endorsers/{email}",
        f"/metadata/{accept(data).coordinates.path()}",
        "/api/v1/search?q=hush",
    ]
    answers = [http.get(path, headers={"X-Request-Id": "always-the-same"}) for path in paths]
    mail = [line for line in http.get("/metrics").text.splitlines() if "_mail" in line and "ned" not in line]
    return [(one.status_code, one.text, one.headers.get("ETag")) for one in answers] + [len(mail)]
