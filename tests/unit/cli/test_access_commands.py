"""token, group and audit, each against a real database."""

from __future__ import annotations

import getpass
import re

import pytest

SECRET = re.compile(r"mpt_([0-9a-f]{16})_[A-Za-z0-9_-]{43}\n")
ACTOR = f"cli:{getpass.getuser()}"


@pytest.fixture
def made(cli, data):
    """A token: its name and its secret."""
    outcome = cli("token", "create", "--data", data, "--owner", "ann@example.org", "--scope", "read")
    assert outcome.code == 0
    found = SECRET.fullmatch(outcome.out.decode())
    assert found is not None
    return found[1], found[0].strip()


def test_a_new_tokens_secret_is_all_of_standard_output_and_shown_once(cli, data, made):
    name, secret = made
    outcome = cli("token", "list", "--data", data, "-o", "json")
    assert secret not in outcome.out.decode()
    [token] = outcome.json
    assert (token["name"], token["owner"], token["scopes"], token["status"]) == (
        name,
        "ann@example.org",
        "read",
        "valid",
    )
    assert token["expires"] is not None and token["last_used"] is None


def test_a_new_token_as_json_holds_its_secret(cli, data):
    outcome = cli(
        "token", "create", "--data", data, "--owner", "ann", "--scope", "read", "--scope", "upload",
        "--days", "7", "--note", "on the build machine", "-o", "json",
    )  # fmt: skip
    assert SECRET.fullmatch(outcome.json["secret"] + "\n")
    assert (outcome.json["scopes"], outcome.json["note"]) == ("read upload", "on the build machine")
    assert outcome.json["secret"] not in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--owner", "ann"],
        ["--scope", "read"],
        ["--owner", "ann", "--scope", "everything"],
        ["--owner", "ann\nbob", "--scope", "read"],
        ["--owner", "ann", "--scope", "read", "--days", "0"],
        ["--owner", "ann", "--scope", "read", "--note", "x" * 500],
    ],
)
def test_a_token_that_makes_no_sense_is_a_usage_error(cli, data, arguments):
    outcome = cli("token", "create", "--data", data, *arguments)
    assert (outcome.code, outcome.is_sentence(), outcome.out) == (2, True, b"")


def test_tokens_are_revoked_all_or_none(cli, data, made):
    name, _ = made
    outcome = cli("token", "revoke", "--data", data, name, "0123")
    assert (outcome.code, outcome.is_sentence()) == (3, True)
    assert cli("token", "list", "--data", data, "-o", "json").json[0]["status"] == "valid"
    assert cli("token", "revoke", "--data", data, name, name).code == 0
    assert cli("token", "list", "--data", data, "-o", "json").json[0]["status"] == "revoked"


def test_tokens_are_listed_by_owner_and_piped_by_name(cli, data, made):
    name, _ = made
    assert cli("token", "list", "--data", data, "--owner", "bob").out == b""
    assert cli("token", "list", "--data", data, "-o", "id").out.decode() == f"{name}\n"
    assert "OWNER" in cli("token", "list", "--data", data).out.decode()


def test_a_group_from_its_founding_to_its_end(cli, data):
    assert cli("group", "create", "--data", data, "lab", "ann@example.org").code == 0
    assert cli("group", "add", "--data", data, "lab", "bob@example.org", "eve@example.org").code == 0
    assert cli("group", "remove", "--data", data, "lab", "eve@example.org").code == 0
    [group] = cli("group", "list", "--data", data, "-o", "json").json
    assert (group["name"], group["members"]) == ("lab", ["ann@example.org", "bob@example.org"])
    assert "ann@example.org bob@example.org" in cli("group", "list", "--data", data).out.decode()
    assert cli("group", "delete", "--data", data, "--yes", "lab").code == 0
    assert cli("group", "list", "--data", data, "-o", "id").out == b""
    again = cli("group", "create", "--data", data, "lab")
    assert (again.code, again.is_sentence()) == (8, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["create", "No Group"], 2),
        (["add", "lab", "ann@example.org"], 3),
        (["remove", "lab", "ann@example.org"], 3),
        (["delete", "--yes", "lab"], 3),
    ],
)
def test_what_a_group_cannot_do_is_one_sentence(cli, data, arguments, code):
    command, *rest = arguments
    outcome = cli("group", command, "--data", data, *rest)
    assert (outcome.code, outcome.is_sentence()) == (code, True)


def test_a_member_who_was_none_cannot_leave(cli, data):
    cli("group", "create", "--data", data, "lab", "ann@example.org")
    outcome = cli("group", "remove", "--data", data, "lab", "ann@example.org", "bob@example.org")
    assert (outcome.code, outcome.is_sentence()) == (3, True)
    assert cli("group", "list", "--data", data, "-o", "json").json[0]["members"] == ["ann@example.org"]


def test_the_record_tells_who_did_what(cli, data, made):
    name, secret = made
    cli("group", "create", "--data", data, "lab", "ann@example.org")
    acts = cli("audit", "--data", data, "-o", "json").json
    assert [(act["actor"], act["action"], act["subject"]) for act in acts] == [
        (ACTOR, "group.add", "lab"),
        (ACTOR, "group.create", "lab"),
        (ACTOR, "token.create", name),
    ]
    outcome = cli("audit", "--data", data, "--action", "token.")
    assert secret not in outcome.out.decode() and f"{ACTOR}  token.create  {name}" in outcome.out.decode()
    assert cli("audit", "--data", data, "--limit", "1", "-o", "id").out.decode() == f"{acts[0]['number']}\n"
    assert cli("audit", "--data", data, "--actor", "nobody").out == b""


def test_a_person_is_signed_out_everywhere(cli, data):
    outcome = cli("token", "sign-out", "--data", data, "ann@example.org")
    assert (outcome.code, outcome.err) == (0, "marketplace: 0 sessions of ann@example.org ended.\n")
    [act] = cli("audit", "--data", data, "-o", "json").json
    assert (act["actor"], act["action"], act["subject"]) == (ACTOR, "session.close-all", "ann@example.org")
    assert cli("token", "sign-out", "--data", data, "no name").code == 2
