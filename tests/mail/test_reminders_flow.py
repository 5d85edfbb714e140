"""Asking for reminders, getting them and ending them, over HTTP and SMTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer, running_server
from tests.mail.server import MailServer, mail_server
from validators.document import format_time

LINK = re.compile(r"http://127\.0\.0\.1:\d+(/action/[0-9a-f-]{36}/(?:confirm|stop))\b")


@pytest.fixture(scope="module")
def post() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def site(post: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = post.settings(reminders_enabled="true", reminders_interval="0.2", query_enabled="false")
    with running_server(tmp_path_factory.mktemp("reminding"), **settings) as running:
        yield running


@pytest.fixture
def http(site: RunningServer) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


def test_reminders_are_asked_for_given_and_ended(http: httpx.Client, post: MailServer) -> None:
    now = datetime.now(UTC)
    lea = make_identity("Lea", "lea@example.org")
    draft = image(content="ends soon", title="Ends soon", valid=format_time(now + timedelta(days=5)))
    data = signed(draft, lea, now - timedelta(minutes=1))
    assert http.post("/metadata", content=data, headers={"Content-Type": "text/xml"}).status_code == 201
    answers = {
        http.post("/reminders", data={"email": email}).text.replace(email, "")
        for email in ("lea@example.org", "unknown@example.org", "lea@example.org")
    }
    assert len(answers) == 1
    (asked,) = post.mailbox.await_mail(1, "lea@example.org")
    (confirm,) = LINK.findall(asked.text)
    assert "reminders" in http.get(confirm).text
    assert http.post(confirm.replace("confirm", "stop")).status_code == 404
    assert len(post.mailbox.to("lea@example.org")) == 1
    assert http.post(confirm).status_code == 200
    assert http.post(confirm).status_code == 404
    given = post.mailbox.await_mail(3, "lea@example.org")[1:]
    subjects = sorted(mail.message["Subject"] for mail in given)
    assert "expires within 7 days" in subjects[0] and "your entries" in subjects[1]
    assert all("Ends soon" in mail.text for mail in given)
    (stop,) = LINK.findall(given[0].text)
    assert http.get(stop).status_code == 200
    assert "Reminders are stopped" in http.post(stop).text
    # It stands in other mails too, and does no harm twice.
    assert http.post(LINK.findall(given[1].text)[0]).status_code == 200
    assert post.mailbox.to("unknown@example.org") == []


@pytest.mark.parametrize("email", ["", "x", "a@b\r\nBcc: c@d", "a@b,c@d", "x" * 300 + "@example.org"])
def test_what_is_no_address_is_refused(http: httpx.Client, email: str) -> None:
    assert http.post("/reminders", data={"email": email}).status_code == 400


def test_other_sites_cannot_ask(http: httpx.Client) -> None:
    answer = http.post(
        "/reminders", data={"email": "lea@example.org"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403


def test_a_site_without_reminders_has_no_such_page(server: RunningServer) -> None:
    with server.client() as http:
        assert http.get("/reminders").status_code == 404
        assert http.post("/reminders", data={"email": "lea@example.org"}).status_code == 404
