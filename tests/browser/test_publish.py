"""From an image file to a draft in the browser: read there, written here, signed by its owner."""

from __future__ import annotations

import gzip
import hashlib
import random
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.catalogue import FRANK, ago
from tests.browser.conftest import Opener
from tests.browser.looking import violations
from tests.browser.test_pages import entry_path
from tests.factories.documents import image, signed
from tests.functional.running import RunningServer
from validators import accept
from validators.checksums import parse_checksum
from validators.signing import sign

FIELDS = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}


def content(seed: str, size: int = 300_000) -> bytes:
    """A small qcow2 image: a header, and bytes that are no other image's."""
    head = b"QFI\xfb" + (3).to_bytes(4, "big") + bytes(16) + (1 << 20).to_bytes(8, "big")
    return head + random.Random(seed).randbytes(size)


def choose(page: Page, data: bytes, name: str = "debian.qcow2") -> None:
    page.get_by_label("Image file").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )


def assert_read(page: Page, data: bytes) -> None:
    """The form has the size and the digests of the bytes."""
    expect(page.locator("[name=bytes]")).to_have_value(str(len(data)))
    for field in FIELDS:
        expect(page.locator(f"[name={field}]")).to_have_value(hashlib.new(field, data).hexdigest())


def fill(page: Page) -> None:
    for name, value in {
        "location": "https://images.example.org/debian.qcow2", "title": "Debian by form", "os": "debian",
        "os-version": "13", "arch": "x86_64", "version": "13.1", "valid": "90d", "licence": "GPL-2.0",
    }.items():  # fmt: skip
        page.locator(f"[name='{name}']").fill(value)


@pytest.mark.parametrize("packed", [False, True])
def test_an_image_becomes_a_draft_that_is_signed_and_uploaded(
    visit: Opener, site: RunningServer, tmp_path: Path, packed: bool
) -> None:
    data = content(f"published {packed}")
    opened = visit()
    page = opened.page
    opened.go("/publish")
    choose(page, gzip.compress(data) if packed else data)
    assert_read(page, data)
    expect(page.locator("[name=format]")).to_have_value("qcow2")
    expect(page.locator("[name=compression]")).to_have_value("gz" if packed else "")
    expect(page.get_by_role("heading", name="The draft is ready")).to_be_visible()
    expect(page.locator("#report .advice")).to_contain_text("location")
    fill(page)
    # Checked while it is filled in: what was missing is gone without a click.
    expect(page.locator("#report .advice")).not_to_contain_text("slterms:os-arch")
    assert violations(page) == []
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the draft").click()
    document = Path(download.value.path()).read_bytes()
    entry = sign(document, FRANK.signing, accept(signed(image(), FRANK, ago(0))).created)
    accepted = accept(entry)
    sums = {one.algorithm: one.value for one in accepted.metadata.checksums}
    assert sums == {
        name: parse_checksum(name, hashlib.new(field, data).hexdigest()).value
        for field, name in FIELDS.items()
    }
    assert download.value.suggested_filename == f"{accepted.identifier}.xml"
    with site.client() as client:
        kind = {"Content-Type": "application/rdf+xml"}
        answer: httpx.Response = client.post("/metadata", content=entry, headers=kind)
    assert answer.status_code == 201, answer.text


def test_nothing_of_the_image_leaves_the_browser(visit: Opener) -> None:
    data = content("stays here", 2_000_000)
    opened = visit()
    sent: list[bytes] = []
    opened.page.on("request", lambda request: sent.append(request.post_data_buffer or b""))
    opened.go("/publish")
    choose(opened.page, data)
    assert_read(opened.page, data)
    expect(opened.page.get_by_role("heading", name="The draft is ready")).to_be_visible()
    assert max(map(len, sent)) < 10_000
    assert not any(data[5000:5040] in one for one in sent)


def test_what_a_browser_cannot_uncompress_is_told(visit: Opener) -> None:
    opened = visit()
    opened.go("/publish")
    choose(opened.page, b"\xfd7zXZ\0" + bytes(100), "debian.raw.xz")
    expect(opened.page.locator("#read")).to_contain_text("a browser cannot read xz")
    choose(opened.page, b"\x1f\x8b" + bytes(100), "broken.gz")
    expect(opened.page.locator("#read")).to_contain_text("broken.gz cannot be read")
    choose(opened.page, b"", "empty")
    expect(opened.page.locator("#read")).to_contain_text("empty is empty")
    expect(opened.page.locator("[name=sha1]")).to_have_value("")


def test_an_earlier_entry_is_taken_over(visit: Opener, site: RunningServer) -> None:
    earlier = signed(
        image(content="earlier of a form", title="Taken over", os="alpine", tags=("edge",)), FRANK, ago(1)
    )
    with site.client() as client:
        kind = {"Content-Type": "application/rdf+xml"}
        assert client.post("/metadata", content=earlier, headers=kind).status_code == 201
    opened = visit(script=False)
    page = opened.page
    opened.go("/publish")
    page.get_by_label("Start from an earlier entry").fill(entry_path(earlier))
    page.get_by_role("button", name="Use this entry").click()
    expect(page.locator("[name=title]")).to_have_value("Taken over")
    expect(page.locator("[name=os]")).to_have_value("alpine")
    data = content("later")
    page.locator("[name=bytes]").fill(str(len(data)))
    page.locator("[name=sha1]").fill(hashlib.sha1(data).hexdigest())
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="The draft is ready")).to_be_visible()
    page.locator("summary", has_text="The draft").click()
    expect(page.locator("#report pre")).to_contain_text("<dcterms:replaces>")
    expect(page.locator("#report pre")).to_contain_text("Taken over")


def test_a_file_that_is_chosen_before_the_script_is_there_is_read(visit: Opener) -> None:
    opened = visit()
    page, held = opened.page, list[Route]()
    page.route("**/publish*.js*", lambda route: held.append(route))  # playwright marks the function
    page.goto(f"{opened.site}/publish", wait_until="commit")
    choose(page, content("early"))
    assert page.locator("[name=sha1]").input_value() == ""
    held[0].continue_()
    expect(page.get_by_role("heading", name="The draft is ready")).to_be_visible()


def test_an_image_where_metadata_is_wanted_is_not_sent(visit: Opener) -> None:
    opened = visit()
    sent: list[str] = []
    opened.page.on("request", lambda request: sent.append(request.method))
    opened.go("/upload")
    opened.page.get_by_label("Signed metadata").set_input_files(
        {"name": "debian.qcow2", "mimeType": "application/octet-stream", "buffer": content("misplaced")}
    )
    for button in ("Check only", "Upload"):
        opened.page.get_by_role("button", name=button, exact=True).click()
        expect(opened.page.locator("#report")).to_contain_text("it was not sent")
    assert "POST" not in sent
    opened.page.get_by_role("link", name="publish page").click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Publish an image")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1366])
def test_the_form_is_accessible(visit: Opener, width: int, scheme: str) -> None:
    opened = visit(width=width, scheme=scheme)
    opened.go("/publish")
    opened.page.get_by_role("button", name="Check").click()
    expect(opened.page.locator("#report")).to_contain_text("Choose the image file")
    assert violations(opened.page) == []
    wide = opened.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
