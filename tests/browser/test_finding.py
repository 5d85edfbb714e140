"""Finding an image: with a mouse, with the keyboard alone, and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.catalogue import SHARED
from tests.browser.conftest import NARROW, Opener


def search(page: Page, words: str) -> None:
    page.get_by_role("searchbox", name="Search images").fill(words)
    page.get_by_role("button", name="Search").click()


@pytest.mark.parametrize("script", [True, False])
def test_words_facets_and_chips_narrow_the_list_and_widen_it_again(visit: Opener, script: bool) -> None:
    opened = visit(script=script)
    page = opened.page
    opened.go("/")
    everything = page.get_by_role("heading", level=2, name="entries").inner_text()
    search(page, "cleaned debian")
    expect(page.locator("mark").first).to_have_text("debian")
    page.get_by_role("link", name="aarch64 1").click()
    expect(page.locator(".hit")).to_have_count(1)
    expect(page.get_by_role("searchbox", name="Search images")).to_have_value("cleaned debian")
    chips = page.get_by_role("list", name="Active filters")
    expect(chips).to_contain_text("architecture: aarch64")
    chips.get_by_role("link", name="Remove filter architecture: aarch64").click()
    assert page.locator(".hit").count() > 1
    search(page, "")
    expect(page.get_by_role("heading", level=2, name="entries")).to_have_text(everything)


def test_the_words_change_and_the_filters_stay(visit: Opener) -> None:
    opened = visit()
    opened.go("/?os=ubuntu&status=all&sort=title")
    search(opened.page, "workstation")
    assert "os=ubuntu" in opened.page.url and "sort=title" in opened.page.url
    expect(opened.page.locator(".hit h3")).to_have_text(["BLAST workstation"])


def test_a_slip_of_the_keyboard_gets_a_suggestion(visit: Opener) -> None:
    opened = visit()
    opened.go("/?status=all")
    search(opened.page, "workbnech")
    opened.page.get_by_role("link", name="workbench").click()
    expect(opened.page.locator(".hit h3").first).to_have_text(SHARED.title)


def test_pages_lead_on_and_back(visit: Opener) -> None:
    opened = visit()
    opened.go("/?status=all&limit=5")
    first = opened.page.locator(".hit h3").all_inner_texts()
    opened.page.get_by_role("link", name="Next page").click()
    second = opened.page.locator(".hit h3").all_inner_texts()
    assert len(first) == len(second) == 5 and first != second
    opened.page.get_by_role("link", name="First page").click()
    expect(opened.page.locator(".hit h3")).to_have_text(first)


def test_dates_narrow_the_list(visit: Opener) -> None:
    opened = visit()
    opened.go("/?status=all")
    opened.page.get_by_label("until").fill("2000-01-01")
    opened.page.get_by_role("button", name="Apply").click()
    expect(opened.page.get_by_text("No image fits.")).to_be_visible()
    opened.page.get_by_role("link", name="Remove filter endorsed until: 2000-01-01").click()
    assert opened.page.locator(".hit").count() > 1


def test_filters_are_folded_away_on_a_phone(visit: Opener) -> None:
    opened = visit(width=NARROW)
    opened.go("/")
    facet = opened.page.get_by_role("link", name="aarch64 1")
    expect(facet).to_be_hidden()
    opened.page.get_by_text("Filters", exact=True).first.click()
    expect(facet).to_be_visible()


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.textContent.trim() || document.activeElement.name")


def test_the_keyboard_alone_is_enough(visit: Opener) -> None:
    opened = visit()
    page = opened.page
    opened.go("/")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page) == "q"
    page.keyboard.type("workbench")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=workbench**")
    expect(page.locator(".hit h3")).to_have_text([SHARED.title] * 2)
    page.keyboard.press("Tab")
    reached = set()
    for _ in range(80):
        reached.add(focused(page))
        if focused(page) == SHARED.title:
            break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", focused(page)
        page.keyboard.press("Tab")
    assert {"Search", SHARED.title} <= reached
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(SHARED.title)
