"""endorser list and endorser show."""

from __future__ import annotations

import json

from tests.unit.cli.test_client_commands import marketplace

__all__ = ["marketplace"]

CERTIFICATE = {
    "sha256": "ab" * 32,
    "subject": "CN=Jane\x1b[2J",
    "standing": "chained",
    "succession": "other-issuer",
    "new": True,
    "entries": 3,
    "first_use": "2024-01-01T00:00:00Z",
    "last_use": "2024-02-01T00:00:00Z",
}
JANE = {
    "email": "jane@example.org",
    "entries": 3,
    "names": [{"subject": "CN=Jane", "issuer": "CN=Root", "entries": 3}],
    "names_total": 1,
    "look_alike": True,
    "tags": ["lts"],
    "certificates": [CERTIFICATE],
    "changes": [{"at": "2024-01-02T00:00:00Z", "before": None, "after": "other-issuer"}],
    "look_alikes": [{"kind": "address", "email": "Jane@example.org", "text": "Jane@example.org"}],
}


def test_show_flags_what_asks_for_a_second_look(cli, marketplace):
    marketplace["GET", "/api/v1/endorsers/jane@example.org"] = (200, {}, json.dumps(JANE).encode())
    outcome = cli("endorser", "show", "jane@example.org")
    told = outcome.out.decode()
    assert outcome.code == 0
    assert "chained, NEW (other-issuer): CN=Jane" in told and "address: Jane@example.org" in told
    assert "\x1b" not in told
    assert cli("endorser", "show", "-o", "json", "jane@example.org").json == JANE


def test_list_has_a_line_for_each_and_flags_look_alikes(cli, marketplace):
    other = JANE | {"email": "zoe@example.org", "look_alike": False}
    body = json.dumps({"endorsers": [JANE, other], "next": None}).encode()
    marketplace["GET", "/api/v1/endorsers"] = (200, {}, body)
    outcome = cli("endorser", "list")
    lines = outcome.out.decode().splitlines()
    assert outcome.code == 0 and len(lines) == 3
    assert "look-alike" in lines[1] and "look-alike" not in lines[2]
    assert cli("endorser", "list", "-o", "id").out.decode().split() == [JANE["email"], other["email"]]


def test_an_unknown_endorser_is_one_sentence(cli, marketplace):
    marketplace["GET", "/api/v1/endorsers/nobody@example.org"] = (404, {}, b'{"code": "endorser.unknown"}')
    outcome = cli("endorser", "show", "nobody@example.org")
    assert (outcome.code, outcome.is_sentence()) == (3, True)
    marketplace["GET", "/api/v1/endorsers/odd@example.org"] = (200, {}, b"[]")
    assert cli("endorser", "show", "odd@example.org").code == 7
