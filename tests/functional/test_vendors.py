"""``marketplace mirror vendor`` against a real server and vendor trees that real gpg signed."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import httpx
import pytest

from tests.factories import images
from tests.factories.identities import make_identity
from tests.factories.openpgp import Signer
from tests.functional.running import RunningServer
from tests.unit.locations.content import ContentServer, content_server
from validators import accept
from validators.document import AcceptedEntry
from validators.vocabulary import dcterms

KEYS = ("--cert", "cert.pem", "--key", "key.pem")
_PROV = "{http://www.w3.org/ns/prov#}"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory):
    made = Signer(tmp_path_factory.mktemp("vendor") / "home")
    yield made
    made.close()


@pytest.fixture
def vendor(signer: Signer, here: Path):
    """The web server of a vendor, whose key the publisher has."""
    (here / "vendor.asc").write_bytes(signer.public_key())
    with content_server() as running:
        yield running


@pytest.fixture
def here(cli, server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request) -> Path:
    """The folder of a site that mirrors, under an address of its own in each test."""
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    identity = make_identity("Mirror", f"{name}@example.org")
    (tmp_path / "cert.pem").write_bytes(identity.certificate_pem)
    (tmp_path / "key.pem").write_bytes(identity.key_pem())
    monkeypatch.setenv("MARKETPLACE_ENDPOINT", server.url)
    return tmp_path


def settings(here: Path, vendor: ContentServer, **changed: object) -> None:
    values = {
        "name": "linux",
        "kind": "sums",
        "catalogue": f"{vendor.url}/latest/SHA512SUMS",
        "signature": f"{vendor.url}/latest/SHA512SUMS.sign",
        "keyring": "vendor.asc",
        "file": r"linux-(?P<version>[0-9.]+)-amd64\.qcow2",
        "tag": "linux",
        "title": "Linux {version}",
        **changed,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items() if value is not None]
    text = "[[vendor]]\n" + "\n".join(lines) + '\n[vendor.terms]\nos = "linux"\narch = "x86_64"\n'
    (here / "vendors.toml").write_text(text)


def sums(vendor: ContentServer, signer: Signer, files: dict[str, bytes], at: str = "") -> None:
    """Lay files out as Debian does."""
    listed = "".join(f"{hashlib.sha512(data).hexdigest()}  {name}\n" for name, data in files.items()).encode()
    vendor.files |= {f"/latest/{name}": data for name, data in files.items()}
    vendor.files["/latest/SHA512SUMS"] = listed
    vendor.files["/latest/SHA512SUMS.sign"] = signer.detached(listed, at=at)


def mirror(cli, *more: object, code: int = 0):
    done = cli("mirror", "vendor", "--settings", "vendors.toml", *KEYS, "-o", "json", *more)
    assert done.code == code, done.err
    if code:
        assert done.is_sentence(), done.err
        return done.err
    return done.json


def entry(http: httpx.Client, told: dict[str, str]) -> AcceptedEntry:
    return accept(http.get(f"/metadata/{told['entry']}").content)


def image(name: str) -> bytes:
    return images.qcow2(1 << 30, length=64 * 1024) + name.encode()


def test_a_new_version_is_published_with_where_it_comes_from(cli, here, vendor, signer, http) -> None:
    content = image("one")
    sums(
        vendor,
        signer,
        {"linux-1.9-amd64.qcow2": b"old", "linux-1.10-amd64.qcow2": content, "other.txt": b"x"},
    )
    settings(here, vendor)
    (told,) = mirror(cli)
    assert (told["vendor"], told["version"], told["outcome"]) == ("linux", "1.10", "published")
    said = entry(http, told).metadata
    assert (said.title, said.os, said.version, said.tags) == ("Linux 1.10", "linux", "1.10", ("linux",))
    assert said.locations == (f"{vendor.url}/latest/linux-1.10-amd64.qcow2",)
    assert {one.algorithm: one.value for one in said.checksums}["SHA-512"] == hashlib.sha512(
        content
    ).hexdigest()
    extensions = {one.name: one.text for one in said.extensions}
    assert extensions[dcterms("source")] == f"{vendor.url}/latest/SHA512SUMS"
    assert extensions[_PROV + "wasAttributedTo"].startswith("openpgp4fpr:")
    assert extensions[_PROV + "wasDerivedFrom"].startswith(f"{said.locations[0]}#SHA-512=")


def test_what_is_published_already_is_not_read_again(cli, here, vendor, signer, http) -> None:
    sums(vendor, signer, {"linux-1-amd64.qcow2": image("again")})
    settings(here, vendor)
    (first,) = mirror(cli)
    vendor.asked.clear()
    (second,) = mirror(cli)
    assert (second["outcome"], second["entry"]) == ("unchanged", first["entry"])
    assert [path for _, path in vendor.asked] == ["/latest/SHA512SUMS.sign", "/latest/SHA512SUMS"]


def test_the_next_version_takes_the_tag_and_the_withdrawn_one_is_deprecated(
    cli, here, vendor, signer, http
) -> None:
    sums(vendor, signer, {"linux-1-amd64.qcow2": image("first")})
    settings(here, vendor, withdraw=True)
    (first,) = mirror(cli)
    vendor.files.clear()
    sums(vendor, signer, {"linux-2-amd64.qcow2": image("second")})
    second, gone = mirror(cli)
    assert (second["outcome"], gone["outcome"]) == ("published", "deprecated")
    old, new = entry(http, first), entry(http, second)
    assert [term.text for term in new.metadata.terms if term.name == dcterms("replaces")] == [old.identifier]
    withdrawn = entry(http, gone)
    assert withdrawn.identifier == old.identifier
    assert withdrawn.metadata.deprecated
    assert [one["outcome"] for one in mirror(cli)] == ["unchanged"]


def test_what_was_withdrawn_by_hand_stays_withdrawn(cli, here, vendor, signer, http) -> None:
    sums(vendor, signer, {"linux-1-amd64.qcow2": image("bad")})
    settings(here, vendor)
    (first,) = mirror(cli)
    name = first["entry"].rpartition("/")[0]
    assert cli("deprecate", "--reason", "a hole", *KEYS, name).code == 0
    size = http.get("/api/v1/changes?limit=1").json()["size"]
    assert [one["outcome"] for one in mirror(cli)] == ["withdrawn"]
    vendor.asked.clear()
    assert [one["outcome"] for one in mirror(cli)] == ["withdrawn"]
    assert "/latest/linux-1-amd64.qcow2" not in [path for _, path in vendor.asked]
    assert http.get("/api/v1/changes?limit=1").json()["size"] == size
    assert cli("undeprecate", *KEYS, name).code == 0
    assert [one["outcome"] for one in mirror(cli)] == ["unchanged"]


@pytest.mark.parametrize(
    ("folder", "list_name", "signature", "line"),
    [
        ("rocky/9", "CHECKSUM", "CHECKSUM.asc", "# {name}: {size} bytes\nSHA256 ({name}) = {sha256}\n"),
        ("almalinux/9/cloud", "CHECKSUM", "CHECKSUM.asc", "SHA256 ({name}) = {sha256}\n"),
        ("leap", "linux-7-amd64.qcow2.sha256", "linux-7-amd64.qcow2.sha256.asc", "{sha256}  {name}\n"),
        ("ubuntu/releases", "SHA256SUMS", "SHA256SUMS.gpg", "{sha256} *{name}\n"),
    ],
    ids=["rocky", "alma", "opensuse", "ubuntu by folder"],
)  # fmt: skip
def test_lists_as_other_vendors_write_them(
    cli, here, vendor, signer, http, folder, list_name, signature, line
) -> None:
    content, name = image(folder), "linux-7-amd64.qcow2"
    text = line.format(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest()).encode()
    vendor.files |= {
        f"/{folder}/{list_name}": text,
        f"/{folder}/{signature}": signer.detached(text, armor=not signature.endswith(".gpg")),
        f"/{folder}/{name}": content,
    }
    where = f"{vendor.url}/{folder}"
    settings(here, vendor, catalogue=f"{where}/{list_name}", signature=f"{where}/{signature}")
    (told,) = mirror(cli)
    assert (told["version"], told["outcome"]) == ("7", "published")
    assert "location.not-https" in [one["code"] for one in told["advice"]]
    assert entry(http, told).metadata.locations == (f"{where}/{name}",)


def test_a_dry_run_verifies_everything_and_publishes_nothing(cli, here, vendor, signer, http) -> None:
    sums(vendor, signer, {"linux-1-amd64.qcow2": image("dry")})
    settings(here, vendor)
    size = http.get("/api/v1/changes?limit=1").json()["size"]
    (told,) = mirror(cli, "--dry-run")
    assert told["outcome"] == "would be published"
    assert http.get("/api/v1/changes?limit=1").json()["size"] == size
    assert not (here / ".marketplace").exists()


@pytest.mark.parametrize("armor", [True, False])
def test_a_clearsigned_list_as_fedora_writes_it(cli, here, vendor, signer, http, armor) -> None:
    (here / "vendor.asc").write_bytes(signer.public_key(armor))
    content = image(f"fedora {armor}")
    digest = hashlib.sha256(content).hexdigest()
    line = f"# linux: {len(content)} bytes\nSHA256 (linux-43-amd64.qcow2) = {digest}\n"
    vendor.files |= {"/f/CHECKSUM": signer.clearsigned(line.encode()), "/f/linux-43-amd64.qcow2": content}
    settings(here, vendor, catalogue=f"{vendor.url}/f/CHECKSUM", signature=None)
    (told,) = mirror(cli)
    assert (told["version"], told["outcome"]) == ("43", "published")


@pytest.mark.parametrize("clear", [True, False])
def test_simplestreams_as_ubuntu_publishes_them(cli, here, vendor, signer, http, clear) -> None:
    content = gzip.compress(image(f"ubuntu {clear}"))
    item = {
        "path": "server/20260101/disk.img.gz",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }
    versions = {
        "20260101": {"items": {"disk1.img": item}},
        "20250101": {"items": {"disk1.img": {**item, "path": "old"}}},
        "20260201": {"items": {"other": {}}},
    }
    products = json.dumps({"products": {"com.example:server:1:amd64": {"versions": versions}}}).encode()
    suffix = "sjson" if clear else "json"
    where = f"/streams/v1/com.example:download.{suffix}"
    vendor.files |= {
        where: signer.clearsigned(products) if clear else products,
        where + ".gpg": signer.detached(products, armor=False),
        "/server/20260101/disk.img.gz": content,
    }
    settings(
        here, vendor, kind="simplestreams", catalogue=vendor.url + where,
        signature=None if clear else vendor.url + where + ".gpg", file=None,
        product="com.example:server:1:amd64", item="disk1.img",
    )  # fmt: skip
    (told,) = mirror(cli)
    assert (told["version"], told["outcome"]) == ("20260101", "published")
    said = entry(http, told).metadata
    assert said.size == len(gzip.decompress(content))
    assert [term.text for term in said.terms if term.name == dcterms("compression")] == ["gz"]


def test_a_signature_that_does_not_hold_publishes_nothing(cli, here, vendor, signer, http, tmp_path) -> None:
    sums(vendor, signer, {"linux-1-amd64.qcow2": image("forged")})
    settings(here, vendor)
    good = dict(vendor.files)
    size = http.get("/api/v1/changes?limit=1").json()["size"]

    vendor.files["/latest/SHA512SUMS"] += b"0" * 128 + b"  linux-9-amd64.qcow2\n"
    assert "not for these bytes" in mirror(cli, code=5)
    vendor.files["/latest/SHA512SUMS"] = good["/latest/SHA512SUMS"]
    vendor.files["/latest/SHA512SUMS.sign"] = b"no signature"
    assert "vendor.signature" in mirror(cli, code=5)

    stranger = Signer(tmp_path / "stranger")
    vendor.files["/latest/SHA512SUMS.sign"] = stranger.detached(good["/latest/SHA512SUMS"])
    assert "vendor.signature" in mirror(cli, code=5)
    stranger.close()

    over = Signer(tmp_path / "over", at="20200101T000000", lifetime="1d")
    (here / "vendor.asc").write_bytes(over.public_key())
    vendor.files["/latest/SHA512SUMS.sign"] = over.detached(good["/latest/SHA512SUMS"], at="20200101T010000")
    assert "expired" in mirror(cli, code=5)
    over.close()
    assert http.get("/api/v1/changes?limit=1").json()["size"] == size


def test_a_catalogue_that_was_rolled_back_publishes_nothing(cli, here, vendor, signer, http) -> None:
    sums(vendor, signer, {"linux-2-amd64.qcow2": image("newest")})
    settings(here, vendor)
    mirror(cli)
    size = http.get("/api/v1/changes?limit=1").json()["size"]
    old = Signer(here / "old-home", at="20200101T000000")
    (here / "vendor.asc").write_bytes(signer.public_key() + old.public_key())
    sums(vendor, old, {"linux-3-amd64.qcow2": image("older")}, at="20200102T000000")
    assert "vendor.rolled-back" in mirror(cli, code=5)
    old.close()
    (here / "vendor.asc").write_bytes(signer.public_key())
    sums(vendor, signer, {"linux-1-amd64.qcow2": image("oldest")})
    assert "vendor.rolled-back" in mirror(cli, code=5)
    assert http.get("/api/v1/changes?limit=1").json()["size"] == size


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda files: files.pop("/latest/SHA512SUMS"), 7, "404"),
        (lambda files: files.pop("/latest/linux-1-amd64.qcow2"), 7, "404"),
        (
            lambda files: files.update({"/latest/linux-1-amd64.qcow2": image("swapped")}),
            5,
            "not the one in the catalogue",
        ),
    ],
    ids=["no catalogue", "no image", "another image"],
)
def test_what_the_vendor_serves_wrong_publishes_nothing(
    cli, here, vendor, signer, http, spoil, code, words
) -> None:
    sums(vendor, signer, {"linux-1-amd64.qcow2": image("spoilt")})
    settings(here, vendor)
    spoil(vendor.files)
    size = http.get("/api/v1/changes?limit=1").json()["size"]
    assert words in mirror(cli, code=code)
    assert http.get("/api/v1/changes?limit=1").json()["size"] == size


def test_a_hostile_image_is_not_published_even_where_the_vendor_signed_it(cli, here, vendor, signer) -> None:
    sums(vendor, signer, {"linux-1-amd64.qcow2": images.qcow2(backing_file=b"/etc/passwd")})
    settings(here, vendor)
    assert "backing file" in mirror(cli, code=5)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"file": "nothing"}, 3),
        ({"file": "("}, 2),
        ({"kind": "other"}, 2),
        ({"tag": None}, 2),
        ({"colour": "red"}, 2),
        ({"name": "No Name"}, 2),
        ({"valid": "soon"}, 2),
        ({"keyring": "nowhere"}, 3),
        ({"kind": "simplestreams", "file": None}, 2),
        ({"kind": "simplestreams", "product": "a", "item": "b"}, 3),
    ],
)
def test_settings_that_cannot_be_used_are_one_sentence(cli, here, vendor, signer, changed, code) -> None:
    sums(vendor, signer, {"linux-1-amd64.qcow2": image("settings")})
    settings(here, vendor, **changed)
    mirror(cli, code=code)


def test_every_vendor_is_tried(cli, here, vendor, signer) -> None:
    sums(vendor, signer, {"linux-1-amd64.qcow2": image("tried")})
    settings(here, vendor)
    text = (here / "vendors.toml").read_text()
    broken = text.replace('"linux"', '"broken"', 1).replace("/latest/SHA512SUMS", "/nowhere/SHA512SUMS")
    (here / "vendors.toml").write_text(broken + text)
    done = cli("mirror", "vendor", "--settings", "vendors.toml", *KEYS, "-o", "json")
    assert done.code == 9
    assert [one["outcome"] for one in done.json] == ["published"]
    assert [one["vendor"] for one in mirror(cli, "--only", "linux")] == ["linux"]
    assert "names no vendor" in mirror(cli, "--only", "nobody", code=2)
