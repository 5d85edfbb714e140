"""The whole way over HTTP: upload, mail, link, log; with a real server and a real SMTP server."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from marketplace.cli import run
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer, running_server
from tests.mail.server import WAIT_SECONDS, MailServer, mail_server
from tests.mail.uploading import LINK, RDF, document, links, listed, person, upload
from validators import accept


@pytest.fixture(scope="module")
def post() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def site(post: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that asks endorsers by mail; every test signs as somebody else."""
    settings = post.settings(upload_confirm_email="true", query_enabled="false")
    with running_server(tmp_path_factory.mktemp("confirming"), **settings) as running:
        yield running


@pytest.fixture
def http(site: RunningServer) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


def confirmed(http: httpx.Client) -> list[dict[str, Any]]:
    """What is found as confirmed by mail, as soon as anything is."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found: list[dict[str, Any]] = http.get("/api/v1/entries?trust=confirmed").json()["entries"]
        if found:
            return found
        time.sleep(0.1)  # between two looks at another process
    raise AssertionError("nothing was found")


def test_an_upload_waits_until_its_endorser_presses_the_button(
    http: httpx.Client, post: MailServer, site: RunningServer
) -> None:
    ann = person("ann")
    data = document(ann, "first", title="A title that no mail tells")
    answer = upload(http, data)
    assert (answer.status_code, answer.headers["Content-Type"]) == (202, "text/plain; charset=UTF-8")
    assert "ann@people.example.org" in answer.text and "Location" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert listed(http, "ann@people.example.org") == 0
    (mail,) = post.mailbox.await_mail(1, "ann@people.example.org")
    assert mail.message["From"].addresses[0].addr_spec == "marketplace@example.org"
    assert "title that no mail" not in mail.text
    where = links(post.mailbox, "ann@people.example.org")
    assert set(where) == {"confirm", "abort", "abuse"}
    # Whatever opens links changes nothing by it.
    for path in where.values():
        for method in ("GET", "HEAD", "OPTIONS"):
            assert http.request(method, path).status_code in (200, 204)
    page = http.get(where["confirm"])
    assert "A title that no mail tells" not in page.text and "<form" in page.text
    assert page.headers["Cache-Control"] == "no-store" and "ETag" not in page.headers
    assert listed(http, "ann@people.example.org") == 0
    done = http.post(where["confirm"])
    assert done.status_code == 200 and "The entry is accepted" in done.text
    assert listed(http, "ann@people.example.org") == 1
    # Used up, each of the three, and like a link that never was.
    never = http.post(re.sub("[0-9a-f]{36}", "0" * 36, where["confirm"]))
    for path in where.values():
        for used in (http.get(path), http.post(path)):
            assert used.status_code == 404
            assert re.sub("<code>[0-9a-f]{32}</code>", "", used.text) == re.sub(
                "<code>[0-9a-f]{32}</code>", "", never.text
            )
    decision = f"/api/v1/entries/{accept(data).coordinates.path()}/decision"
    assert http.get(decision).json()["email_confirmed"] is True
    shown = http.get(f"/metadata/{accept(data).coordinates.path()}", headers={"Accept": "text/html"}).text
    assert "e-mail confirmed" in shown
    (one,) = confirmed(http)
    assert one["email"] == "ann@people.example.org"
    assert one["verdict"]["confirmed"] and one["verdict"]["standing"] == "self-signed"
    counts = http.get("/api/v1/search").json()["facets"]["trust"]
    assert [count["count"] for count in counts if count["value"] == "confirmed"] == [1]
    assert "e-mail confirmed" in http.get("/", params={"trust": "confirmed"}).text
    # The same bytes again are there already; this certificate is asked no more.
    assert upload(http, data).status_code == 201
    assert upload(http, document(ann, "second")).status_code == 201
    assert len(post.mailbox.to("ann@people.example.org")) == 1
    secret = where["confirm"].split("/")[2]
    site.await_log(path="/action/-/confirm", method="POST")
    assert secret not in site.log.read_text()


def test_a_mail_holds_no_word_of_a_certificate_that_nobody_proved(
    http: httpx.Client, post: MailServer
) -> None:
    zoe = make_identity("You won: see prize.evil.example", "zoe@people.example.org")
    data = document(zoe, "bait")
    assert upload(http, data).status_code == 202
    (mail,) = post.mailbox.await_mail(1, "zoe@people.example.org")
    assert not [word for word in ("won", "prize", "evil") if word in mail.text]
    assert accept(data).signer.fingerprint in mail.text
    # Who follows the link sees whose certificate it is.
    assert "prize.evil.example" in http.get(links(post.mailbox, "zoe@people.example.org")["confirm"]).text


def test_a_new_certificate_of_a_known_address_is_asked_again(http: httpx.Client, post: MailServer) -> None:
    old, new = person("bob"), person("bob", variant=1)
    assert upload(http, document(old, "one")).status_code == 202
    assert http.post(links(post.mailbox, "bob@people.example.org")["confirm"]).status_code == 200
    assert upload(http, document(old, "two")).status_code == 201
    assert upload(http, document(new, "three")).status_code == 202
    assert listed(http, "bob@people.example.org") == 2


def test_the_same_bytes_again_while_they_wait_cause_no_second_mail(
    http: httpx.Client, post: MailServer
) -> None:
    data = document(person("carl"), "once")
    answers = [upload(http, data) for _ in range(3)]
    assert [one.status_code for one in answers] == [202] * 3
    assert len({one.text for one in answers}) == 1
    assert upload(http, document(person("carl"), "twice")).status_code == 202
    assert len(post.mailbox.await_mail(2, "carl@people.example.org")) == 2


def test_a_dry_run_says_that_somebody_would_be_asked(
    http: httpx.Client,
    site: RunningServer,
    post: MailServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    quin, mails = person("quin"), len(post.mailbox.received)
    data = document(quin, "quin's image")
    (tmp_path / "signed.xml").write_bytes(data)

    def tried() -> tuple[str, str | None, str]:
        report = http.post("/api/v1/verify", content=data, headers=RDF).json()
        gate = report["steps"][-1]
        assert gate["outcome"] == ("failed" if report["verdict"] == "refused" else "passed")
        return report["verdict"], gate["code"], gate["message"]

    def asked() -> tuple[int, str]:
        code = run(["upload", "--endpoint", site.url, "--dry-run", str(tmp_path / "signed.xml")])
        return code, capsys.readouterr().out

    verdict, code, message = tried()
    assert (verdict, code) == ("held", "gate.confirmation")
    assert "quin@people.example.org" in message
    shown = http.post("/upload", files={"entry": ("signed.xml", data, "application/rdf+xml")}).text
    assert "would wait for confirmation" in shown
    assert "can be uploaded" not in shown
    assert "would wait" in asked()[1]
    assert upload(http, data).status_code == 202
    assert tried()[0] == "held", "it waits already"
    found = links(post.mailbox, "quin@people.example.org")
    assert len(post.mailbox.received) == mails + 1, "a dry run sends nothing"
    http.post(found["confirm"], data={})
    assert tried()[:2] == ("accepted", "gate.unchanged")
    data = document(quin, "quin's other image")
    (tmp_path / "signed.xml").write_bytes(data)
    assert tried() == ("accepted", None, "The upload would be accepted.")
    assert "would be accepted" in asked()[1]


def test_nobody_is_bombed_with_mail(http: httpx.Client, post: MailServer) -> None:
    spellings = ["dora", "Dora", "d.o.r.a", "dora+1", "dora+2"]
    for n, spelling in enumerate(spellings):
        anybody = make_identity(f"attacker {n}", f"{spelling}@people.example.org")
        assert upload(http, document(anybody, f"bomb {n}")).status_code == 202
    for n in range(3):
        attacker = make_identity(f"attacker {n}", f"dora+more{n}@people.example.org")
        refused = upload(http, document(attacker, f"one more {n}"), "application/problem+json")
        assert (refused.status_code, refused.json()["code"]) == (429, "confirmation.too-many")
        assert int(refused.headers["Retry-After"]) > 0
    assert upload(http, document(person("doris"), "not affected")).status_code == 202
    post.mailbox.await_mail(1, "doris@people.example.org")
    dora = [one for one in post.mailbox.received if one.recipient.lower().replace(".", "").startswith("dora")]
    assert len(dora) == 5


def test_what_the_gate_refuses_is_refused_at_once_and_nobody_is_asked(
    http: httpx.Client, post: MailServer
) -> None:
    eva = person("eva")
    ahead = upload(http, document(eva, "ahead", ago=-3600), "application/problem+json")
    assert (ahead.status_code, ahead.json()["code"]) == (400, "gate.created-in-future")
    assert upload(http, b"<no/>").status_code == 400
    expired = make_identity("eva", "eva@people.example.org", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    assert upload(http, document(expired, "expired")).status_code == 400
    assert upload(http, document(eva, "good")).status_code == 202
    assert len(post.mailbox.await_mail(1, "eva@people.example.org")) == 1


def test_a_confirmed_entry_meets_the_gate_again(http: httpx.Client, post: MailServer) -> None:
    fay = person("fay")
    assert upload(http, document(fay, "moving", ago=600)).status_code == 202
    assert upload(http, document(fay, "moving", ago=60)).status_code == 202
    older, newer = (
        {action: path for path, _, action in LINK.findall(mail.text)}
        for mail in post.mailbox.await_mail(2, "fay@people.example.org")
    )
    assert http.post(newer["confirm"]).status_code == 200
    late = http.post(older["confirm"])
    assert late.status_code == 200 and "gate.older-than-latest" in late.text
    assert listed(http, "fay@people.example.org") == 1
    assert http.post(older["confirm"]).status_code == 404


def test_a_withdrawn_upload_is_forgotten_and_may_come_again(http: httpx.Client, post: MailServer) -> None:
    gus = person("gus")
    data = document(gus, "withdrawn")
    assert upload(http, data).status_code == 202
    where = links(post.mailbox, "gus@people.example.org")
    assert "was deleted" in http.post(where["abort"]).text
    assert http.post(where["confirm"]).status_code == 404
    assert upload(http, data).status_code == 202
    again = links(post.mailbox, "gus@people.example.org", 2)
    assert again["confirm"] != where["confirm"]
    assert http.post(again["confirm"]).status_code == 200
    assert listed(http, "gus@people.example.org") == 1


def test_abuse_freezes_the_upload_and_its_certificate_and_tells_the_operator(
    http: httpx.Client, post: MailServer
) -> None:
    forger = make_identity("forger", "hal@people.example.org")
    assert upload(http, document(forger, "forged")).status_code == 202
    where = links(post.mailbox, "hal@people.example.org")
    assert "frozen" in http.post(where["abuse"]).text
    told = post.mailbox.await_mail(1, "operator@example.org")[-1]
    assert "hal@people.example.org" in told.text and "marketplace pending" in told.text
    again = document(forger, "forged again")
    report = http.post("/api/v1/verify", content=again, headers=RDF).json()
    assert (report["verdict"], report["steps"][-1]["code"]) == ("refused", "confirmation.frozen")
    assert not LINK.search(told.text)
    assert [http.post(where[action]).status_code for action in ("confirm", "abort", "abuse")] == [404] * 3
    refused = upload(http, document(forger, "forged again"), "application/problem+json")
    assert (refused.status_code, refused.json()["code"]) == (403, "confirmation.frozen")


def test_other_sites_cannot_press_the_button(http: httpx.Client, post: MailServer) -> None:
    assert upload(http, document(person("ida"), "csrf")).status_code == 202
    where = links(post.mailbox, "ida@people.example.org")
    for origin in ("cross-site", "same-site"):
        assert http.post(where["confirm"], headers={"Sec-Fetch-Site": origin}).status_code == 403
    assert http.get(where["confirm"], headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
    assert http.post(where["confirm"], headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/action/x/confirm",
        "/action/%00/confirm",
        "/action/%ff/confirm",
        "/action/" + "a" * 3000 + "/confirm",
        "/action/00000000-0000-0000-0000-000000000000/confirm",
        "/action/00000000-0000-0000-0000-000000000000/destroy",
        "/action/%7B00000000-0000-0000-0000-000000000000%7D/abort",
    ],
)
def test_odd_links_are_refused_politely(http: httpx.Client, path: str) -> None:
    for method in ("GET", "POST"):
        assert http.request(method, path).status_code in (400, 404)
    assert http.put(path).status_code in (400, 405)
