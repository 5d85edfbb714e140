"""``marketplace verify``: one verdict a file, offline."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.factories.documents import image, signed, unsigned
from tests.factories.identities import make_identity
from tests.factories.signatures import sign_raw


@pytest.fixture
def files(tmp_path):
    legacy = make_identity(key="rsa2048")
    documents = {
        "good.xml": signed(),
        "legacy.xml": sign_raw(unsigned(identity=legacy), legacy),
        "changed.xml": signed().replace(b"A demo image", b"Another image"),
        "ahead.xml": signed(created=datetime.now(UTC) + timedelta(hours=1)),
        "soon.xml": signed(created=datetime.now(UTC) + timedelta(minutes=4)),
        "empty.xml": b"",
        "large.xml": signed(image(description="x" * 60_000)) + b" " * 1_048_576,
    }
    for name, document in documents.items():
        (tmp_path / name).write_bytes(document)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("good.xml", None),
        ("soon.xml", None),
        ("legacy.xml", "policy.legacy"),
        ("changed.xml", "signature.digest"),
        ("ahead.xml", "gate.created-in-future"),
        ("empty.xml", "parse.not-well-formed"),
        ("large.xml", "limit.size"),
        ("nothing.xml", "file.unreadable"),
        (".", "file.unreadable"),
        ("/dev/zero", "file.unreadable"),
    ],
)
def test_the_verdict_of_a_file(cli, files, name, code):
    outcome = cli("verify", "--json", name)
    (verdict,) = outcome.json
    assert verdict["file"] == name
    assert (verdict["valid"], verdict.get("code")) == (code is None, code)
    assert outcome.code == (0 if code is None else 5)


def test_every_file_gets_a_line_also_behind_a_bad_one(cli, files):
    outcome = cli("verify", "changed.xml", "good.xml", "nothing.xml")
    lines = outcome.out.decode().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["changed.xml", "good.xml", "nothing.xml"]
    assert "FAILED [signature.digest]" in lines[0]
    assert "ok, strong (ecdsa-sha256)" in lines[1]
    assert (outcome.code, outcome.is_sentence()) == (5, True)


def test_allow_legacy_lets_old_signatures_pass_and_nothing_else(cli, files):
    assert cli("verify", "--allow-legacy", "legacy.xml", "good.xml").code == 0
    assert cli("verify", "--allow-legacy", "changed.xml").code == 5
    (verdict,) = cli("verify", "--allow-legacy", "--json", "legacy.xml").json
    assert (verdict["strength"], verdict["signature_algorithm"]) == ("legacy", "rsa-sha1")


def test_the_facts_of_a_good_file(cli, files):
    (verdict,) = cli("verify", "--json", "good.xml").json
    assert verdict["email"] == "jane.tester@example.org"
    assert verdict["created"] == "2024-05-01T12:00:00Z"
    assert (verdict["self_signed"], verdict["email_bound"]) == (True, True)
    assert len(verdict["entry_id"]) == 64


def test_hostile_file_names_and_values_stay_on_their_line(cli, tmp_path):
    name = "a\nb\x1b[31m.xml"
    (tmp_path / name).write_bytes(b"<a\xc2\x85/>")
    outcome = cli("verify", name)
    assert outcome.out.count(b"\n") == 1
    assert b"\x1b" not in outcome.out


def test_every_vector_gets_its_verdict(cli, every_originals):
    cases = json.loads((every_originals / "vectors" / "cases.json").read_text())
    paths = {case["file"]: every_originals / "vectors" / case["file"] for case in cases}
    plain = {v["file"]: v["valid"] for v in cli("verify", "--json", *paths.values()).json}
    lenient = {v["file"]: v["valid"] for v in cli("verify", "--json", "--allow-legacy", *paths.values()).json}
    for case in cases:
        path = str(paths[case["file"]])
        assert plain[path] == (case["expect"] == "accept"), case
        assert lenient[path] == (case["expect"] in ("accept", "accept-legacy")), case
