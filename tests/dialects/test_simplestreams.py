"""Simplestreams, read by the programs of the simplestreams project and of LXD as they are installed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.dialects.clients import run
from tests.dialects.conftest import Lab
from tests.dialects.lxd import lxc, reads_debian
from tests.factories.openpgp import Signer
from tests.sites.tls import behind_tls
from validators.lxd import metadata_archive


@pytest.fixture(scope="module")
def keyring(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site's public key."""
    file = tmp_path_factory.mktemp("keyring") / "site.gpg"
    file.write_bytes(lab.openpgp.public_key(armor=False))
    return file


def test_the_signed_index_is_proved_and_leads_to_every_image(lab, keyring, tmp_path):
    index = f"{lab.url}/simplestreams/streams/v1/index.sjson"
    told = run("sstream-query", "--json", f"--keyring={keyring}", index, folder=tmp_path)
    assert told.returncode == 0, told.stderr
    items = {one["os"]: one for one in json.loads(told.stdout) if one["ftype"] == "disk.img"}
    assert set(items) == {"Debian", "Ubuntu"}
    debian, entry = items["Debian"], lab.entries["debian"]
    assert (debian["arch"], debian["version"], debian["ftype"]) == ("amd64", "12", "disk.img")
    assert debian["sha256"] == hashlib.sha256(lab.contents["/debian.qcow2"]).hexdigest()
    assert (debian["mp_identifier"], debian["mp_entry"]) == (entry.identifier, entry.entry_id)
    assert debian["aliases"] == "debian-12"
    assert lab.get("simplestreams/streams/v1/images.json").headers["marketplace-left-out"] == "2"


def test_another_key_is_not_believed(lab, tmp_path):
    other = Signer(tmp_path / "gnupg")
    try:
        (tmp_path / "other.gpg").write_bytes(other.public_key(armor=False))
    finally:
        other.close()
    index = f"{lab.url}/simplestreams/streams/v1/index.sjson"
    told = run("sstream-query", f"--keyring={tmp_path}/other.gpg", index, folder=tmp_path)
    assert told.returncode != 0


def test_a_mirror_downloads_what_the_index_names(lab, keyring, tmp_path):
    told = run(
        "sstream-mirror", f"--keyring={keyring}", "--path=streams/v1/index.sjson",
        f"{lab.url}/simplestreams", tmp_path / "mirror", folder=tmp_path,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    found = {one.read_bytes() for one in (tmp_path / "mirror" / "images").rglob("*.qcow2")}
    assert found == set(lab.contents.values())


def test_plain_and_signed_documents_say_the_same(lab):
    plain = lab.get("simplestreams/streams/v1/index.json")
    signed = lab.get("simplestreams/streams/v1/index.sjson")
    assert plain.headers["content-type"].startswith("application/json")
    (ours,) = plain.json()["index"].values()
    assert ours["path"] == "streams/v1/images.json"
    assert ours["path"].replace(".json", ".sjson") in signed.text
    products = lab.get("simplestreams/streams/v1/images.json").json()["products"]
    assert list(products) == ours["products"]
    for product in products.values():
        for name, version in product["versions"].items():
            assert name[:8].isdigit()
            assert all(isinstance(item["size"], int) for item in version["items"].values())
    assert lab.get("simplestreams/streams/v1/index.sjson").content == signed.content


def test_lxc_reads_a_view(lab, certificate, tmp_path):
    with behind_tls(lab.server.port, certificate) as port:
        url = f"https://127.0.0.1:{port}/views/default/simplestreams"
        reads_debian(lab, url, certificate[0], tmp_path)


def test_lxc_refuses_a_disk_that_is_another_one(lab, certificate, tmp_path, monkeypatch):
    monkeypatch.setitem(lab.contents, "/debian.qcow2", lab.contents["/debian.qcow2"][::-1])
    with behind_tls(lab.server.port, certificate) as port, pytest.raises(AssertionError, match="mismatch"):
        url = f"https://127.0.0.1:{port}/views/default/simplestreams"
        lxc(tmp_path, certificate[0], "remote", "add", "lab", url, "--protocol", "simplestreams")
        lxc(tmp_path, certificate[0], "image", "export", "lab:debian-12", str(tmp_path))


def test_an_archive_is_served_with_a_tag_and_no_image_has_to_need_it(lab):
    for name in ("x86_64", "aarch64"):
        answer = lab.get(f"simplestreams/archives/{name}/metadata.tar")
        assert answer.content == metadata_archive(name)
        assert answer.headers["content-type"].startswith("application/x-tar") and answer.headers["etag"]
    assert lab.get("simplestreams/archives/m68k/metadata.tar").status_code == 404
