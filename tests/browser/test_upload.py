"""Uploading by form: checked first, explained, dropped, and without scripts."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import Page, expect

from tests.browser.catalogue import FRANK, ago
from tests.browser.conftest import Opener
from tests.browser.looking import violations
from tests.browser.test_pages import entry_path
from tests.factories.documents import image, signed


def choose(page: Page, data: bytes) -> None:
    page.get_by_label("Signed metadata").set_input_files(
        {"name": "entry.xml", "mimeType": "application/xml", "buffer": data}
    )


@pytest.mark.parametrize("script", [True, False])
def test_a_check_stores_nothing_and_an_upload_follows(visit: Opener, script: bool) -> None:
    data = signed(image(content=f"uploaded by form {script}", title="By form"), FRANK, ago(0))
    opened = visit(script=script)
    page = opened.page
    opened.go("/upload")
    choose(page, data)
    page.get_by_role("button", name="Check only").click()
    expect(page.get_by_role("heading", name="This document can be uploaded")).to_be_visible()
    assert page.locator(".step.passed").count() == 8
    opened.go(entry_path(data), 404)
    opened.go("/upload")
    choose(page, data)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Published.")
    page.get_by_role("link", name="See the entry").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("By form")


def test_with_scripts_the_file_stays_chosen_between_check_and_upload(visit: Opener) -> None:
    data = signed(image(content="stays chosen"), FRANK, ago(0))
    opened = visit()
    opened.go("/upload")
    choose(opened.page, data)
    opened.page.get_by_role("button", name="Check only").click()
    expect(opened.page.get_by_role("heading", name="This document can be uploaded")).to_be_visible()
    opened.page.get_by_role("button", name="Upload", exact=True).click()
    expect(opened.page.get_by_role("status")).to_have_text("Published.")


@pytest.mark.parametrize("script", [True, False])
def test_the_rule_that_fails_is_explained(visit: Opener, script: bool) -> None:
    data = signed(image(content="altered", title="Before"), FRANK, ago(0)).replace(b"Before", b"Behind")
    opened = visit(script=script)
    opened.go("/upload")
    choose(opened.page, data)
    opened.page.get_by_role("button", name="Check only").click()
    failed = opened.page.locator(".step.failed")
    expect(failed).to_contain_text("Signature is valid")
    expect(failed).to_contain_text("changed after it was signed")
    expect(failed).to_contain_text("signature.digest")
    assert opened.page.locator(".step.not-reached").count() == 5
    if script:
        assert violations(opened.page) == []


def test_a_refused_upload_says_how_to_mend_it(visit: Opener) -> None:
    opened = visit()
    opened.go("/upload")
    choose(opened.page, b"<not-an-entry/>")
    opened.failing.add(f"{opened.site}/metadata")
    opened.page.get_by_role("button", name="Upload", exact=True).click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Bad Request")
    expect(opened.page.locator(".explanation")).to_be_visible()


def test_a_file_can_be_dropped(visit: Opener) -> None:
    data = signed(image(content="dropped"), FRANK, ago(0))
    opened = visit()
    opened.go("/upload")
    carried = opened.page.evaluate_handle(
        """text => {
            const bytes = Uint8Array.from(atob(text), character => character.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], "entry.xml", { type: "application/xml" }));
            return carried;
        }""",
        base64.b64encode(data).decode(),
    )
    opened.page.dispatch_event(".drop", "dragover", {"dataTransfer": carried})
    opened.page.dispatch_event(".drop", "drop", {"dataTransfer": carried})
    expect(opened.page.get_by_role("heading", name="This document can be uploaded")).to_be_visible()
    opened.page.get_by_role("button", name="Upload", exact=True).click()
    expect(opened.page.get_by_role("status")).to_have_text("Published.")
