"""What a page looks like: what axe finds in it, and its picture."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDE, NARROW, HEIGHT = 1366, 390, 800
#: Where a run leaves its pictures; not under version control.
PICTURES = Path(__file__).parent.parent.parent / "build" / "screenshots"
#: Set to have pictures taken: no test compares them, and they take a fifth of the time.
WANTED = "SCREENSHOTS"
_AXE = Axe()


def find_browser() -> str | None:
    """Debian's chromium: its headless shell, which takes a third less CPU time, or the whole browser."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


_LOOK = "axe.run({resultTypes: ['violations']}).then(found => found.violations)"
#: The rules that depend on colours, for the first element of each kind: of those that have, with all that
#: they stand in, the same colours and letters. It takes a tenth of the time of looking at all of them.
_LOOK_AT_COLOURS = r"""async () => {
    const numbers = new Map(), kinds = new Map()
    for (const element of document.querySelectorAll("*")) {
        const style = getComputedStyle(element)
        const has_text = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())
        const kind = [
            kinds.get(element.parentElement), element.tagName, element.getAttribute("class"), has_text,
            element.checkVisibility(), style.color, style.backgroundColor, style.backgroundImage,
            style.opacity, style.fontSize, style.fontWeight, style.position, style.textDecorationLine,
        ].join()
        element.toggleAttribute("data-first", !numbers.has(kind))
        if (!numbers.has(kind)) numbers.set(kind, numbers.size)
        kinds.set(element, numbers.get(kind))
    }
    const selectors = {"color-contrast": "[data-first]", "link-in-text-block": "a[href][data-first]"}
    axe.configure({rules: Object.entries(selectors).map(([id, selector]) => ({id, selector}))})
    const found = await axe.run({resultTypes: ["violations"], runOnly: Object.keys(selectors)})
    axe.reset()
    return found.violations
}"""


def violations(page: Page, *, colours: bool = False) -> list[str]:
    """What axe finds, each with the places where it does.

    Args:
        colours: look at colours only.
    """
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(_AXE.axe_script)
    found = page.evaluate(_LOOK_AT_COLOURS if colours else _LOOK)
    return [f"{one['id']}: {[node['target'] for node in one['nodes']][:5]}" for one in found]


def fits(page: Page) -> bool:
    """Whether a page is no wider than its window."""
    wider = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return not wider


def check_schemes(page: Page, name: str) -> None:
    """Look at a page with light and dark colours, as wide as its window is, and have its pictures taken.

    Nothing but colours depends on the scheme (``test_pages`` holds the style sheet to that), so that the
    other rules would find in the dark what they found in the light.
    """
    assert page.viewport_size is not None
    width = page.viewport_size["width"]
    assert fits(page), (name, width)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page, colours=scheme == "dark") == [], (name, width, scheme)
        take_picture(page, f"{name}-{width}-{scheme}")


def check_forms(page: Page, name: str) -> None:
    """Look at a page in four forms: wide and narrow, each with light and with dark colours.

    To load the page and axe for each form would take a third of the time.
    """
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        check_schemes(page, name)


#: The text of a page without what is for programs: commands, documents and code.
_FOR_PEOPLE = r"""() => {
    const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (walk.nextNode()) {
        const node = walk.currentNode
        const is_code = node.parentElement.closest("pre, code, textarea, script")
        if (/\d{4}-\d\d-\d\dT\d\d:\d\d/.test(node.data) && !is_code)
            found.push(node.data.trim().slice(0, 200))
    }
    return found
}"""


def machine_times(page: Page) -> list[str]:
    """Texts for people in which a moment stands as programs write it (``2026-11-29T10:00:00Z``)."""
    found: list[str] = page.evaluate(_FOR_PEOPLE)
    return found


def take_picture(page: Page, name: str) -> None:
    """Leave a picture of the whole page, where pictures are wanted."""
    if not os.environ.get(WANTED):
        return
    # To write a PNG file takes twice as long.
    page.screenshot(path=PICTURES / f"{name}.jpg", full_page=True, type="jpeg", quality=90)
