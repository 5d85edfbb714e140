"""Administration in a browser: without scripts, on a phone, accessible, and a question before each act."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect
from sqlalchemy import insert

from marketplace.access import Scope
from marketplace.db import Database
from marketplace.models import Webhook, WebhookDelivery
from marketplace.webhooks.definitions import EventFilters
from tests.browser.conftest import Opener, Visit
from tests.browser.looking import HEIGHT, NARROW, check_forms, fits, machine_times, take_picture, violations
from tests.functional.access import found_group, issue_token
from tests.functional.running import RunningServer

BOSS = "boss@laboratory.example.org"
HOOK = "0123456789abcdef"
PAGES = (
    "/admin",
    "/admin/tokens",
    "/admin/groups",
    "/admin/groups?name=looked-at",
    "/admin/peers",
    "/admin/pending",
    "/admin/mail",
    "/admin/trust",
    "/admin/erase",
    "/admin/audit",
    "/admin/tokens/create",
    "/admin/groups/delete?name=looked-at",
    "/admin/peers/add",
    "/admin/erase/entry",
    "/account/tokens",
    "/account/views",
    "/account/views/edit",
    "/account/views/edit?name=default",
    "/account/views/delete?name=default",
    "/account/views/signed-list?name=default",
    "/webhooks",
    "/webhooks/new",
    f"/webhooks/{HOOK}",
    f"/webhooks/{HOOK}/change",
    f"/webhooks/{HOOK}/delete",
)


def enter(opened: Visit, site: RunningServer) -> None:
    """Sign in as an administrator."""
    opened.go("/login?next=/admin")
    opened.page.get_by_label("Token").fill(issue_token(site, BOSS, list(Scope)))
    opened.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Administration")


@pytest.fixture(scope="module")
def groups(site: RunningServer) -> None:
    found_group(site, "looked-at", "somebody.with.a.long.name@laboratory.example.org", "b@example.org")
    make_webhook(site)


def make_webhook(site: RunningServer) -> None:
    """A webhook that is disabled, with deliveries of each kind."""
    now = datetime.now(UTC)
    hook = {
        "name": HOOK, "url": f"https://hooks.example.org/{'long/' * 30}", "owner": BOSS, "audience": "site",
        "description": "Mails the night shift", "filters": EventFilters(tag="lts").to_json(), "secret": "",
        "position": 0, "created_at": now, "disabled_at": now,
        "disabled_reason": "no event arrived for 120 hours",
    }  # fmt: skip
    states = [("dead", 9, 503), ("waiting", 2, None), ("waiting", 0, None), ("sent", 1, 204)]
    with closing(Database.open(site.database_url)) as database, database.write() as session:
        key = session.scalars(insert(Webhook).values(hook).returning(Webhook.id)).one()
        for number, (state, attempts, status) in enumerate(states):
            row = {
                "webhook_id": key, "event_id": f"evt_{number:024}", "kind": "entry.deprecated",
                "state": state, "attempts": attempts, "created_at": now, "due_at": now, "status": status,
                "answer": "x" * 300,
                "duration": 12, "last_error": None if state == "sent" else "the receiver answers with 503",
            }  # fmt: skip
            session.execute(insert(WebhookDelivery).values(row))


#: Of each template one, in the other colours too: which colours there are does not depend on the words.
SHAPES = ("/admin", "/admin/groups", "/admin/tokens/create", "/admin/groups/delete?name=looked-at",
          "/account/views", "/account/views/edit", f"/webhooks/{HOOK}", "/webhooks/new")  # fmt: skip


def test_every_page_is_accessible_and_fits(visit: Opener, site: RunningServer, groups: None) -> None:
    opened = visit()
    page = opened.page
    enter(opened, site)
    wide = page.viewport_size
    assert wide is not None
    for path in PAGES:
        page.set_viewport_size(wide)
        page.emulate_media(color_scheme="light")
        opened.go(path)
        assert len(page.content()) < 60_000, path
        assert machine_times(page) == [], path
        name = re.sub("[^a-z-]+", "-", path.strip("/"))
        if path in SHAPES:
            check_forms(page, name)
            continue
        assert violations(page) == [], path
        take_picture(page, f"{name}-{wide['width']}-light")
        for width in (wide["width"], NARROW):
            page.set_viewport_size({"width": width, "height": HEIGHT})
            assert fits(page), (path, width)


@pytest.mark.parametrize("script", [True, False])
def test_an_act_asks_first_and_works_without_scripts(
    visit: Opener, site: RunningServer, script: bool
) -> None:
    opened = visit(script=script)
    enter(opened, site)
    page, name = opened.page, f"group-{script}".lower()
    page.get_by_role("navigation", name="Administration").get_by_role("link", name="Groups").click()
    page.get_by_role("link", name="Create a group").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Members").fill("a@example.org\nb@example.org")
    page.get_by_role("button", name="Create the group").click()
    expect(page.get_by_role("status")).to_have_text("The group is created.")
    page.get_by_role("link", name=f"Delete {name}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete a group")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("main")).to_contain_text(name)
    page.get_by_role("link", name=f"Delete {name}").click()
    page.get_by_role("button", name="Delete the group").click()
    expect(page.get_by_role("status")).to_have_text("The group is deleted.")
    expect(page.get_by_role("link", name=f"Delete {name}")).to_have_count(0)


def test_a_token_of_ones_own_is_made_and_shown_once(visit: Opener, site: RunningServer) -> None:
    opened = visit()
    enter(opened, site)
    page = opened.page
    opened.go("/account")
    page.get_by_role("link", name="Create a token").click()
    page.get_by_label("Note").fill("for CI")
    page.get_by_role("button", name="Create the token").click()
    expect(page.get_by_role("status")).to_contain_text("it is not shown again")
    expect(page.get_by_role("main")).to_contain_text("mpt_")
    assert violations(page) == []
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("table")).to_contain_text("for CI")
    assert not re.search(r"mpt_[0-9a-f]{16}_", page.content())
