"""Every page: accessible, in its frame, quiet, and its picture taken."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from marketplace.api.openapi import OPERATIONS
from marketplace.pages.handbook import slug
from marketplace.routes import ROUTES
from tests.browser.catalogue import (
    HOSTILE,
    HOSTILE_ENTRY,
    MALLORY,
    SAID_TWICE,
    SHARED,
    SHARED_CURRENT,
    SHARED_DEPRECATED,
    SHARED_LEGACY,
    SUPERSEDED,
)
from tests.browser.conftest import Visit
from tests.browser.looking import check_forms, machine_times
from tests.launching import ROOT
from validators import accept

ALICE = "alice.archer@images.example.org"


def entry_path(data: bytes) -> str:
    return f"/metadata/{accept(data).coordinates.path()}"


#: The API reference has a page for each.
TOPICS = [slug(group) for group in dict.fromkeys(one.group for one in OPERATIONS)]
#: Name of the picture -> address and status. Every route with a page has at least one.
PAGES = {
    "front": ("/", 200),
    "home": ("/?sort=newest", 200),
    "home-words": ("/?q=workbench&status=all", 200),
    "home-filtered": ("/?os=debian&os=rocky&status=all&sort=title", 200),
    "home-suggestion": ("/?q=workbnech&status=all", 200),
    "home-nothing": ("/?q=zzzzzzzz", 200),
    "home-refused": ("/?q=*", 400),
    "home-hostile": ("/?q=exe", 200),
    "entry": (entry_path(SHARED_CURRENT), 200),
    "entry-details": (f"{entry_path(SHARED_CURRENT)}#details", 200),
    "entry-history": (f"{entry_path(SHARED_CURRENT)}#history", 200),
    "entry-trust": (f"{entry_path(SHARED_CURRENT)}#trust", 200),
    "entry-raw": (f"{entry_path(SHARED_CURRENT)}#raw", 200),
    "entry-deprecated": (entry_path(SHARED_DEPRECATED), 200),
    "entry-legacy": (entry_path(SHARED_LEGACY), 200),
    "entry-superseded": (entry_path(SUPERSEDED), 200),
    "entry-hostile": (entry_path(HOSTILE_ENTRY), 200),
    "tag": (f"/tag/{ALICE}/latest", 200),
    "image": (f"/images/{SHARED.about}", 200),
    "image-hostile": (f"/images/{HOSTILE.about}", 200),
    "endorsers": ("/endorsers", 200),
    "endorser": (f"/endorsers/{ALICE}?range=36525", 200),
    "endorser-hostile": (f"/endorsers/{quote(MALLORY.email)}", 200),
    "tags": (f"/endorsers/{ALICE}/tags", 200),
    "tags-hostile": (f"/endorsers/{quote(MALLORY.email)}/tags", 200),
    "conflicts": ("/conflicts", 200),
    "events": ("/events", 200),
    "events-narrowed": ("/events?kind=entry.deprecated&endorser=nobody@example.org", 200),
    "views": ("/views", 200),
    "view": ("/views/default", 200),
    "conflicts-none": ("/conflicts?email=nobody@example.org", 200),
    "entry-conflicting": (entry_path(SAID_TWICE[0]), 200),
    "list": ("/metadata?status=all", 200),
    "list-of-image": (f"/metadata/{SHARED.about}?status=all", 200),
    "list-of-endorser": (f"/metadata/{SHARED.about}/{ALICE}", 404),
    "query": ("/query", 200),
    "query-result": ("/query?query=SELECT%20*%20%7B%3Fentry%20%3Fterm%20%3Fvalue%7D%20LIMIT%2020", 200),
    "query-refused": ("/query?query=SELECT", 400),
    "upload": ("/upload", 200),
    "publish": ("/publish", 200),
    "about": ("/about", 200),
    "status": ("/status", 200),
    "federation": ("/federation", 200),
    "docs": ("/docs", 200),
    "docs-search": ("/docs?words=checksum", 200),
    "docs-page": ("/docs/operations", 200),
    "docs-reference": ("/docs/reference", 200),
    **{f"reference-{topic}": (f"/docs/reference/{topic}", 200) for topic in TOPICS},
    "login": ("/login", 200),
    # What it is for somebody who has signed in stands in test_sign_in.py.
    "no-account": ("/account", 401),
    # What they are where there is something to confirm stands in test_confirmation.py.
    "used-link": ("/action/00000000-0000-0000-0000-000000000000/confirm", 404),
    "no-reminders": ("/reminders", 404),
    "sync-gone": ("/sync", 410),
    "not-found": ("/nothing/here", 404),
    "bad-request": ("/metadata?status=nonsense", 400),
    "bad-range": (f"/endorsers/{ALICE}?range=a", 400),
}


#: Bytes of a page itself: nobody on a slow line should have to wait for more.
HEAVIEST = 60_000


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_stays_in_its_frame(window: Visit, name: str) -> None:
    path, status = PAGES[name]
    page = window.page
    answer = window.go(path, status)
    assert len(answer.body()) <= HEAVIEST
    # A publisher may write anything into a text, and a result of a query has the data as they are.
    if not name.endswith("-hostile") and name != "query-result":
        assert machine_times(page) == []
    assert page.locator("h1").count() == 1
    assert page.title().endswith(" · Marketplace")
    check_forms(page, name)


def test_a_dark_scheme_changes_colours_only() -> None:
    style = (ROOT / "marketplace/pages/static/site.css").read_text()
    (dark,) = re.findall(r"@media \(prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}\s*\}", style, re.DOTALL)
    assert re.sub(r"--[a-z-]+: #[0-9a-f]{6};", "", dark).strip() == ""
    told = {
        path.name: path.read_text().count("prefers-color-scheme")
        for kind in ("css", "js", "jinja2", "svg", "py")
        for path in (ROOT / "marketplace").rglob(f"*.{kind}")
    }
    assert {name: count for name, count in told.items() if count} == {"site.css": 1}


#: What programs read: no pages.
FILES = {"web.robots", "web.favicon", "web.security"} | {
    route.name for route in ROUTES if route.name.startswith("web.view.")
}
#: Steps on the way to a provider and back: they redirect.
STEPS = {"web.login.oidc", "web.login.callback"}
#: Pages of people who have signed in, which test_administration.py looks at.
SIGNED_IN = {
    "web.account.tokens", "web.account.revoke", "web.account.views", "web.account.views.edit",
    "web.account.views.delete", "web.account.views.list", "web.admin", "web.admin.part", "web.admin.act",
    "web.entry.publish", "web.webhooks", "web.webhooks.new", "web.webhook", "web.webhook.act",
    "web.webhook.change",
}  # fmt: skip


def test_every_route_with_a_page_is_among_them() -> None:
    patterns = {
        route.name: re.compile(re.sub(r"\{[^}]*\}", "[^/?]+", route.pattern) + r"/?(\?.*)?")
        for route in ROUTES
        if route.name.startswith("web.") and "GET" in route.methods
    }
    paths = [path for path, _ in PAGES.values()]
    missing = {name for name, pattern in patterns.items() if not any(map(pattern.fullmatch, paths))}
    assert missing == FILES | STEPS | SIGNED_IN


def test_what_every_page_loads_is_light(window: Visit) -> None:
    sizes = [len(window.go(f"/static/{name}").body()) for name in ("site.css", "site.js", "icon.svg")]
    assert 0 < sum(sizes) < 40_000
