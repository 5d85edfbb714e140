"""Signing in, looking at the account, revoking, signing out: in a browser, with and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from marketplace.access import Scope
from tests.browser.conftest import Opener
from tests.browser.looking import check_forms
from tests.functional.access import found_group, issue_token, token_name
from tests.functional.running import RunningServer


@pytest.mark.parametrize("script", [True, False])
def test_a_token_signs_in_and_out_again(visit: Opener, site: RunningServer, script: bool) -> None:
    secret = issue_token(site, f"browser-{script}@example.org".lower())
    spare = issue_token(site, f"browser-{script}@example.org".lower(), [Scope.READ])
    opened = visit(script=script)
    page = opened.page
    opened.go("/account", 401)
    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    page.get_by_label("Token").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"browser-{script}@example.org".lower())
    expect(page.get_by_role("banner")).to_contain_text("Account")
    assert secret not in page.content()
    page.get_by_role("link", name=f"Revoke {token_name(spare)}").click()
    expect(page.get_by_role("main")).to_contain_text("Nothing happens before you press the button")
    page.get_by_role("button", name="Revoke the token").click()
    expect(page.get_by_role("row").filter(has_text=token_name(spare))).to_contain_text("revoked")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("banner")).to_contain_text("Sign in")
    opened.go("/account", 401)


def test_the_pages_of_an_account_are_accessible_and_fit_a_phone(visit: Opener, site: RunningServer) -> None:
    owner = "somebody.with.a.long.name.and.many.groups@laboratory.example.org"
    secret = issue_token(site, owner)
    found_group(site, "browser-group-with-a-long-name-that-goes-on", owner)
    opened = visit()
    page = opened.page
    opened.go("/login")
    page.get_by_label("Token").fill("mpt_wrong")
    opened.failing.add(f"{opened.site}/login")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not a token of this marketplace")
    check_forms(page, "login-refused")
    page.get_by_label("Token").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(owner)
    check_forms(page, "account")
