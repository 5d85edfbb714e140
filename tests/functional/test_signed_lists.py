"""Image lists that an endorser signs and uploads: how they are served, copied, made and removed."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from email import message_from_bytes

import httpx
import pytest

from marketplace.cli import run
from marketplace.views.errors import ListToolError
from marketplace.views.signing import slash_name
from marketplace.views.smime import verify_signature
from tests.dialects import clients
from tests.functional.access import bearer, form_key
from tests.functional.image_lists import (
    AUTHORITY,
    JIM,
    LIST,
    NOW,
    URL,
    changed,
    made,
    parts_of,
    proved,
    told,
)
from tests.functional.list_site import ADMIN, MEMBER, OUTSIDER, RECORD, configured, site, taken
from tests.waiting import wait_for
from validators.document import format_time

__all__ = ["configured", "site", "taken"]


FORM = "/account/views/signed-list"


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
    wait_for(lambda: parts_of(site.get(LIST).content) == parts_of(message))
    assert run(["view", "remove-list", *data, "default"]) == 0
    assert run(["view", "remove-list", *data, "default"]) == 3
    wait_for(lambda: parts_of(site.get(LIST).content) != parts_of(message))


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
