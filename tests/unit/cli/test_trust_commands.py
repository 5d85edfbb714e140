"""why, trust judge and trust check."""

from __future__ import annotations

import json

import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.unit.cli.test_client_commands import marketplace, page
from tests.unit.trust.authorities import root
from validators import accept

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


def test_why_names_every_rule_and_what_would_change_it(cli, marketplace):
    marketplace["GET", f"/api/v1/entries/{PATH}/decision"] = (200, {}, json.dumps(DECISION).encode())
    marketplace["GET", "/metadata"] = page(PATH.split("/"))
    for name in (PATH, PATH.partition("/")[0]):
        outcome = cli("why", name)
        assert outcome.code == 0
        assert outcome.out.decode().splitlines()[0] == f"{PATH}: NOT trusted, untrusted-issuer"
        assert b"chain: no path" in outcome.out and b"changes if the site adds it" in outcome.out
        assert b"\x1b" not in outcome.out
    assert cli("why", "-o", "json", PATH).json == DECISION
    assert cli("why", "-o", "id", PATH).out.decode().strip() == PATH


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((404, {}, b'{"code": "entry.unknown"}'), 3),
        ((404, {}, b""), 7),
        ((200, {}, b"[]"), 7),
        ((200, {}, b"x"), 7),
    ],
)
def test_why_of_nothing_is_one_sentence(cli, marketplace, answer, code):
    marketplace["GET", f"/api/v1/entries/{PATH}/decision"] = answer
    outcome = cli("why", PATH)
    assert (outcome.code, outcome.is_sentence()) == (code, True)


def test_judge_takes_the_anchors_of_the_settings(cli, files, monkeypatch):
    outcome = cli("trust", "judge", "entry.xml")
    assert outcome.code == 5
    assert b"failed  chain" in outcome.out
    monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", "root.pem")
    outcome = cli("trust", "judge", "entry.xml")
    assert outcome.code == 0
    assert f"{PATH}: trusted, chained" in outcome.out.decode()


def test_check_names_every_fault(cli, files, monkeypatch):
    monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", "root.pem, absent.pem")
    outcome = cli("trust", "check", "-o", "json")
    assert outcome.code == 5
    assert [(one["code"], one["file"]) for one in outcome.json] == [("trust.source", "absent.pem")]
    monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", "root.pem")
    outcome = cli("trust", "check")
    assert (outcome.code, "1 anchors" in outcome.err) == (0, True)
