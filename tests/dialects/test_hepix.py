"""HEPiX image lists, read by atrope and OpenSSL as they are installed."""

from __future__ import annotations

import json
from email import message_from_bytes
from pathlib import Path

import pytest

from marketplace.access import Scope
from tests.dialects.clients import run
from tests.dialects.conftest import ALICE, NOW, SITE, Lab
from tests.factories.documents import image, signed
from tests.functional.access import bearer, found_group, issue_token
from tests.functional.test_views import digest
from validators.document import format_time


def names(folder: Path) -> tuple[str, str]:
    """Subject and issuer of the site's certificate, as OpenSSL writes them in one line."""
    (folder / "site.pem").write_bytes(SITE.certificate_pem)
    told = run(
        "openssl", "x509", "-noout", "-subject", "-issuer", "-nameopt", "compat", "-in", "site.pem",
        folder=folder,
    ).stdout  # fmt: skip
    subject, issuer = (line.partition("=")[2].strip() for line in told.splitlines())
    return subject, issuer


@pytest.fixture(scope="module")
def authorities(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which OpenSSL looks for authorities."""
    folder = tmp_path_factory.mktemp("ca")
    (folder / "root.pem").write_bytes(lab.authority.certificate_pem)
    name = run("openssl", "x509", "-hash", "-noout", "-in", "root.pem", folder=folder).stdout.strip()
    (folder / f"{name}.0").write_bytes(lab.authority.certificate_pem)
    return folder


def fetch(lab: Lab, authorities: Path, folder: Path) -> dict:
    """The list, as OpenSSL proves it: the call that cloudkeeper and atrope make."""
    answer = lab.get("hepix/image.list")
    assert answer.status_code == 200, answer.text
    return proved(answer.content, authorities, folder)


def proved(content: bytes, authorities: Path, folder: Path) -> dict:
    (folder / "image.list").write_bytes(content)
    told = run("openssl", "smime", "-verify", "-CApath", authorities, "-in", "image.list", folder=folder)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)["hv:imagelist"]


def test_the_list_has_what_every_reader_needs(lab, authorities, tmp_path):
    told = fetch(lab, authorities, tmp_path)
    endorser = told["hv:endorser"]["hv:x509"]
    assert (endorser["hv:dn"], endorser["hv:ca"]) == names(tmp_path)
    assert endorser["hv:email"] == "images@lab.example"
    assert told["ad:vo"] == "127.0.0.1"
    images = {one["hv:image"]["sl:osname"]: one["hv:image"] for one in told["hv:images"]}
    # Without a SHA-512, or without a place on the web, a list would be refused as a whole.
    assert set(images) == {"Debian", "Ubuntu"}
    assert lab.get("hepix/image.list").headers["marketplace-left-out"] == "2"
    debian, ubuntu = images["Debian"], images["Ubuntu"]
    entry = lab.entries["debian"]
    assert debian["dc:title"] == "Debian 12 für alle"
    assert debian["hv:size"] == len(lab.contents["/debian.qcow2"])
    assert debian["dc:date:expires"] == format_time(entry.metadata.valid)
    assert ubuntu["dc:date:expires"] == told["dc:date:expires"]
    assert debian["sl:comments"] == entry.entry_id
    with lab.server.client() as http:
        proof = http.get(debian["ad:mpuri"], headers={"Accept": "application/rdf+xml"})
    assert proof.content == entry.data
    assert all(value is not None for one in images.values() for value in one.values())


def test_the_same_list_is_the_same_bytes(lab):
    first, second = lab.get("hepix/image.list"), lab.get("hepix/image.list")
    assert first.content == second.content
    message = message_from_bytes(first.content)
    assert message.get_content_type() == "multipart/signed"


def test_atrope_fetches_verifies_trusts_and_downloads(lab, authorities, tmp_path):
    identifier = {
        one["hv:image"]["sl:osname"]: one["hv:image"]["dc:identifier"]
        for one in fetch(lab, authorities, tmp_path)["hv:images"]
    }["Debian"]
    source = f"  url: {lab.url}/hepix/image.list\n"
    assert downloaded(authorities, tmp_path, source, identifier) == [lab.contents["/debian.qcow2"]]


def test_atrope_holds_bytes_against_the_digest_of_the_list(lab, authorities, tmp_path, monkeypatch):
    """What docs/sites.md says of atrope beside this software."""
    identifiers = {
        one["hv:image"]["sl:osname"]: one["hv:image"]["dc:identifier"]
        for one in fetch(lab, authorities, tmp_path)["hv:images"]
    }
    monkeypatch.setitem(lab.contents, "/debian.qcow2", lab.contents["/debian.qcow2"][::-1])
    source = f"  url: {lab.url}/hepix/image.list\n"
    wanted = (identifiers["Debian"], identifiers["Ubuntu"])
    assert downloaded(authorities, tmp_path, source, *wanted) == [lab.contents["/ubuntu.qcow2"]]


def test_atrope_reads_the_view_of_a_group_with_a_token(lab, authorities, tmp_path):
    """It sends the token as the user name of Basic with the list, and nothing with the images."""
    server, owner = lab.server, "mary@astro.example"
    found_group(server, "astro", owner)
    token = issue_token(server, owner, [Scope.READ, Scope.UPLOAD])
    place = lab.entries["ubuntu"].metadata.locations[0]
    sums = (("SHA-512", digest("sha512", "disk of ubuntu")),)
    private = image(content="disk of ubuntu", os="Secret", checksums=sums, locations=(place,), size=14)
    with server.client(headers=bearer(token)) as http:
        data = signed(private, ALICE, created=format_time(NOW))
        kind = {"Content-Type": "application/rdf+xml"}
        assert http.post("/metadata?audience=astro", content=data, headers=kind).status_code == 201
        made = http.post("/api/v1/views", json={"name": "astro:own", "search": "os=Secret"})
        assert made.status_code == 201, made.text
    path = "/views/astro:own/hepix/image.list"
    with server.client() as http:
        assert http.get(path).status_code == 404
        answer = http.get(path, auth=(token, "x-oauth-basic"))
    assert answer.status_code == 200 and place in answer.text
    (one,) = proved(answer.content, authorities, tmp_path)["hv:images"]
    source = f"  url: {server.url}{path}\n  token: {token}\n"
    identifier = one["hv:image"]["dc:identifier"]
    assert downloaded(authorities, tmp_path, source, identifier) == [lab.contents["/ubuntu.qcow2"]]


def downloaded(authorities: Path, tmp_path: Path, source: str, *identifiers: str) -> list[bytes]:
    """What atrope has of an image after it fetched, verified and trusted a list.

    Args:
        source: where the list is, and how to get it, as lines of its configuration.
    """
    (tmp_path / "atrope.conf").write_text(
        f"[DEFAULT]\nca_path = {authorities}\nstate_path = {tmp_path}/state\n"
        f"download_ca_file = {tmp_path}/bundle.pem\n[sources]\nhepix_sources = {tmp_path}/hepix.yaml\n"
        f"[cache]\npath = {tmp_path}/cache\n[dispatchers]\ndispatcher = noop\n"
    )
    subject, issuer = names(tmp_path)
    (tmp_path / "hepix.yaml").write_text(
        f"lab:\n{source}  enabled: true\n  endorser:\n"
        f"    dn: '{subject}'\n    ca: '{issuer}'\n  images: {list(identifiers)}\n"
    )
    (tmp_path / "state").mkdir()
    (tmp_path / "cache").mkdir()
    told = run("atrope", "--config-file", "atrope.conf", "imagelist-fetch", folder=tmp_path)
    assert told.returncode == 0, told.stderr
    rows = {
        cells[1].strip(): cells[2].strip()
        for line in told.stdout.splitlines()
        if len(cells := line.split("|")) == 4
    }
    assert (rows["verified"], rows["trusted"], rows["expired"]) == ("True", "True", "False"), told.stdout
    done = run("atrope", "--config-file", "atrope.conf", "cache-sync", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    files = [one for one in (tmp_path / "cache").rglob("*") if one.is_file()]
    return [one.read_bytes() for one in files]
