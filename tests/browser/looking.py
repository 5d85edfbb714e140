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


def take_picture(page: Page, name: str) -> None:
    """Leave a picture of the whole page."""
    # To write a PNG file takes twice as long.
    page.screenshot(path=PICTURES / f"{name}.jpg", full_page=True, type="jpeg", quality=90)
