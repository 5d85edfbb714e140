"""What somebody meets on a first visit: how soon pages are seen, and how long the ways through them take.

A browser that has nothing of the site yet opens pages of a real server with the demo. The floor is a page
of a few bytes from a server that does nothing else. The ways are those of ``tests/browser/walks.py``; their
clicks and keys are counted, and the keystroke-level model tells how long a practised person takes for them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from marketplace.demo.content import serving
from marketplace.demo.images import make_image
from tests.benchmarks.figures import Figure, percentile
from tests.browser.catalogue import SHARED_CURRENT, demo_site
from tests.browser.conftest import ARGUMENTS
from tests.browser.looking import WIDE, find_browser
from tests.browser.walks import (
    Walk,
    measured,
    to_a_published_image,
    to_a_verified_download,
    to_who_endorsed_a_file,
)
from validators import accept

#: Milliseconds after which half of the visitors see something.
GOAL = 250.0
_PAGES = {
    "front page": "/",
    "list of a search": "/?q=debian",
    "page of an image": f"/metadata/{accept(SHARED_CURRENT).coordinates.path()}",
    "a page of the documentation": "/docs/start",
}
_BARE = "<!doctype html><title>Bare</title><p>Bare."
_PAINTED = """() => new Promise(done => new PerformanceObserver((list, observer) => {
  for (const one of list.getEntries())
    if (one.name == "first-contentful-paint") { observer.disconnect(); done(one.startTime) }
}).observe({type: "paint", buffered: true}))"""


def run(rounds: int = 9) -> list[Figure]:
    """Measure; nothing where there is no browser."""
    executable = find_browser()
    if executable is None:
        return [Figure("nothing: this machine has no chromium", "")]
    with (
        tempfile.TemporaryDirectory(prefix="bench-walk-") as directory,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        try:
            folder = Path(directory)
            for name in ("site", "bare", "walks"):
                (folder / name).mkdir()
            (folder / "bare" / "index.html").write_text(_BARE)
            with serving(folder / "bare") as bare, demo_site(folder / "site") as site:
                return [
                    *_paints(browser, site.url, bare, rounds),
                    *_walks(browser, site.url, folder / "walks"),
                ]
        finally:
            browser.close()


def _paints(browser: Browser, site: str, bare: str, rounds: int) -> Iterator[Figure]:
    floor = _painted(browser, f"{bare}/", rounds)
    for name, path in _PAGES.items():
        middle = _painted(browser, site + path, rounds)
        yield Figure(
            f"first paint, {name}",
            f"p50 {middle:.0f} ms",
            f"{floor:.0f} ms for a bare page",
            middle / floor,
            f"p50 < {GOAL:.0f} ms",
            middle < GOAL,
        )


def _painted(browser: Browser, url: str, rounds: int) -> float:
    """Milliseconds to the first text, for half of the visitors; the first of them warms up caches only."""
    taken = []
    for _ in range(rounds + 1):
        context = browser.new_context(viewport={"width": WIDE, "height": 768})
        page = context.new_page()
        page.goto(url)
        taken.append(float(page.evaluate(_PAINTED)))
        context.close()
    return percentile(taken[1:], 0.5)


def _walks(browser: Browser, site: str, folder: Path) -> Iterator[Figure]:
    mine, image = folder / "mine.qcow2", folder / "walk.img"
    mine.write_bytes(make_image("debian-13", "qcow2", "machine"))
    image.write_bytes(make_image("walk", "raw", "machine"))
    ways: dict[str, Callable[[Walk], None]] = {
        "a verified download of a Debian": to_a_verified_download,
        "a published image": lambda walk: to_a_published_image(walk, image),
        "who endorsed a file": lambda walk: to_who_endorsed_a_file(walk, mine),
    }
    for name, way in ways.items():
        context = browser.new_context(viewport={"width": WIDE, "height": 768})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        walk = measured(Walk(context.new_page(), folder), site, way)
        context.close()
        yield Figure(
            f"from the front page to {name}",
            f"{walk.clicks} clicks, {walk.keys} keys, {walk.by_a_person:.0f} s by a person",
            f"{walk.seconds:.1f} s of them for browser, server and commands",
        )
