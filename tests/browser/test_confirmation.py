"""The pages behind links in mails, and asking for reminders: seen, read and pressed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opener
from tests.browser.looking import NARROW, WIDE, check_schemes
from tests.browser.test_upload import choose
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer, running_server
from tests.mail.server import MailServer, mail_server

LINK = re.compile(r"(/action/[0-9a-f-]{36}/(confirm|abort|abuse|stop))\b")


@pytest.fixture(scope="module")
def post() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def site(post: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that asks by mail."""
    settings = post.settings(
        upload_confirm_email="true",
        reminders_enabled="true",
        reminders_interval="3600",
        query_enabled="false",
    )
    with running_server(tmp_path_factory.mktemp("asking"), **settings) as running:
        yield running


def upload(opened: object, name: str, content: str) -> None:
    identity = make_identity(name, f"{name}@browser.example.org")
    data = signed(image(content=content), identity, datetime.now(UTC) - timedelta(minutes=1))
    opened.go("/upload")
    choose(opened.page, data)
    opened.page.get_by_role("button", name="Upload", exact=True).click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Check your inbox")
    expect(opened.page.get_by_text(f"{name}@browser.example.org")).to_be_visible()


def links(post: MailServer, to: str) -> dict[str, str]:
    (mail,) = post.mailbox.await_mail(1, to)[-1:]
    return {action: path for path, action in LINK.findall(mail.text)}


def check(opened: object, name: str) -> None:
    """Accessible, within its frame, and pictured."""
    assert opened.page.locator("h1").count() == 1
    check_schemes(opened.page, name)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_an_upload_is_confirmed_by_pressing_the_button(visit: Opener, post: MailServer, width: int) -> None:
    opened = visit(width=width)
    upload(opened, f"anna{width}", f"anna {width}")
    check(opened, "held")
    opened.go(links(post, f"anna{width}@browser.example.org")["confirm"])
    check(opened, "confirm")
    opened.page.get_by_role("button", name="Confirm the upload").click()
    expect(opened.page.get_by_role("status")).to_have_text("The entry is accepted.")
    check(opened, "confirmed")
    opened.page.get_by_role("link", name="See your entries").click()
    expect(opened.page.get_by_role("heading", level=1)).to_contain_text(f"anna{width}@browser.example.org")


@pytest.mark.parametrize(
    ("action", "button", "said"),
    [
        ("abort", "Delete the upload", "was deleted"),
        ("abuse", "Report the upload", "operators have been informed"),
    ],
)
def test_an_upload_is_withdrawn_or_reported_without_scripts(
    visit: Opener, post: MailServer, action: str, button: str, said: str
) -> None:
    opened = visit(script=False)
    upload(opened, f"bert.{action}", action)
    path = links(post, f"bert.{action}@browser.example.org")[action]
    opened.go(path)
    opened.page.get_by_role("button", name=button).click()
    expect(opened.page.get_by_role("status")).to_contain_text(said)
    opened.go(path, 404)
    expect(opened.page.get_by_text("this link has expired")).to_be_visible()


def test_nobody_can_frame_the_button(visit: Opener, post: MailServer) -> None:
    opened = visit()
    upload(opened, "clickjacked", "clickjacked")
    path = links(post, "clickjacked@browser.example.org")["confirm"]
    answer = opened.page.request.get(opened.site + path)
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert 'name="referrer" content="no-referrer"' in answer.text()


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_reminders_are_asked_for_on_a_page(visit: Opener, width: int) -> None:
    opened = visit(width=width)
    opened.go("/reminders")
    check(opened, "reminders")
    opened.page.get_by_label("E-mail address of your entries").fill("somebody@example.org")
    opened.page.get_by_role("button", name="Send confirmation").click()
    expect(opened.page.get_by_role("status")).to_contain_text("somebody@example.org")
    check(opened, "reminders-asked")
