"""From a private entry that nobody sees to a token for it, with a real browser and a real provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looking import take_picture, violations
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.private_site import GROUP, MEMBER, found_groups, path_of, put
from tests.functional.running import RunningServer, free_port, running_server
from tests.oidc.real import RealProvider, real_provider

SECRET = image(
    content="of members", title="For members", extra="<dcterms:accessRights>private</dcterms:accessRights>"
    f"<dcterms:audience>{GROUP}</dcterms:audience>",
)  # fmt: skip


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[tuple[RealProvider, RunningServer]]:
    """A provider at another site than the marketplace's, as it is in life."""
    port = free_port()
    with real_provider(tmp_path, f"http://127.0.0.1:{port}", "localhost") as found:
        settings = found.settings() | {
            "oidc_groups": f"/cloud/images={GROUP}",
            "oidc_title": "Example University",
            "query_enabled": "false",
        }
        data = tmp_path / "site"
        data.mkdir()
        with running_server(data, port, **settings) as site:
            yield found, site


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 1366, "height": 768}, permissions=["clipboard-read", "clipboard-write"]
    )
    context.set_default_timeout(60_000)
    complaints: list[str] = []
    opened = context.new_page()
    opened.on(
        "console",
        lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None,
    )
    yield opened
    context.close()
    assert complaints == []


def test_a_person_comes_from_the_provider_to_a_private_entry_and_makes_a_token(
    provider: tuple[RealProvider, RunningServer], page: Page
) -> None:
    at, site = provider
    at.knows({"ann": {"email": "ann@example.org", "email_verified": True, "groups": ["/cloud/images"]}})
    tokens = found_groups(site.database_url)
    with site.client() as http:
        path = f"/metadata/{path_of(put(http, signed(SECRET, make_identity()), tokens[MEMBER], GROUP))}"
    assert page.goto(site.url + path).status == 404  # nobody sees that it is there
    page.goto(f"{site.url}/login?next={path}")
    page.get_by_role("link", name="Sign in with Example University").click()
    page.wait_for_url(f"{at.url}/**")
    page.locator("[name=login]").fill("ann")
    page.locator("[name=password]").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(site.url + path)
    expect(page.get_by_role("heading", level=1)).to_have_text("For members")
    expect(page.get_by_text("Private: only members of")).to_contain_text(GROUP)
    # Signed as private: that cannot be changed here.
    expect(page.get_by_role("link", name="Make it public")).to_have_count(0)

    page.goto(site.url)
    card = page.locator(".card").filter(has_text="For members")
    expect(card.locator(".badge", has_text="private")).to_be_visible()
    page.goto(f"{site.url}/?sort=newest")
    expect(
        page.locator(".hit").filter(has_text="For members").locator(".badge", has_text="private")
    ).to_be_visible()
    page.get_by_role("link", name="Account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ann@example.org")
    page.get_by_role("link", name="Create a token").click()
    page.get_by_label("Note").fill("for a script")
    page.get_by_role("button", name="Create the token").click()
    page.get_by_role("button", name="Copy the token").click()
    secret = page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("link", name="Done").click()
    assert violations(page) == []
    take_picture(page, "account-of-a-provider-1366-light")
    # It is in force, and what a claim opens is the session's alone.
    assert status(site, path, secret) == 404
    page.get_by_role("link", name="Revoke").click()
    expect(page.get_by_role("main")).to_contain_text("Nothing happens before you press the button")
    page.get_by_role("button", name="Revoke the token").click()
    expect(page.get_by_role("row").filter(has_text="for a script")).to_contain_text("revoked")
    assert status(site, path, secret) == 401
    page.get_by_role("button", name="Sign out").click()
    assert page.goto(site.url + path).status == 404


def status(site: RunningServer, path: str, secret: str) -> int:
    """What a program gets that has a token."""
    with site.client() as script:
        return script.get(path, headers={"Authorization": f"Bearer {secret}"}).status_code
