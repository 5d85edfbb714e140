"""What a page looks like: what axe finds in it, and its picture."""

from __future__ import annotations

import shutil
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

#: Where each run leaves its pictures; not under version control.
PICTURES = Path(__file__).parent.parent.parent / "build" / "screenshots"
_AXE = Axe()


def find_browser() -> str | None:
    """Debian's chromium: its headless shell, which takes a third less CPU time, or the whole browser."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


def violations(page: Page) -> list[str]:
    """What axe finds, each with the places where it does."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(_AXE.axe_script)
    found = page.evaluate("axe.run({resultTypes: ['violations']}).then(found => found.violations)")
    return [f"{one['id']}: {[node['target'] for node in one['nodes']][:5]}" for one in found]


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
    """Leave a picture of the whole page."""
    # To write a PNG file takes twice as long.
    page.screenshot(path=PICTURES / f"{name}.jpg", full_page=True, type="jpeg", quality=90)
