"""Image lists that are refused, and those that are served no longer, so that the site signs again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from marketplace.cli.database import open_database
from marketplace.cli.options import SettingsSource
from marketplace.cli.view_selector import open_selector
from marketplace.config import Settings
from marketplace.views.registry import ViewRegistry
from tests.factories.documents import image, signed
from tests.functional.access import bearer
from tests.functional.catalogue import upload
from tests.functional.image_lists import (
    BOB,
    JIM,
    LIST,
    NAMELESS,
    NOW,
    SELF,
    SHORT,
    URL,
    changed,
    entry,
    made,
    nested,
    of_image,
    parts_of,
    proved,
    told,
)
from tests.functional.list_site import ADMIN, MEMBER, OUTSIDER, RECORD, configured, site, taken
from tests.functional.test_views import digest
from tests.waiting import wait_for
from validators import accept
from validators.document import format_time

__all__ = ["configured", "site", "taken"]


def test_nothing_that_was_not_signed_is_served(site, taken):
    """Headers, and text before, between and after the two parts."""
    kind, blank, rest = made(site.folder, told()).partition(b"\n\n")
    noisy = (
        b"Subject: unsigned words\n" + kind + b"\nX-More: unsigned words" + blank
        + b'unsigned words, {"hv:imagelist": 1}\n' + rest + b"\nunsigned words }\n"
    )  # fmt: skip
    mailed = noisy.replace(b"\n", b"\r\n")
    for message in (noisy, mailed):
        answer = site.put(message)
        assert answer.status_code == 200, answer.text
        served = site.get(LIST).content
        assert b"unsigned" not in served and b"X-More" not in served
        assert served == taken or parts_of(served)[0] == parts_of(taken)[0]
        proved(served, site.folder)


REFUSED: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "no message": (lambda folder: told(), "signed-list.form"),
    "nothing": (lambda folder: b"", "signed-list.form"),
    "opaque": (lambda folder: made(folder, told(), JIM, "-nodetach"), "signed-list.form"),
    "no signature": (lambda folder: made(folder, told())[:600], "signed-list.signature"),
    "altered": (lambda folder: made(folder, told()).replace(b"Debian", b"Fedora"), "signed-list.signature"),
    "weak digest": (lambda folder: made(folder, told(), JIM, "-md", "sha1"), "signed-list.signature"),
    "without certificate": (lambda folder: made(folder, told(), JIM, "-nocerts"), "signed-list.signature"),
    "nested": (nested, "signed-list.form"),
    "no JSON": (lambda folder: made(folder, b"images\n"), "signed-list.form"),
    "deep": (lambda folder: made(folder, b'{"a":' * 100_000), "signed-list.form"),
    "no images": (
        lambda folder: made(folder, told(change=changed("hv:images", []))), "signed-list.form",
    ),
    "a member twice": (
        lambda folder: made(folder, told().replace(b'"hv:version"', b'"hv:uri"', 1)), "signed-list.form",
    ),
    "a lacking field": (
        lambda folder: made(folder, told(change=of_image("sl:arch", None))), "signed-list.form",
    ),
    "a date without zone": (
        lambda folder: made(folder, told(change=changed("dc:date:expires", "2030-01-01T00:00:00"))),
        "signed-list.form",
    ),
    "expired": (
        lambda folder: made(folder, told(change=changed("dc:date:expires", "2020-01-01T00:00:00Z"))),
        "signed-list.expired",
    ),
    "self-signed": (lambda folder: made(folder, told(SELF), SELF), "signed-list.signer"),
    "no address": (lambda folder: made(folder, told(NAMELESS), NAMELESS), "signed-list.signer"),
    "a short key": (lambda folder: made(folder, told(SHORT), SHORT), "signed-list.signer"),
    "another name": (lambda folder: made(folder, told(BOB), JIM), "signed-list.signer"),
    "of another address": (
        lambda folder: made(folder, told(change=changed("hv:uri", "https://images.example/list"))),
        "signed-list.address",
    ),
    "of another view": (
        lambda folder: made(folder, told(change=changed("hv:uri", f"{URL}/views/other/hepix/image.list"))),
        "signed-list.address",
    ),
    "of the same address in another spelling": (
        lambda folder: made(folder, told(change=changed("hv:uri", URL + LIST.replace("de", "%64e")))),
        "signed-list.address",
    ),
    "another endorser": (lambda folder: made(folder, told(BOB), BOB), "signed-list.image"),
    "not in the view": (lambda folder: made(folder, told(JIM, "one", "unknown")), "signed-list.image"),
    "another size": (
        lambda folder: made(folder, told(change=of_image("hv:size", 7))), "signed-list.image",
    ),
    "another digest": (
        lambda folder: made(folder, told(change=of_image("sl:checksum:sha512", "0" * 128))),
        "signed-list.image",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_list_of_its_signer_is_refused(site, case):
    make, code = REFUSED[case]
    answer = site.put(make(site.folder))
    assert (answer.status_code, answer.json().get("code")) == (400, code), answer.text
    assert site.get(RECORD).json()["signed_list"] is None


def test_who_may_not_change_the_view_uploads_no_list(site):
    message = made(site.folder, told())
    for who in (MEMBER, OUTSIDER):
        answer = site.put(message, who)
        assert (answer.status_code, answer.json()["code"]) == (404, "view.unknown")
    answer = site.put(message, path="/api/v1/views/missing/signed-list")
    assert (answer.status_code, answer.json()["code"]) == (404, "view.unknown")
    assert site.get(RECORD).json()["signed_list"] is None


def test_a_list_that_is_too_large_or_of_another_type_is_refused(site):
    answer = site.put(b" " * (5 << 20))
    assert (answer.status_code, answer.json()["code"]) == (413, "body.size")
    answer = site.put(b"{}", **{"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (415, "body.type")


def test_a_list_that_is_over_or_whose_signer_is_not_believed_is_not_served(site, taken, configured):
    settings = SettingsSource(None, str(site.server.data)).read()

    def held(at: datetime, settings: Settings = settings) -> object:
        with open_database(settings) as database, database.read() as session:
            definition = ViewRegistry(session).get("default")
            return open_selector(settings, database).select(session, definition, "default", at).view

    ends = NOW + timedelta(days=30)
    now = held(NOW)
    assert now.signed_list.data == taken and now.until <= ends + timedelta(seconds=1)
    assert held(ends).signed_list.data == taken
    later = held(ends + timedelta(seconds=1)).signed_list
    assert later == f"the list ended on {format_time(ends)}"
    others = settings.model_copy(update={"trust": settings.trust.model_copy(update={"anchors": ()})})
    assert "does not believe the signer" in str(held(NOW, others).signed_list)
    moved = settings.model_copy(
        update={"site": settings.site.model_copy(update={"url": "https://new.example.org"})}
    )
    assert f"hv:uri of the list is '{URL}{LIST}'" in str(held(NOW, moved).signed_list)


def test_an_image_that_is_withdrawn_brings_back_the_list_of_the_site(site, taken):
    """Last but one: what is withdrawn stays so."""
    with site.server.client() as http:
        content = "two"
        sums = tuple(
            (name, digest(name.replace("-", "").lower(), content)) for name in ("SHA-256", "SHA-512")
        )
        draft = image(content=content, checksums=sums, size=len(content), deprecated="a backdoor")
        upload(http, signed(draft, JIM, created=format_time(NOW)))
    wait_for(lambda: site.get(LIST).content != taken)
    assert len(proved(site.get(LIST).content, site.folder)["hv:images"]) == 3
    facts = site.get(RECORD).json()["signed_list"]
    assert not facts["served"] and "image 2 of the list" in facts["reason"]
    assert "is not served: image 2" in site.get("/views/default", Accept="text/html").text


def test_an_endorser_whose_entry_is_erased_leaves_no_list(site):
    message = made(site.folder, told(JIM, "one", "three"))
    assert site.put(message).status_code == 200
    text = parts_of(message)[0]
    assert parts_of(site.get(LIST).content)[0] == text
    place = accept(entry("three")).coordinates.path()
    with site.server.client(headers=bearer(site.tokens[ADMIN])) as http:
        answer = http.post(f"/api/v1/entries/{place}/erase", json={"reason": "asked for"})
        assert answer.status_code == 200, answer.text
    wait_for(lambda: parts_of(site.get(LIST).content)[0] != text)
    assert site.get(RECORD).json()["signed_list"] is None
