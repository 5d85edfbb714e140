"""Image lists that an endorser signs and uploads: who may, which hold, and when the site signs again."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import httpx
import pytest

from marketplace.access import Scope
from marketplace.cli import run
from marketplace.cli.database import open_database
from marketplace.cli.options import SettingsSource
from marketplace.cli.view_selector import open_selector
from marketplace.config import Settings
from marketplace.views.errors import ListToolError
from marketplace.views.registry import ViewRegistry
from marketplace.views.signing import slash_name
from marketplace.views.smime import verify_signature
from tests.dialects import clients
from tests.factories.documents import image, signed
from tests.functional.access import bearer, form_key, found_group, issue_token
from tests.functional.catalogue import eventually, upload
from tests.functional.image_lists import (
    AUTHORITY,
    BOB,
    JIM,
    LIST,
    NAMELESS,
    NOW,
    SELF,
    SHORT,
    SITE,
    TEXT,
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
from tests.functional.running import RunningServer, running_server
from tests.functional.test_views import digest
from tests.unit.trust.authorities import crl_bytes
from validators import accept
from validators.document import format_time

MEMBER, OUTSIDER, ADMIN = "mary@astro.example", "oscar@x.example", "root"
RECORD = "/api/v1/views/default"
PUT = f"{RECORD}/signed-list"
FORM = "/account/views/signed-list"


@dataclass(frozen=True)
class Site:
    """A marketplace, and what its people show."""

    server: RunningServer
    tokens: dict[str, str]
    folder: Path
    settings: dict[str, str]

    def put(self, message: bytes, by: str = ADMIN, path: str = PUT, **headers: str) -> httpx.Response:
        with self.server.client(headers={**TEXT, **headers, **bearer(self.tokens[by])}) as http:
            return http.put(path, content=message)

    def delete(self, by: str = ADMIN) -> httpx.Response:
        with self.server.client(headers=bearer(self.tokens[by])) as http:
            return http.delete(PUT)

    def get(self, path: str, **headers: str) -> httpx.Response:
        with self.server.client(headers=headers) as http:
            return http.get(path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    keys, trust = tmp_path_factory.mktemp("keys"), tmp_path_factory.mktemp("trust")
    (keys / "site.pem").write_bytes(SITE.certificate_pem)
    (keys / "site.key").write_bytes(SITE.key_pem())
    (trust / "root.pem").write_bytes(AUTHORITY.certificate_pem)
    (trust / "root.r0").write_bytes(
        crl_bytes(AUTHORITY, this_update=NOW - timedelta(days=1), next_update=NOW + timedelta(days=90))
    )
    settings = {
        "site_url": URL,
        "trust_anchors": str(trust),
        "views_certificate": str(keys / "site.pem"),
        "views_key": str(keys / "site.key"),
    }
    with (
        running_server(tmp_path_factory.mktemp("site"), **settings) as server,
        server.client() as http,
    ):
        found_group(server, "astro", MEMBER)
        tokens = {
            MEMBER: issue_token(server, MEMBER, [Scope.READ, Scope.UPLOAD]),
            OUTSIDER: issue_token(server, OUTSIDER, [Scope.READ, Scope.UPLOAD]),
            ADMIN: issue_token(server, ADMIN, [Scope.ADMIN]),
        }
        for data in (entry("one"), entry("two"), entry("three"), entry("other", BOB)):
            upload(http, data)
        yield Site(server, tokens, tmp_path_factory.mktemp("signing"), settings)


@pytest.fixture
def configured(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The settings of the server for commands of this process; returns the option that names its data."""
    for name, value in site.settings.items():
        monkeypatch.setenv(f"MARKETPLACE_{name.upper()}", value)
    return ["--data", str(site.server.data)]


@pytest.fixture
def taken(site: Site) -> Iterator[bytes]:
    """A list that was taken, and is gone afterwards."""
    message = made(site.folder, told())
    answer = site.put(message)
    assert answer.status_code == 200, answer.text
    served = site.get(LIST).content
    assert parts_of(served) == parts_of(message)
    yield served
    site.delete()


def test_the_list_of_an_endorser_is_served(site, taken):
    answer = site.get(LIST)
    assert answer.content == taken
    assert len(proved(answer.content, site.folder)["hv:images"]) == 2
    assert answer.headers["marketplace-left-out"] == "2"
    tag = answer.headers["etag"]
    assert site.get(LIST, **{"If-None-Match": tag}).status_code == 304
    record = site.get(RECORD).json()
    facts = record["signed_list"]
    assert (facts["served"], facts["reason"], facts["endorser"]) == (True, None, "jim@example.org")
    assert facts["expires"] == format_time(NOW + timedelta(days=30))
    (left,) = [one["left_out"] for one in record["dialects"] if one["name"] == "hepix"]
    assert left == {"not on the list that jim@example.org signed": 2}
    page = site.get("/views/default", Accept="text/html").text
    assert "is signed by jim@example.org until" in page


def test_atrope_trusts_the_endorser_of_the_list(site, taken, tmp_path):
    root, named = tmp_path / "root.pem", JIM.certificate
    root.write_bytes(AUTHORITY.certificate_pem)
    name = clients.run("openssl", "x509", "-hash", "-noout", "-in", root, folder=tmp_path).stdout.strip()
    (tmp_path / f"{name}.0").write_bytes(AUTHORITY.certificate_pem)
    (tmp_path / "state").mkdir()
    (tmp_path / "cache").mkdir()
    (tmp_path / "atrope.conf").write_text(
        f"[DEFAULT]\nca_path = {tmp_path}\nstate_path = {tmp_path}/state\n"
        f"[sources]\nhepix_sources = {tmp_path}/hepix.yaml\n[cache]\npath = {tmp_path}/cache\n"
        "[dispatchers]\ndispatcher = noop\n"
    )
    (tmp_path / "hepix.yaml").write_text(
        f"lab:\n  url: {site.server.url}{LIST}\n  enabled: true\n  endorser:\n"
        f"    dn: '{slash_name(named.subject)}'\n    ca: '{slash_name(named.issuer)}'\n  images: []\n"
    )
    told = clients.run("atrope", "--config-file", "atrope.conf", "imagelist-fetch", folder=tmp_path)
    assert told.returncode == 0, told.stderr
    rows = dict(
        [part.strip() for part in line.split("|")[1:3]] for line in told.stdout.splitlines() if "|" in line
    )
    assert (rows["verified"], rows["trusted"], rows["expired"]) == ("True", "True", "False"), told.stdout


def test_a_removed_list_brings_back_that_of_the_site(site, taken):
    assert site.delete(OUTSIDER).status_code == 404
    assert site.delete().status_code == 204
    assert len(proved(site.get(LIST).content, site.folder)["hv:images"]) == 4
    assert site.get(RECORD).json()["signed_list"] is None
    again = site.delete()
    assert (again.status_code, again.json()["code"]) == (404, "signed-list.unknown")


def test_another_list_takes_the_place_of_the_first(site, taken):
    second = made(site.folder, told(JIM, "three"), JIM, "-certfile", "certificate")
    assert site.put(second).status_code == 200
    assert parts_of(site.get(LIST).content) == parts_of(second)


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


def test_a_member_uploads_the_list_of_a_view_of_the_group(site):
    with site.server.client(headers=bearer(site.tokens[MEMBER])) as http:
        assert http.post("/api/v1/views", json={"name": "astro:own"}).status_code == 201
    place = "/views/astro:own/hepix/image.list"
    message = made(site.folder, told(change=changed("hv:uri", f"{URL}{place}")))
    assert site.put(message, MEMBER, "/api/v1/views/astro:own/signed-list").status_code == 200
    assert site.get("/views/astro:own/hepix/image.list").status_code == 404
    assert site.get("/api/v1/views/astro:own").status_code == 404
    shown = site.get("/views/astro:own/hepix/image.list", **bearer(site.tokens[MEMBER]))
    assert parts_of(shown.content) == parts_of(message)
    # A forgotten view leaves no list to another one of its name.
    with site.server.client(headers=bearer(site.tokens[MEMBER])) as http:
        assert http.delete("/api/v1/views/astro:own").status_code == 204
        assert http.post("/api/v1/views", json={"name": "astro:own"}).status_code == 201
        assert http.get("/api/v1/views/astro:own").json()["signed_list"] is None


def test_a_copy_has_the_list_and_is_proved_with_it(taken, configured, tmp_path, capsys):
    command = ["export", "--static", *configured, "--url", "https://copy.example"]
    assert run([*command, str(tmp_path / "copy")]) == 0
    assert (tmp_path / "copy/hepix/image.list").read_bytes() == taken
    assert run(["verify", "--static", str(tmp_path / "copy")]) == 0, capsys.readouterr().err
    index = tmp_path / "copy/index.json"
    index.write_bytes(index.read_bytes().replace(b'"signed_list":"jim@', b'"signed_list":"bob@'))
    assert run(["verify", "--static", str(tmp_path / "copy")]) == 5
    assert "in the view by another endorser: bob@example.org lists own images only" in capsys.readouterr().err


def test_commands_upload_and_remove_a_list(site, configured, tmp_path, capsys):
    data = configured
    message = made(tmp_path, told())
    (tmp_path / "image.list").write_bytes(message)
    (tmp_path / "altered").write_bytes(message.replace(b"Debian", b"Fedora"))
    assert run(["view", "upload-list", *data, "default", str(tmp_path / "altered")]) == 5
    assert "[signed-list.signature]" in capsys.readouterr().err
    assert run(["view", "upload-list", *data, "missing", str(tmp_path / "image.list")]) == 3
    assert run(["view", "upload-list", *data, "default", str(tmp_path / "image.list")]) == 0
    eventually(lambda: parts_of(site.get(LIST).content) == parts_of(message))
    assert run(["view", "remove-list", *data, "default"]) == 0
    assert run(["view", "remove-list", *data, "default"]) == 3
    eventually(lambda: parts_of(site.get(LIST).content) != parts_of(message))


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


def test_the_list_of_a_secret_view_names_its_secret_address(site):
    with site.server.client(headers=bearer(site.tokens[ADMIN])) as http:
        made_view = http.post("/api/v1/views", json={"name": "feed", "secret": True})
    assert made_view.status_code == 201, made_view.text
    address = made_view.json()["url"] + "/hepix/image.list"
    path = "/api/v1/views/feed/signed-list"
    by_name = site.put(
        made(site.folder, told(change=changed("hv:uri", f"{URL}/views/feed/hepix/image.list"))), path=path
    )
    assert (by_name.status_code, by_name.json()["code"]) == (400, "signed-list.address")
    assert "/views/SECRET-NAME/hepix/image.list" in by_name.json()["detail"]
    message = made(site.folder, told(change=changed("hv:uri", address)))
    assert site.put(message, path=path).status_code == 200
    assert parts_of(site.get(address.removeprefix(URL)).content) == parts_of(message)


def filled(page: str, act: str, file: bytes | None = None) -> dict[str, object]:
    """What a browser sends of the form."""
    fields: dict[str, object] = {"key": (None, form_key(page)), "act": (None, act)}
    return fields if file is None else {**fields, "list": ("image.list", file)}


def commands_of(page: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'data-copy="([^"]*)"', page)]


def test_a_list_is_made_by_the_commands_of_its_page_uploaded_and_removed_in_a_browser(site, tmp_path):
    own = {"Origin": URL}
    with site.server.client(headers={"Accept": "text/html"}) as browser:
        key = form_key(browser.get("/login").text)
        browser.post("/login", data={"token": site.tokens[ADMIN], "key": key}, headers=own)
        path = f"{FORM}?name=default"
        page = browser.get(path).text
        address, take, names, sign = commands_of(page)
        assert address == f"{URL}{LIST}" and address in take
        (tmp_path / "me.cert.pem").write_bytes(JIM.certificate_pem)
        (tmp_path / "me.key.pem").write_bytes(JIM.key_pem())
        done = clients.run("sh", "-ec", take.replace(URL, site.server.url), folder=tmp_path)
        assert done.returncode == 0, done.stderr
        text = json.loads((tmp_path / "list.json").read_text())
        every = text["hv:imagelist"]
        shown = clients.run("sh", "-ec", names, folder=tmp_path).stdout.splitlines()
        subject, issuer = (one.partition("=")[2].strip() for one in shown)
        every["hv:endorser"]["hv:x509"] |= {"hv:dn": subject, "hv:ca": issuer}
        every["hv:images"] = [
            one for one in every["hv:images"] if one["hv:image"]["ad:user:fullname"] == "jim@example.org"
        ]
        assert every["hv:images"]
        (tmp_path / "list.json").write_text(json.dumps(text))
        assert clients.run("sh", "-ec", sign, folder=tmp_path).returncode == 0
        message = (tmp_path / "image.list").read_bytes()

        def post(act: str, file: bytes | None = None, **headers: str) -> httpx.Response:
            fields = filled(browser.get(path).text, act, file)
            return browser.post(path, files=fields, headers={**own, **headers})

        nothing = post("keep")
        assert nothing.status_code == 400 and "Choose the file" in nothing.text
        refused = post("keep", message.replace(b"debian", b"fedora"))
        assert refused.status_code == 400 and "the signature does not hold" in refused.text
        assert post("keep", message, Origin="https://evil.example").status_code == 403
        without = browser.post(path, files={"act": (None, "keep"), "list": ("x", message)}, headers=own)
        assert without.status_code == 403
        assert post("keep", b"x" * (5 << 20)).status_code == 413
        assert "jim@example.org" not in browser.get(path).text
        assert post("keep", message).headers["location"] == f"{URL}{path}"
        assert parts_of(site.get(LIST).content) == parts_of(message)
        assert "jim@example.org, until" in browser.get(path).text
        assert path.replace("&", "&amp;") in browser.get("/views/default").text
        assert post("remove").status_code == 303
        assert parts_of(site.get(LIST).content) != parts_of(message)
        again = browser.get(path).text
        assert "Remove the list" not in again and "jim@example.org" not in again
        assert browser.get(f"{FORM}?name=missing").status_code == 404


def test_a_server_without_openssl_says_so(monkeypatch, tmp_path):
    message = made(tmp_path, told())
    assert message_from_bytes(message).get_content_type() == "multipart/signed"
    assert len(verify_signature(message).certificates) == 1
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ListToolError, match="openssl is not installed on the server"):
        verify_signature(message)


def test_an_image_that_is_withdrawn_brings_back_the_list_of_the_site(site, taken):
    """Last but one: what is withdrawn stays so."""
    with site.server.client() as http:
        content = "two"
        sums = tuple(
            (name, digest(name.replace("-", "").lower(), content)) for name in ("SHA-256", "SHA-512")
        )
        draft = image(content=content, checksums=sums, size=len(content), deprecated="a backdoor")
        upload(http, signed(draft, JIM, created=format_time(NOW)))
    eventually(lambda: site.get(LIST).content != taken)
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
    eventually(lambda: parts_of(site.get(LIST).content)[0] != text)
    assert site.get(RECORD).json()["signed_list"] is None
