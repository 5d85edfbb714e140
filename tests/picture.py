"""The picture of the README: the front page of a demo marketplace, as chromium shows it.

``python -m tests.picture`` takes it anew. It is WebP, which weighs a quarter of PNG.
"""

from __future__ import annotations

import base64
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import sync_playwright

from marketplace.db import Database, upgrade
from marketplace.demo import load_demo
from marketplace.demo.loading import AUTHORITY
from marketplace.ingest import IngestService, UploadPolicy
from tests.browser.conftest import ARGUMENTS
from tests.browser.looking import find_browser
from tests.functional.catalogue import found
from tests.functional.running import running_server
from tests.launching import ROOT
from tests.waiting import wait_for

PICTURE = ROOT / "docs" / "front-page.webp"
#: Bytes; the README is read on phones too.
MOST = 100_000
_SIZE = {"width": 1280, "height": 860}
_QUALITY = 80


def main() -> None:
    """Take the picture."""
    with tempfile.TemporaryDirectory(prefix="picture-") as name:
        data = Path(name)
        upgrade(f"sqlite:///{data / 'marketplace.sqlite'}")
        database = Database.open(f"sqlite:///{data / 'marketplace.sqlite'}")
        ingest = IngestService(database, UploadPolicy())
        load_demo(data / "demo", ingest, datetime.now(UTC))
        ingest.close()
        database.close()
        with running_server(data, trust_anchors=str(data / "demo" / AUTHORITY)) as server:
            with server.client() as client:
                wait_for(lambda: found(client, "debian") > 0)
            PICTURE.write_bytes(_take(server.url))


def _take(url: str) -> bytes:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(ARGUMENTS))
        page = browser.new_page(viewport=_SIZE, reduced_motion="reduce")
        page.goto(url)
        # Playwright itself knows no WebP; the browser does.
        session = page.context.new_cdp_session(page)
        shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": _QUALITY})
        browser.close()
    return base64.b64decode(shot["data"])


if __name__ == "__main__":
    main()
