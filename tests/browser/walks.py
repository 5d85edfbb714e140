"""What somebody does on a first visit, counted: from the front page to what they came for."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Locator, Page, expect

from tests.launching import COMMAND, ROOT
from tests.waiting import HANGING, wait_for

#: Seconds of the keystroke-level model (Card, Moran, Newell 1980): to think, point, press, and for a key.
_THINK, _POINT, _PRESS, _KEY = 1.35, 1.1, 0.2, 0.28
#: Keys that paste.
_PASTED = 2


@dataclass
class Walk:
    """A way through the pages.

    Attributes:
        seconds: that browser, server and commands took.
    """

    page: Page
    folder: Path
    clicks: int = 0
    keys: int = 0
    seconds: float = 0.0

    @property
    def by_a_person(self) -> float:
        """Seconds that a practised person takes for it, by the model, and the machine beside."""
        return self.seconds + self.clicks * (_THINK + _POINT + _PRESS) + self.keys * _KEY

    def click(self, target: Locator) -> None:
        """Click something."""
        self.clicks += 1
        target.click()

    def fill(self, target: Locator, text: str, keys: int | None = None) -> None:
        """Click a field and fill it.

        Args:
            keys: that it takes, where the text is not typed.
        """
        self.clicks += 1
        self.keys += len(text) if keys is None else keys
        target.fill(text)

    def paste(self, button: Locator) -> str:
        """Copy a command by its button, paste it into a shell, and press Enter; what it wrote."""
        self.click(button)
        return self.run(self.page.evaluate("navigator.clipboard.readText()"), _PASTED + 1)

    def run(self, line: str, keys: int | None = None) -> str:
        """Run a line in a shell.

        Raises:
            AssertionError: it fails.
        """
        self.keys += len(line) + 1 if keys is None else keys
        known = f'marketplace() {{ {shlex.join(COMMAND)} "$@"; }}\n{line}'
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
        environ |= {"PYTHONPATH": str(ROOT), "no_proxy": "127.0.0.1", "MARKETPLACE_KEY_PASSWORD": "walk"}
        done = subprocess.run(
            ["bash", "-ec", known], cwd=self.folder, env=environ, capture_output=True, text=True
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout


def to_a_verified_download(walk: Walk) -> None:
    """A Debian that may be started here, downloaded and compared with what was signed."""
    page = walk.page
    walk.click(page.locator(".systems").get_by_role("link", name="Debian"))
    hits = page.locator(".hit").filter(has_text="Debian 13 server").filter(has_text="allowed")
    walk.click(hits.first.get_by_role("link", name="Debian 13 server"))
    expect(page.locator(".banner.verdict.good")).to_contain_text("You may start this image here")
    buttons = page.locator("#use .lines").first.get_by_role("button", name="Copy the command")
    walk.paste(buttons.nth(0))
    assert walk.paste(buttons.nth(1)).rstrip().endswith(": OK")


def to_who_endorsed_a_file(walk: Walk, file: Path) -> None:
    """Who stands for a file that lies here."""
    page = walk.page
    checksum = walk.run(f"sha256sum {file.name}").split()[0]
    walk.fill(page.get_by_role("searchbox"), checksum, _PASTED)
    walk.click(page.get_by_role("button", name="Search"))
    for email in ("alice.archer@images.example.org", "bob.baker@grid.example.org"):
        expect(page.locator(".hits")).to_contain_text(email)


def to_a_published_image(walk: Walk, image: Path) -> None:
    """An image file that nobody has published yet, described, signed and uploaded; its page is there."""
    page = walk.page
    walk.run("marketplace keygen --email walker@example.org --cert me.cert.pem --key me.key.pem")
    walk.click(page.get_by_role("banner").get_by_role("link", name="Publish", exact=True))
    walk.clicks += 2  # in the system's own window, which shows files
    page.get_by_label("Image file").set_input_files(image)
    expect(page.get_by_role("heading", name="The draft is ready")).to_be_visible()
    for name, value in {
        "location": "https://example.org/walk.img", "title": "A walk", "os": "debian", "arch": "x86_64",
    }.items():  # fmt: skip
        walk.fill(page.locator(f"[name={name}]"), value)
    expect(page.locator("#report .advice").last).not_to_contain_text("slterms:os-arch")
    with page.expect_download() as download:
        walk.click(page.get_by_role("button", name="Download the draft"))
    download.value.save_as(walk.folder / download.value.suggested_filename)
    walk.paste(page.get_by_role("button", name="Copy the command that signs"))
    walk.paste(page.get_by_role("button", name="Copy the command that uploads"))
    # The index follows the log a moment later.
    listed = urljoin(page.url, "/?q=walker@example.org")
    wait_for(lambda: "A walk" in page.request.get(listed).text(), HANGING)
    walk.fill(page.get_by_role("banner").get_by_role("searchbox"), "walker@example.org")
    walk.click(page.get_by_role("banner").get_by_role("button", name="Search"))
    walk.click(page.get_by_role("link", name="A walk").first)
    expect(page.get_by_role("heading", level=1)).to_have_text("A walk")


def measured(walk: Walk, site: str, way: Callable[[Walk], None]) -> Walk:
    """Walk a way from the front page."""
    walk.page.goto(f"{site}/")
    began = time.monotonic()
    way(walk)
    walk.seconds = time.monotonic() - began
    return walk
