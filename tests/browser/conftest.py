"""A real browser on a real server. Nothing but that server may be asked, and nothing may be complained of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    Route,
    expect,
    sync_playwright,
)

from tests.browser.catalogue import demo_site
from tests.browser.looking import HEIGHT, WIDE, find_browser
from tests.functional.running import RunningServer

REQUIRED = "REQUIRE_BROWSER"
#: Milliseconds: what is late on a busy machine is no fault.
expect.set_options(timeout=60_000)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page is looked at for a second: what the compiler for long runs takes is never won back.
    "--js-flags=--no-opt",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium with a profile of its own."""
    executable = find_browser()
    if executable is None:
        complain = pytest.fail if os.environ.get(REQUIRED) else pytest.skip
        complain("needs chromium: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        # `launch` makes a new profile directory each time and removes it at the end.
        found = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield found
        found.close()


@pytest.fixture(scope="session")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the demo as `make run` shows it, and the entries of ``catalogue``."""
    with demo_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@dataclass
class Visit:
    """A page under watch: what it asked elsewhere and what the browser complained of."""

    page: Page
    site: str
    asked_elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    #: Addresses that are expected to answer with an error, which the console mentions.
    failing: set[str] = field(default_factory=set)

    def go(self, path: str, status: int = 200) -> Response:
        """Open an address of the site, and return its answer."""
        if status >= 400:
            self.failing.add(self.site + path)
        answer = self.page.goto(self.site + path)
        assert answer is not None and answer.status == status, path
        return answer

    def verify_quiet(self) -> None:
        """Fail where something was asked elsewhere or complained of, and begin anew."""
        found = self.asked_elsewhere[:], self.complaints[:]
        self.asked_elsewhere.clear()
        self.complaints.clear()
        self.failing.clear()
        assert found == ([], [])

    def watch(self, context: BrowserContext) -> None:
        context.route("**/*", self._pass)
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def _pass(self, route: Route) -> None:
        if route.request.url.startswith(f"{self.site}/"):
            route.continue_()
        else:
            self.asked_elsewhere.append(route.request.url)
            route.abort()

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and message.location.get("url") not in self.failing:
            self.complaints.append(message.text)


Opener = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, site: RunningServer) -> Iterator[Opener]:
    """Opens watched pages: ``visit(width=360, scheme="dark", script=False)``."""
    visits: list[tuple[BrowserContext, Visit]] = []

    def open_(width: int = WIDE, scheme: str = "light", script: bool = True) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme=scheme,
            java_script_enabled=script,
            permissions=["clipboard-read", "clipboard-write"],
            reduced_motion="reduce",
        )
        context.set_default_timeout(60_000)
        made = Visit(context.new_page(), site.url)
        made.watch(context)
        visits.append((context, made))
        return made

    yield open_
    for context, made in visits:
        context.close()
        made.verify_quiet()


@pytest.fixture(scope="module")
def kept_window(browser: Browser, site: RunningServer) -> Iterator[Visit]:
    """A watched page that stays: to make one takes as long as to look at it."""
    context = browser.new_context(viewport={"width": WIDE, "height": HEIGHT}, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    made = Visit(context.new_page(), site.url)
    made.watch(context)
    yield made
    context.close()


@pytest.fixture
def window(kept_window: Visit) -> Iterator[Visit]:
    """An empty page, wide and light, for a test that only looks: what a page keeps, others find."""
    page = kept_window.page
    # Another part of the same page would not be loaded.
    page.goto("about:blank")
    page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    page.emulate_media(color_scheme="light")
    yield kept_window
    kept_window.verify_quiet()
