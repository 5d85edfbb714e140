"""An entry made to do harm is shown, bounded and inert."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.browser.catalogue import HOSTILE_ENTRY, MALLORY, SHARED_CURRENT, SHARED_DEPRECATED
from tests.browser.conftest import Opener
from tests.browser.test_pages import PAGES, entry_path

SHOWING = [name for name in PAGES if "hostile" in name] + ["list", "endorsers"]
#: Nothing that hides or reorders text may reach the reader.
HIDDEN = "[\\u0000-\\u0008\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ufeff]"


@pytest.mark.parametrize("name", SHOWING)
def test_nothing_runs_hides_or_floods(visit: Opener, name: str) -> None:
    opened = visit()
    page = opened.page
    opened.go(*PAGES[name])
    assert page.evaluate("window.taken") is None
    # Everything that runs or styles is ours, and in the head.
    assert page.locator("body script, body style, main img, [onerror], [onload], [onmouseover]").count() == 0
    assert page.evaluate(f"new RegExp('{HIDDEN}').test(document.documentElement.outerHTML)") is False
    assert len(page.content()) < 200_000
    addresses = page.eval_on_selector_all("a", "links => links.map(link => link.protocol)")
    assert set(addresses) <= {"http:", "https:"}


def test_what_search_engines_read_is_data_and_breaks_no_rule(visit: Opener) -> None:
    """Browsers do not run it, and do not complain of it: ``visit`` looks at the console."""
    opened = visit()
    for path in (entry_path(HOSTILE_ENTRY), entry_path(SHARED_CURRENT)):
        opened.go(path)
        block = opened.page.locator('head script[type="application/ld+json"]')
        assert block.count() == 1
        told = json.loads(block.text_content() or "")
        assert told["@type"] == "SoftwareApplication" and len(json.dumps(told)) < 60_000
        assert opened.page.evaluate("window.taken") is None
    opened.go(entry_path(SHARED_DEPRECATED))
    assert opened.page.locator('script[type="application/ld+json"]').count() == 0


def test_what_it_says_can_still_be_read(visit: Opener) -> None:
    opened = visit()
    opened.go(entry_path(HOSTILE_ENTRY))
    page = opened.page
    expect(page.get_by_role("heading", level=1)).to_contain_text("[U+202E]gpj.exe <script>")
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    expect(page.locator(".locations")).to_contain_text("javascript:window.taken=true")
    expect(page.locator("#details")).to_contain_text("more elements in the signed entry")
    assert page.locator(".locations a").count() == 1


def test_its_endorser_is_named_in_full_somewhere(visit: Opener) -> None:
    opened = visit()
    opened.go("/endorsers")
    assert opened.page.get_by_title(MALLORY.email).count() == 1
