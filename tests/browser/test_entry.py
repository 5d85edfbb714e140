"""What the pages of entries and images offer, really tried."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.catalogue import SHARED, SHARED_CURRENT, SHARED_DEPRECATED, SHARED_LEGACY, SUPERSEDED
from tests.browser.conftest import Opener
from tests.browser.test_pages import entry_path
from validators import accept


def run(line: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a command line from a page, as pasted into a shell."""
    command = (
        f'marketplace() {{ "{sys.executable}" -c "from marketplace.cli import main; main()" "$@"; }}\n{line}'
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
    root = Path(__file__).parent.parent.parent
    environ |= {"PYTHONPATH": str(root), "no_proxy": "127.0.0.1"}
    return subprocess.run(
        ["bash", "-c", command], cwd=directory, env=environ, capture_output=True, text=True, timeout=60
    )


def test_the_commands_work_when_pasted(visit: Opener, tmp_path: Path) -> None:
    for number, data in enumerate((SHARED_CURRENT, SHARED_LEGACY)):
        directory = tmp_path / str(number)
        directory.mkdir()
        opened = visit()
        opened.go(f"{entry_path(data)}#raw")
        lines = opened.page.locator("#raw .copyable code").all_inner_texts()
        assert len(lines) == 3
        for line in lines:
            done = run(line, directory)
            assert done.returncode == 0, (line, done.stderr)
        (fetched,) = directory.iterdir()
        assert fetched.read_bytes() == data


def test_a_checksum_is_copied_whole(visit: Opener) -> None:
    opened = visit()
    opened.go(f"{entry_path(SHARED_CURRENT)}#details")
    opened.page.get_by_role("button", name="Copy the SHA-1 checksum").click()
    expect(opened.page.get_by_role("button", name="Copy the SHA-1 checksum")).to_have_text("Copied")
    assert opened.page.evaluate("navigator.clipboard.readText()") == SHARED.sha1_hex


def test_without_scripts_nothing_pretends_to_copy(visit: Opener) -> None:
    opened = visit(script=False)
    opened.go(entry_path(SHARED_CURRENT))
    expect(opened.page.locator("button.copy").first).to_be_hidden()


def test_downloads_are_the_signed_bytes_and_the_statements(visit: Opener) -> None:
    opened = visit()
    opened.go(f"{entry_path(SHARED_CURRENT)}#raw")
    with opened.page.expect_download() as download:
        opened.page.get_by_role("link", name="Signed entry").click()
    assert Path(download.value.path()).read_bytes() == SHARED_CURRENT
    assert download.value.suggested_filename == f"{SHARED.about}.xml"


def test_banners_lead_to_what_holds_now(visit: Opener) -> None:
    opened = visit()
    opened.go(entry_path(SUPERSEDED))
    opened.page.get_by_role("link", name="See the current statement").click()
    assert opened.page.url.endswith(entry_path(SHARED_CURRENT))
    opened.go(entry_path(SHARED_DEPRECATED))
    expect(opened.page.locator(".banner.bad")).to_contain_text("A hole in its remote login.")


def test_the_timeline_has_a_lane_for_each_endorser_and_a_table_beside_it(visit: Opener) -> None:
    opened = visit()
    opened.go(f"/images/{SHARED.about}")
    picture = opened.page.get_by_role("img", name="Timeline of all endorsements")
    expect(picture).to_be_visible()
    assert picture.locator("text.lane").count() == 3
    assert picture.locator("path.mark.deprecated").count() == 1
    expect(picture.locator("text.now")).to_have_text("now")
    rows = opened.page.get_by_role("table").get_by_role("row")
    assert rows.count() == 6
    rows.nth(1).get_by_role("link").first.click()
    created = accept(SHARED_CURRENT).coordinates.created_text
    assert opened.page.url.endswith(created)


def test_the_first_screen_says_what_it_is_whether_to_start_it_and_how_to_check_it(visit: Opener) -> None:
    opened = visit(script=False)
    page = opened.page
    page.set_viewport_size({"width": 1366, "height": 768})
    opened.go(entry_path(SHARED_CURRENT))
    for part in (
        page.get_by_role("heading", level=1, name=SHARED.title),
        page.locator(".byline").get_by_role("link"),
        page.locator(".banner").first,
        page.get_by_role("link", name="Download"),
        page.locator("code").filter(has_text="sum -c"),
    ):
        expect(part.first).to_be_in_viewport(ratio=1)


def test_tabs_work_without_scripts(visit: Opener) -> None:
    opened = visit(script=False)
    page = opened.page
    opened.go(entry_path(SHARED_CURRENT))
    parts = {"Use it": "#use", "Details": "#details", "History": "#history", "Trust": "#trust", "Raw": "#raw"}
    tabs = page.get_by_role("navigation", name="Parts of this page")
    for name, part in parts.items():
        tabs.get_by_role("link", name=name).click()
        expect(page.locator(part)).to_be_visible()
        assert page.locator(".panels > section[tabindex]:visible").count() == 1
    tabs.get_by_role("link", name="Use it").click()
    page.get_by_role("navigation", name="Platforms").get_by_role("link", name="QEMU").click()
    expect(page.locator("#qemu")).to_be_visible()
    expect(page.locator("#openstack")).to_be_hidden()


def test_the_history_says_what_a_statement_changed(visit: Opener) -> None:
    opened = visit()
    opened.go(f"{entry_path(SHARED_CURRENT)}#history")
    newest = opened.page.locator(".told > li").first
    expect(newest).to_contain_text("this statement")
    expect(newest.locator(".diff")).to_contain_text("Expires")
    assert newest.locator("del").count() == newest.locator("ins").count() == 1
