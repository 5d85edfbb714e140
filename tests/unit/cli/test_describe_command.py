"""``marketplace describe`` as a publisher uses it, on good, bad and hostile files."""

import gzip
import hashlib
import io
import json
import os

import pytest
import yaml

from marketplace.publishing.facts import FactsError, parse_facts
from tests.factories import images
from tests.unit.cli.test_terminal import on_terminal
from validators.identifier import identifier_from_sha1
from validators.lxd import fingerprint_of

IMAGE = images.qcow2(10 << 30)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.qcow2"
    path.write_bytes(IMAGE)
    return path


def test_the_facts_are_told_in_every_form(cli, image):
    told = cli("describe", image, "-o", "json")
    assert (told.code, told.err) == (0, "")
    sha1 = hashlib.sha1(IMAGE).hexdigest()
    assert told.json == {
        "identifier": identifier_from_sha1(sha1),
        "bytes": len(IMAGE),
        "checksums": {
            "MD5": hashlib.md5(IMAGE).hexdigest(),
            "SHA-1": sha1,
            "SHA-256": hashlib.sha256(IMAGE).hexdigest(),
            "SHA-512": hashlib.sha512(IMAGE).hexdigest(),
        },
        "format": "qcow2",
        "virtual_size": 10 << 30,
        "compression": None,
        "stored_bytes": len(IMAGE),
        "notes": [],
    }
    assert yaml.safe_load(cli("describe", image, "-o", "yaml").out) == told.json
    table = cli("describe", image).out.decode()
    assert sha1 in table
    assert "qcow2" in table
    assert cli("describe", image, "-o", "id").code == 2


def test_what_it_writes_can_be_read_again(cli, image):
    facts = parse_facts(cli("describe", image, "-o", "json").out)
    assert (facts.size, facts.format) == (len(IMAGE), "qcow2")


def test_a_compressed_image_is_described_by_what_is_in_it(cli, image, tmp_path):
    packed = tmp_path / "image.gz"
    packed.write_bytes(gzip.compress(IMAGE))
    plain, told = cli("describe", image, "-o", "json").json, cli("describe", packed, "-o", "json").json
    assert told["compression"] == "gz"
    assert told["stored_bytes"] == packed.stat().st_size
    assert told["checksums"] == plain["checksums"]


def test_standard_input_is_described(cli, image, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(IMAGE)))
    assert cli("describe", "-", "-o", "json").json == cli("describe", image, "-o", "json").json


def test_what_the_content_does_not_tell_is_not_guessed(cli, tmp_path):
    (tmp_path / "disk.qcow2").write_bytes(b"not one at all" * 1000)
    told = cli("describe", "disk.qcow2", "-o", "json").json
    assert (told["format"], told["virtual_size"]) == (None, None)
    assert "--format raw" in told["notes"][0]


def test_a_sparse_file_and_a_huge_claim_are_told_as_they_are(cli, tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(20 << 20)
    assert (
        cli("describe", "sparse", "-o", "json").json["checksums"]["SHA-1"]
        == hashlib.sha1(bytes(20 << 20)).hexdigest()
    )
    (tmp_path / "claims").write_bytes(images.qcow2(5 << 40))
    told = cli("describe", "claims", "-o", "json")
    assert told.code == 0
    assert "5 TiB" in told.json["notes"][0]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", 5, "empty"),
        (images.qcow2(backing_file=b"/etc/passwd"), 5, "backing file"),
        (images.flat_vmdk(), 5, "other files"),
        (images.over(images.iso(), images.qcow2(), 4096), 5, "iso and qcow2 at once"),
        (gzip.compress(IMAGE)[:-9], 5, "too early"),
        (gzip.compress(IMAGE) + b"tail", 5, "cannot be decompressed"),
    ],
    ids=["empty", "backing file", "flat vmdk", "polyglot", "cut short", "bytes behind"],
)
def test_what_cannot_be_described_is_one_sentence(cli, tmp_path, content, code, words):
    (tmp_path / "image").write_bytes(content)
    outcome = cli("describe", "image")
    assert (outcome.code, outcome.out, outcome.is_sentence()) == (code, b"", True)
    assert words in outcome.err


def test_what_is_no_file_is_one_sentence(cli, tmp_path):
    for name, code in (("nowhere", 3), (tmp_path, 2), ("/dev/null", 2)):
        outcome = cli("describe", name)
        assert (outcome.code, outcome.is_sentence()) == (code, True)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_sentence(cli, image):
    image.chmod(0)
    outcome = cli("describe", image)
    assert (outcome.code, outcome.is_sentence()) == (4, True)


def test_progress_is_shown_on_a_terminal(image):
    code, shown, out = on_terminal(["describe", str(image), "-o", "id"], {}, image.parent)
    assert code == 2
    code, shown, out = on_terminal(["describe", str(image)], {}, image.parent)
    assert code == 0
    assert b"Reading" in shown
    assert b"100%" in shown
    assert b"Reading" not in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "'checksums'"),
        (b'{"checksums": {"SHA-1": "xyz"}}', "'checksums'"),
        (b'{"checksums": {"SHA-1": 5}}', "'checksums'"),
        (b'{"checksums": {"CRC": "ab"}}', "CRC"),
        (b'{"checksums": {"MD5": "%s"}}' % (b"a" * 32), "no SHA-1"),
        (b'{"checksums": {"SHA-1": "ab"}}', "'bytes' is missing"),
        (b'{"bytes": "5", "checksums": {"SHA-1": "ab"}}', "'bytes'"),
        (b'{"bytes": true, "checksums": {"SHA-1": "ab"}}', "'bytes'"),
        (b'{"bytes": 0, "checksums": {"SHA-1": "ab"}}', "'bytes'"),
        (b'{"bytes": 5, "identifier": "x", "checksums": {"SHA-1": "ab"}}', "'identifier'"),
        (b'{"bytes": 5, "format": "<b>", "checksums": {"SHA-1": "ab"}}', "'format'"),
        (b'{"bytes": 5, "virtual_size": -1, "checksums": {"SHA-1": "ab"}}', "'virtual_size'"),
    ],
)
def test_facts_that_are_none_are_refused_by_name(text, words):
    with pytest.raises(FactsError, match=words):
        parse_facts(text)


def test_the_fingerprint_for_lxd_is_one_more_digest_of_the_same_reading(cli, image, tmp_path):
    told = cli("describe", image, "--lxd", "aarch64", "-o", "json").json
    wanted = str(fingerprint_of("aarch64", IMAGE))
    assert told == cli("describe", image, "-o", "json").json | {"lxd_fingerprint": wanted}
    assert str(parse_facts(json.dumps(told).encode()).lxd_fingerprint) == wanted
    assert wanted in cli("describe", image, "--lxd", "aarch64").out.decode()
    packed = tmp_path / "image.gz"
    packed.write_bytes(gzip.compress(IMAGE))
    assert cli("describe", packed, "--lxd", "aarch64", "-o", "json").json["lxd_fingerprint"] == wanted


def test_what_lxd_does_not_take_has_no_fingerprint(cli, image, tmp_path):
    (tmp_path / "disk.raw").write_bytes(b"a raw disk")
    done = cli("describe", tmp_path / "disk.raw", "--lxd", "x86_64")
    assert done.code == 2 and "--lxd is for qcow2 disks" in done.err
    done = cli("describe", image, "--lxd", "m68k")
    assert done.code == 2 and "aarch64" in done.err
    for wrong in ("x86_64", 7, "m68k:" + 64 * "a"):
        facts = {"bytes": 1, "checksums": {"SHA-1": 40 * "a"}, "lxd_fingerprint": wrong}
        with pytest.raises(FactsError, match="lxd_fingerprint"):
            parse_facts(json.dumps(facts).encode())
