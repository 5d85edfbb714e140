"""Policies as files hold them: read to the letter, and every fault named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from validators.policy import MARKETPLACE, Deprecation, PolicyError, parse_policy, parse_policy_file

WHOLE = """
[policy]
endorsers.allow = ["*@images.example.org", "cert:{cert}"]
endorsers.deny  = []
anchors.allow   = ["CN=Example CA,O=Example"]
images.deny     = []
checksums.deny  = ["sha512:{sha512}"]
tags.allow      = ["*/stable"]
groups.allow    = ["bio"]
checksum.least  = "SHA-256"
require = [ {{least = 1, of = ["*@images.example.org"]}}, {{least = 1, of = ["csirt@example.org"]}} ]
deprecation     = "counted"
age.most        = "400d"
valid.required  = true
size.most       = "20GiB"
virtual_size.most = "200GiB"
formats.allow   = ["qcow2", "raw"]
licences.deny   = []
hosts.allow     = []
"""


def whole() -> str:
    return WHOLE.format(cert="9f" * 32, sha512="ab" * 64)


def faults(table: object) -> dict[str, str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(table)
    assert all(f"{one.key} {one.message}" in str(caught.value) for one in caught.value.faults)
    return {one.key: one.message for one in caught.value.faults}


def test_the_policy_of_the_manual():
    policy = parse_policy_file(whole().encode())
    assert [one.text for one in policy.endorsers.allow] == ["*@images.example.org", "cert:" + "9f" * 32]
    assert policy.most_age == timedelta(days=400)
    assert policy.most_size == 20 * 2**30 and policy.most_virtual_size == 200 * 2**30
    assert policy.valid_required and policy.least_checksum == "sha256"
    assert policy.deprecation is Deprecation.COUNTED
    assert [(one.least, one.of[0].text) for one in policy.require] == [
        (1, "*@images.example.org"),
        (1, "csirt@example.org"),
    ]


def test_a_file_that_is_a_policy_alone():
    bare = whole().replace("[policy]\n", "")
    assert parse_policy_file(b"\xef\xbb\xbf" + bare.encode()) == parse_policy_file(whole().encode())


def test_nothing_is_asked_for_but_a_strong_checksum():
    policy = parse_policy({})
    assert policy.least_checksum == "sha256"
    assert parse_policy({"checksum": {"least": "any"}}) == MARKETPLACE
    assert parse_policy({"checksum": {}, "age": {}}) == policy


def test_the_digest_is_the_same_for_the_same_rules():
    one = {"endorsers": {"allow": ["a@b", "c@d"]}, "require": [{"of": ["a@b", "c@d"]}, {"least": 2}]}
    other = {"require": [{"least": 2}, {"of": ["c@d", "a@b"]}], "endorsers": {"allow": ["c@d", "a@b"]}}
    assert parse_policy(one).digest == parse_policy(other).digest
    assert parse_policy(one).digest != parse_policy({}).digest
    assert parse_policy({"age": {"most": "1d"}}).digest != parse_policy({"age": {"most": "2d"}}).digest


@pytest.mark.parametrize(
    ("written", "size"),
    [(5, 5), ("5", 5), ("5B", 5), ("5kB", None), ("5KB", 5000), ("1.5GiB", 3 * 2**29), ("2TiB", 2**41),
     ("0", 0), (-1, None), (True, None), ("many", None), ("", None), (2**63, None), (1.5, None)],
)  # fmt: skip
def test_sizes(written, size):
    table = {"size": {"most": written}}
    if size is None:
        assert "20GiB" in faults(table)["size.most"]
    else:
        assert parse_policy(table).most_size == size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90s", 90), ("5m", 300), ("24h", 86400), ("2w", 14 * 86400), ("1 d", 86400), ("400", None),
     (400, None), ("-1d", None), ("", None), ("999999w", None), ("36525d", 36525 * 86400)],
)  # fmt: skip
def test_durations(written, seconds):
    table = {"age": {"most": written}}
    if seconds is None:
        assert "age.most" in faults(table)
    else:
        assert parse_policy(table).most_age == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"endorser": {"allow": []}}, "endorser"),
        ({"endorsers": {"alow": []}}, "endorsers.alow"),
        ({"endorsers": ["a@b"]}, "endorsers"),
        ({"endorsers": {"allow": "a@b"}}, "endorsers.allow"),
        ({"endorsers": {"allow": ["a@b", 5]}}, "endorsers.allow[1]"),
        ({"endorsers": {"allow": ["a@b", "alice"]}}, "endorsers.allow[1]"),
        ({"endorsers": {"allow": [" a@b"]}}, "endorsers.allow[0]"),
        ({"endorsers": {"deny": ["cert:abc"]}}, "endorsers.deny[0]"),
        ({"endorsers": {"deny": ["dn:alice"]}}, "endorsers.deny[0]"),
        ({"anchors": {"allow": ["Example CA"]}}, "anchors.allow[0]"),
        ({"anchors": {"allow": ["cert:xyz"]}}, "anchors.allow[0]"),
        ({"images": {"deny": ["abc"]}}, "images.deny[0]"),
        ({"checksums": {"deny": ["crc:12"]}}, "checksums.deny[0]"),
        ({"checksums": {"deny": ["sha512"]}}, "checksums.deny[0]"),
        ({"checksums": {"deny": ["sha512:12"]}}, "checksums.deny[0]"),
        ({"tags": {"allow": ["stable"]}}, "tags.allow[0]"),
        ({"tags": {"allow": ["*/"]}}, "tags.allow[0]"),
        ({"tags": {"allow": ["alice/stable"]}}, "tags.allow[0]"),
        ({"groups": {"allow": ["Bio!"]}}, "groups.allow[0]"),
        ({"formats": {"allow": [" "]}}, "formats.allow[0]"),
        ({"checksum": {"least": "crc"}}, "checksum.least"),
        ({"checksum": {"most": "md5"}}, "checksum.most"),
        ({"checksum": "md5"}, "checksum"),
        ({"require": {}}, "require"),
        ({"require": ["a@b"]}, "require[0]"),
        ({"require": [{"least": 0}]}, "require[0].least"),
        ({"require": [{"least": True}]}, "require[0].least"),
        ({"require": [{"of": ["alice"]}]}, "require[0].of[0]"),
        ({"require": [{"most": 1}]}, "require[0].most"),
        ({"deprecation": "never"}, "deprecation"),
        ({"valid": {"required": "yes"}}, "valid.required"),
        ([], "policy"),
    ],
)
def test_faults(table, key):
    assert key in faults(table)


def test_every_fault_is_named_at_once():
    found = faults({"age": {"most": 1}, "size": {"most": "x"}, "tags": {"allow": ["a", "b"]}, "what": 1})
    assert set(found) == {"age.most", "size.most", "tags.allow[0]", "tags.allow[1]", "what"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff", "not UTF-8"),
        (b"[policy", "not TOML"),
        (b"policy = 1", "is a table"),
        (b"a = " + b"[" * 50_000, "not TOML"),
        (b"#" * (1024 * 1024 + 1), "larger than"),
    ],
)
def test_files_that_are_no_policy(data, says):
    with pytest.raises(PolicyError, match=says):
        parse_policy_file(data)
