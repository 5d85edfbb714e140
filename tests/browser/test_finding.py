"""Finding an image: with a mouse, with the keyboard alone, and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.catalogue import SHARED
from tests.browser.conftest import Opener
from tests.browser.looking import NARROW


def search(page: Page, words: str) -> None:
    page.get_by_role("searchbox", name="Search images").fill(words)
    page.get_by_role("button", name="Search").click()


@pytest.mark.parametrize("script", [True, False])
def test_words_facets_and_chips_narrow_the_list_and_widen_it_again(visit: Opener, script: bool) -> None:
    opened = visit(script=script)
    page = opened.page
    opened.go("/?status=valid")
    everything = page.get_by_role("heading", level=1).inner_text()
    search(page, "server debian")
    expect(page.locator("mark").first).to_have_text("Debian")
    page.get_by_role("link", name="aarch64 1").click()
    expect(page.locator(".hit")).to_have_count(1)
    expect(page.get_by_role("searchbox", name="Search images")).to_have_value("server debian")
    chips = page.get_by_role("list", name="Active filters")
    expect(chips).to_contain_text("architecture: aarch64")
    chips.get_by_role("link", name="Remove filter architecture: aarch64").click()
    assert page.locator(".hit").count() > 1
    search(page, "")
    expect(page.get_by_role("heading", level=1)).to_have_text(everything)


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
    expect(opened.page.get_by_text("No images match.")).to_be_visible()
    opened.page.get_by_role("link", name="Remove filter published until: 2000-01-01").click()
    assert opened.page.locator(".hit").count() > 1


def test_filters_are_folded_away_on_a_phone(visit: Opener) -> None:
    opened = visit(width=NARROW)
    opened.go("/?status=valid")
    facet = opened.page.get_by_role("link", name="aarch64 1")
    expect(facet).to_be_hidden()
    opened.page.locator(".facets > summary").click()
    expect(facet).to_be_visible()


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.textContent.trim() || document.activeElement.name")


def test_the_keyboard_alone_is_enough(visit: Opener) -> None:
    opened = visit()
    page = opened.page
    opened.go("/")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to search"
    expect(page.get_by_role("link", name="Skip to search")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert focused(page) == "q"
    page.keyboard.type("workbench")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=workbench**")
    expect(page.locator(".hit h3")).to_have_text([SHARED.title] * 2)
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to results"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    reached = set()
    for _ in range(80):
        reached.add(focused(page))
        if focused(page) == SHARED.title:
            break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", focused(page)
        page.keyboard.press("Tab")
    assert SHARED.title in reached
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(SHARED.title)


@pytest.mark.parametrize("path", ["/", "/?sort=newest", "/endorsers", "/status"])
def test_a_slash_leads_to_the_search_box_of_every_page(visit: Opener, path: str) -> None:
    opened = visit()
    opened.go(path)
    opened.page.keyboard.press("/")
    assert focused(opened.page) == "q"
    opened.page.keyboard.type("a/b")
    expect(opened.page.get_by_role("searchbox", name="Search images")).to_have_value("a/b")


def test_the_front_page_leads_to_systems_new_images_and_what_was_withdrawn(visit: Opener) -> None:
    opened = visit(script=False)
    page = opened.page
    opened.go("/")
    page.get_by_role("link", name="Debian").first.click()
    assert page.url.endswith("/?os=debian")
    assert page.locator(".hit").count() > 1
    opened.go("/")
    cards = page.locator(".cards .card")
    assert 0 < cards.count() <= 9
    # Each says once whether the image may be started.
    assert [card.locator(".badge").count() for card in cards.all()] == [1] * cards.count()
    recall = page.locator(".recalls li").filter(has_text="A hole in its remote login.")
    recall.get_by_role("link").first.click()
    expect(page.locator(".banner.bad").first).to_contain_text("A hole in its remote login.")


def test_images_that_expire_soon_are_a_list_of_their_own(visit: Opener) -> None:
    opened = visit()
    opened.go("/")
    opened.page.get_by_role("link", name="Expiring soon").click()
    assert "expires-within=30" in opened.page.url
    for line in opened.page.locator(".hit").all_inner_texts():
        assert "expires in" in line
