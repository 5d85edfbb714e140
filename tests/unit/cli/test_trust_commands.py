"""allowed, why, policy check, trust judge and trust check."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.unit.cli.test_client_commands import marketplace, page
from tests.unit.trust.authorities import root
from validators import accept
from validators.identifier import identifier_from_sha1

__all__ = ["marketplace"]

ROOT = root()
ENTRY = signed(image(), make_identity("Jim", "jim@example.org", issuer=ROOT))
PATH = accept(ENTRY).coordinates.path()
RULE = {"rule": "chain", "outcome": "failed", "found": "no path\x1b[2J", "change": "the site adds it"}
DECISION = {"id": "x", "trusted": False, "standing": "untrusted-issuer", "rules": [RULE]}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "entry.xml").write_bytes(ENTRY)
    (tmp_path / "root.pem").write_bytes(ROOT.certificate_pem)
    return tmp_path


def answering(marketplace, **changed):
    """A marketplace that refuses the image, or whatever a test changes."""
    identifier, email, created = PATH.split("/")
    told = {"identifier": identifier, "email": email, "created": created}
    verdict = {
        "identifier": identifier,
        "allowed": False,
        "sentence": "NOT allowed: jim withdrew\x1b[2J it",
        "status": "deprecated",
        "reasons": [{"code": "deprecated", "message": "jim withdrew it", "change": "use another image"}],
        "until": None,
        "entry": told,
        "asked": None,
        "checksums": [],
        "rules": [{"rule": "deprecation", "outcome": "failed", "found": "jim withdrew it", "change": None}],
        "statements": [{**told, "status": "deprecated", "weight": "objects", "found": "withdrawn"}],
        **changed,
    }
    marketplace["GET", "/api/v1/verdict"] = (200, {}, json.dumps(verdict).encode())
    marketplace["GET", f"/api/v1/entries/{PATH}/decision"] = (200, {}, json.dumps(DECISION).encode())
    marketplace["GET", "/metadata"] = page(PATH.split("/"))
    return verdict


def test_why_names_every_rule_and_what_would_change_it(cli, marketplace):
    verdict = answering(marketplace)
    for name in (PATH, PATH.rpartition("/")[0], PATH.partition("/")[0]):
        outcome = cli("why", name)
        assert outcome.code == 6
        assert outcome.out.decode().splitlines()[0].startswith(f"{PATH}: NOT allowed: jim withdrew")
        assert b"failed  deprecation: jim withdrew it" in outcome.out
        assert b"chain: no path" in outcome.out and b"to change this: the site adds it" in outcome.out
        assert b"\x1b" not in outcome.out
    assert cli("why", "-o", "json", PATH).json == {**DECISION, "verdict": verdict}
    assert cli("why", "-o", "id", PATH).out.decode().strip() == PATH
    answering(marketplace, allowed=True, reasons=[], sentence="allowed: jim endorses it")
    assert cli("why", PATH).code == 0


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((404, {}, b'{"code": "image.unknown"}'), 3),
        ((404, {}, b""), 7),
        ((200, {}, b"[]"), 7),
        ((200, {}, b"x"), 7),
        ((200, {}, b'{"allowed": true}'), 7),
    ],
)
def test_why_and_allowed_of_nothing_is_one_sentence(cli, marketplace, answer, code):
    marketplace["GET", "/api/v1/verdict"] = answer
    for command in ("why", "allowed"):
        outcome = cli(command, PATH)
        assert (outcome.code, outcome.is_sentence()) == (code, True)


def test_allowed_ends_with_what_a_script_needs(cli, marketplace, tmp_path):
    answering(marketplace)
    for name in (PATH, PATH.partition("/")[0], "sha256:" + "0" * 64, f"https://any.example/metadata/{PATH}"):
        outcome = cli("allowed", name)
        assert (outcome.code, outcome.is_sentence()) == (6, True)
        assert b"deprecated: jim withdrew it" in outcome.out and b"\x1b" not in outcome.out
    verdict = answering(
        marketplace,
        allowed=True,
        reasons=[],
        sentence="allowed: jim endorses it",
        until="2030-01-01T00:00:00Z",
    )
    outcome = cli("allowed", PATH)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.decode() == f"{PATH}: allowed: jim endorses it (expires 2030-01-01 00:00 UTC)\n"
    assert cli("allowed", "-o", "json", PATH).json == verdict
    # What contradicts itself is no yes.
    answering(marketplace, allowed=True)
    assert cli("allowed", PATH).code == 7


@pytest.mark.parametrize("name", ["sha512:12", "crc:12", "alice@example.org", "no-such-file", ""])
def test_allowed_says_what_can_be_asked_about(cli, marketplace, name):
    outcome = cli("allowed", name)
    assert (outcome.code, outcome.is_sentence()) == (2, True)


def test_allowed_of_a_tag(cli, marketplace):
    answering(marketplace)
    marketplace["GET", "/tag/jim@example.org/stable"] = (200, {}, ENTRY)
    assert cli("allowed", "jim@example.org/stable").code == 6


def test_allowed_holds_a_file_against_every_checksum_that_is_named(cli, marketplace, tmp_path):
    (tmp_path / "disk.img").write_bytes(b"disk")
    sha1 = hashlib.sha1(b"disk", usedforsecurity=False).hexdigest()
    own = {
        "identifier": identifier_from_sha1(sha1),
        "allowed": True,
        "reasons": [],
        "sentence": "allowed",
        "checksums": [
            {"algorithm": "SHA-384", "value": hashlib.sha384(b"disk").hexdigest().upper()},
            {"algorithm": "SHA-1", "value": sha1.lstrip("0")},
        ],
    }
    answering(marketplace, **own)
    assert cli("allowed", "disk.img").code == 0
    # The endorsers named another file with the same SHA-1.
    wrong = {"algorithm": "SHA-256", "value": "0" * 64}
    answering(marketplace, **{**own, "checksums": [*own["checksums"], wrong]})
    outcome = cli("allowed", "disk.img")
    assert outcome.code == 6
    assert (
        b"checksum-unproved: the file is not the endorsed image" in outcome.out and b"SHA-256" in outcome.out
    )


def test_a_policy_of_ones_own(cli, marketplace, files):
    answering(marketplace)
    marketplace["GET", f"/metadata/{PATH}"] = (200, {}, ENTRY)
    decision = {
        **DECISION,
        "id": accept(ENTRY).entry_id,
        "trusted": True,
        "standing": "chained",
        "rules": [{"rule": "chain", "outcome": "passed", "found": "an anchor"}],
        "certificate": {"anchor": "CN=Root", "path": [], "pinned": False},
    }
    marketplace["GET", f"/api/v1/entries/{PATH}/decision"] = (200, {}, json.dumps(decision).encode())
    (files / "mine.toml").write_text(
        '[policy]\nchecksum.least = "any"\nendorsers.allow = ["jim@example.org"]'
    )
    assert cli("why", "--policy", "mine.toml", PATH).code == 0
    assert cli("why", "--policy", "mine.toml", "-o", "json", PATH).json["allowed"] is True
    (files / "other.toml").write_text('endorsers.allow = ["bob@example.org"]')
    outcome = cli("why", "--policy", "other.toml", PATH)
    assert outcome.code == 6 and "endorser-not-listed" in outcome.err
    # What the marketplace says of another entry is not believed of this one.
    marketplace["GET", f"/api/v1/entries/{PATH}/decision"] = (
        200, {}, json.dumps({**decision, "id": "0" * 64}).encode(),
    )  # fmt: skip
    assert cli("why", "--policy", "mine.toml", PATH).code == 7


def test_policy_check(cli, files, monkeypatch):
    (files / "good.toml").write_text('checksum.least = "any"')
    outcome = cli("policy", "check", "good.toml")
    assert (outcome.code, outcome.out) == (0, b"")
    (files / "bad.toml").write_text("age.most = 5\nwhat = 1")
    outcome = cli("policy", "check", "bad.toml")
    assert outcome.code == 2 and "age.most" in outcome.err and "what is an unknown key" in outcome.err
    outcome = cli("policy", "check", "good.toml", "entry.xml")
    assert outcome.code == 6 and b"NOT allowed" in outcome.out
    monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", "root.pem")
    outcome = cli("policy", "check", "good.toml", "entry.xml")
    assert outcome.code == 0 and b"allowed: jim@example.org endorses it" in outcome.out


def test_judge_and_verify_say_first_that_an_image_is_withdrawn(cli, files, monkeypatch):
    monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", "root.pem")
    identity = make_identity("Jim", "jim@example.org", issuer=ROOT)
    (files / "withdrawn.xml").write_bytes(signed(image(deprecated="backdoor"), identity))
    outcome = cli("trust", "judge", "withdrawn.xml")
    assert outcome.code == 6
    assert b"NOT allowed: jim@example.org withdrew" in outcome.out.splitlines()[0]
    outcome = cli("verify", "withdrawn.xml")
    assert outcome.code == 0
    assert outcome.out.startswith(b"withdrawn.xml: DEPRECATED (backdoor); the signature is ok")


def test_judge_takes_the_anchors_of_the_settings(cli, files, monkeypatch):
    outcome = cli("trust", "judge", "entry.xml")
    assert outcome.code == 5
    assert b"failed  chain" in outcome.out
    monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", "root.pem")
    outcome = cli("trust", "judge", "entry.xml")
    assert outcome.code == 0
    assert f"{PATH}: allowed: jim@example.org endorses it" in outcome.out.decode()


def test_check_names_every_fault(cli, files, monkeypatch):
    monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", "root.pem, absent.pem")
    outcome = cli("trust", "check", "-o", "json")
    assert outcome.code == 5
    assert [(one["code"], one["file"]) for one in outcome.json] == [("trust.source", "absent.pem")]
    monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", "root.pem, /nowhere/certificates")
    assert "/nowhere/certificates" in cli("trust", "check").out.decode()
    monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", "root.pem")
    outcome = cli("trust", "check")
    assert (outcome.code, "1 anchor, 0 intermediates" in outcome.err) == (0, True)
