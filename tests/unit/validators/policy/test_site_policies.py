"""What a cloud site may ask for: each rule, met and not met."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.factories.entries import hex_digest
from tests.unit.validators.policy.saying import ANCHOR, DAY, IMAGE, NOW, codes, said, trusting
from validators.document import Checksum
from validators.policy import Measured, RuleOutcome, Weight, judge, parse_policy
from validators.verdict import Standing


def policy(**table):
    """A policy that asks for nothing but what a test is about."""
    return parse_policy({"checksum": {"least": "any"}, **table})


def allow(*texts):
    return {"allow": list(texts)}


def deny(*texts):
    return {"deny": list(texts)}


ALICE, BOB = "alice@example.org", "bob@example.org"
GOOD = said()
CERT = hex_digest("certificate", "alice")


@pytest.mark.parametrize(
    "pattern",
    [ALICE, "*@example.org", "*@EXAMPLE.org", "a*e@*", f"cert:{CERT}", f"cert: {CERT.upper()}",
     "dn:CN=alice,O=Example", "dn:/O=Example/CN=alice"],
)  # fmt: skip
def test_an_endorser_by_address_name_and_certificate(pattern):
    assert codes([GOOD], policy(endorsers=allow(pattern))) == []
    assert codes([GOOD], policy(endorsers=deny(pattern))) == ["endorser-denied"]


@pytest.mark.parametrize(
    "pattern",
    ["Alice@example.org", "*@other.org", "alice@example.org.evil.org", "alice@example.or", "b*e@*", "a*b*@*",
     "alice@*g*g", f"cert:{'0' * 64}", "dn:CN=bob"],
)  # fmt: skip
def test_an_endorser_who_is_not_meant(pattern):
    assert codes([GOOD], policy(endorsers=allow(pattern))) == ["endorser-not-listed"]
    assert codes([GOOD], policy(endorsers=deny(pattern))) == []


def test_an_address_counts_only_where_the_certificate_binds_it():
    claimed = said(decision=trusting(bound=False))
    verdict = judge(IMAGE, [claimed], policy(endorsers=allow(ALICE)), NOW)
    assert [one.code for one in verdict.reasons] == ["endorser-not-listed"]
    assert "by dn: or cert:" in verdict.reasons[0].change
    assert codes([claimed], policy(endorsers=allow(f"cert:{CERT}"))) == []
    # But nobody gets round a rule that denies an address by keeping it out of the certificate.
    assert codes([claimed], policy(endorsers=deny(ALICE))) == ["endorser-denied"]
    tagged = said(tags=("stable",), decision=trusting(bound=False))
    assert codes([tagged], policy(tags=allow(f"{ALICE}/stable"))) == ["tag-not-listed"]
    assert codes([tagged], policy(tags=deny(f"{ALICE}/stable"))) == ["tag-denied"]
    assert codes([tagged], policy(tags=allow("*/stable"))) == []


def test_the_fault_of_the_filter_that_skipped_every_second_one():
    """A filter that removes from the list it walks through lets the second of two bad ones pass."""
    bad = [said("bad1"), said("bad2")]
    listed = policy(endorsers=allow(ALICE))
    verdict = judge(IMAGE, [*bad, GOOD], listed, NOW)
    assert [one.weight for one in verdict.statements] == [Weight.ALLOWS, Weight.NONE, Weight.NONE]
    assert codes(bad, listed) == ["endorser-not-listed"]


def test_an_endorser_who_is_not_on_the_list_stops_nothing():
    assert codes([GOOD, said("bob", deprecated="bad")], policy(endorsers=allow(ALICE))) == []


def test_denying_somebody_does_not_make_the_withdrawal_disappear():
    withdrawn = [GOOD, said("bob", deprecated="bad")]
    assert codes(withdrawn, policy(endorsers=deny(BOB))) == ["deprecated"]


@pytest.mark.parametrize("pattern", [ANCHOR, "dn:O=Example,CN=Example CA", f"cert:{hex_digest(ANCHOR)}"])
def test_an_anchor(pattern):
    assert codes([GOOD], policy(anchors=allow(pattern))) == []
    assert codes([GOOD], policy(anchors=deny(pattern))) == ["anchor-denied"]
    other = said(decision=trusting(anchor="CN=Other CA"))
    assert codes([other], policy(anchors=allow(pattern))) == ["anchor-not-listed"]
    assert codes([other], policy(anchors=deny(pattern))) == []


def test_who_has_no_anchor_or_one_whose_name_cannot_be_read():
    nobody = said("mallory", Standing.SELF_SIGNED)
    assert codes([nobody], policy(anchors=allow(ANCHOR))) == ["untrusted"]
    assert codes([nobody], policy(anchors=deny(ANCHOR))) == ["untrusted"]
    odd = said(decision=trusting(anchor="no name at all"))
    assert codes([odd], policy(anchors=allow(ANCHOR))) == ["anchor-not-listed"]


def test_an_image():
    other = "A" * 27
    assert codes([GOOD], policy(images=allow(IMAGE))) == []
    assert codes([GOOD], policy(images=allow(other))) == ["image-not-listed"]
    assert codes([GOOD], policy(images=deny(IMAGE))) == ["image-denied"]
    assert codes([GOOD], policy(images=deny(other))) == []


def test_a_checksum():
    own, other = "sha256:" + "A" * 64, "SHA-256:" + "b" * 64
    assert codes([GOOD], policy(checksums=allow(own))) == []
    assert codes([GOOD], policy(checksums=allow(other))) == ["checksum-not-listed"]
    assert codes([GOOD], policy(checksums=deny(own))) == ["checksum-denied"]
    assert codes([GOOD], policy(checksums=deny(other))) == []
    # The identifier is a checksum by itself.
    one = "sha1:00000000000000000000000000000000000001"
    identified = "AAAAAAAAAAAAAAAAAAAAAAAAAAB"
    for written in (one, "sha1:1", one.replace("sha1", "SHA-1")):
        verdict = judge(identified, [GOOD], policy(checksums=deny(written)), NOW)
        assert [reason.code for reason in verdict.reasons] == ["checksum-denied"]


def test_a_tag():
    tagged = said(tags=("debian-13", "stable"))
    assert codes([tagged], policy(tags=allow("*/stable"))) == []
    assert codes([tagged], policy(tags=allow(f"{ALICE}/deb*"))) == []
    assert codes([tagged], policy(tags=allow(f"{BOB}/stable"))) == ["tag-not-listed"]
    assert codes([GOOD], policy(tags=allow("*/stable"))) == ["tag-not-listed"]
    assert codes([tagged], policy(tags=deny("*/deb*"))) == ["tag-denied"]
    assert codes([tagged], policy(tags=deny("*/other"))) == []


def test_a_group():
    private = said(groups=frozenset({"bio"}))
    assert codes([private], policy(groups=allow("bio", "chem"))) == []
    assert codes([GOOD], policy(groups=allow("bio"))) == ["group-not-listed"]
    assert codes([private], policy(groups=deny("bio"))) == ["group-denied"]
    assert codes([private], policy(groups=deny("chem"))) == []
    # Who withdraws in public withdraws for the group as well.
    assert codes([private, said("bob", deprecated="bad")], policy(groups=allow("bio"))) == ["deprecated"]


def test_weak_checksums_do_not_count():
    md5 = said(sha256=None)
    assert codes([md5], parse_policy({})) == ["weak-checksum"]
    assert codes([GOOD], parse_policy({})) == []
    assert codes([GOOD], parse_policy({"checksum": {"least": "SHA-512"}})) == ["weak-checksum"]
    assert codes([md5], policy()) == []


def test_so_many_endorsers_with_different_keys():
    two = policy(require=[{"least": 2}])
    assert codes([GOOD, said("bob")], two) == []
    assert codes([GOOD], two) == ["too-few-endorsers"]
    same = hex_digest("one key")
    assert codes([said(key=same), said("bob", key=same)], two) == ["too-few-endorsers"]
    assert codes([GOOD, said("m", Standing.SELF_SIGNED)], two) == ["too-few-endorsers"]
    verdict = judge(IMAGE, [GOOD], two, NOW)
    assert (
        "asks for 2 different keys of any trusted endorser for the same checksum; found: 1"
        in verdict.sentence
    )


def test_endorsers_of_each_kind_have_to_agree_on_one_checksum():
    both = policy(require=[{"least": 1, "of": [ALICE]}, {"least": 1, "of": ["csirt@*"]}])
    assert codes([GOOD, said("csirt")], both) == []
    assert codes([GOOD, said("bob")], both) == ["too-few-endorsers"]


def test_checksums_that_cannot_be_compared_do_not_agree():
    other = _with("csirt", ("SHA-512", "c" * 128))
    both = policy(require=[{"of": [ALICE]}, {"of": ["csirt@*"]}])
    assert codes([GOOD, other], both) == ["too-few-endorsers"]
    bridge = _with("csirt", ("SHA-512", "c" * 128), ("SHA-256", "a" * 64))
    assert codes([GOOD, bridge], both) == []
    assert codes([_with("alice", ("MD5", "a" * 32))], policy(require=[{"least": 1}])) == ["too-few-endorsers"]
    strong = parse_policy({"checksum": {"least": "SHA-512"}, "require": [{"least": 1}]})
    assert codes([bridge], strong) == []


def _with(who, *checksums):
    return replace(said(who), checksums=tuple(Checksum(*one) for one in checksums))


def test_whose_withdrawal_counts():
    own = policy(deprecation="own")
    withdrawn = [GOOD, said("bob", deprecated="bad")]
    assert codes(withdrawn, policy(deprecation="counted")) == ["deprecated"]
    assert codes(withdrawn, own) == []
    verdict = judge(IMAGE, withdrawn, own, NOW)
    assert verdict.rules[0].outcome is RuleOutcome.NOTED and verdict.entry == GOOD
    assert codes(withdrawn[1:], own) == ["deprecated"]
    # The same endorser with another certificate of the same key, or of the same proved address.
    assert codes([GOOD, said("alice", days=1, deprecated="bad")], own) == ["deprecated"]
    other_key = said("alice", days=1, deprecated="bad", key=hex_digest("other"))
    assert codes([GOOD, other_key], own) == ["deprecated"]
    claimed = said(decision=trusting(bound=False), key=hex_digest("third"))
    assert codes([claimed, other_key], own) == []


def test_age():
    old = said(days=10)
    assert codes([old], policy(age={"most": "10d"})) == []
    assert codes([old], policy(age={"most": "9d"})) == ["too-old"]
    verdict = judge(IMAGE, [old], policy(age={"most": "11d"}), NOW)
    assert verdict.until is not None and (verdict.until - NOW).days == 1
    assert codes([old], policy(age={"most": "11d"}), verdict.until) == ["too-old"]
    # A withdrawal never grows too old.
    assert codes([GOOD, said("bob", days=99, deprecated="")], policy(age={"most": "9d"})) == ["deprecated"]


def test_validity():
    assert codes([GOOD], policy(valid={"required": True})) == ["no-expiry"]
    assert codes([said(valid=NOW + DAY)], policy(valid={"required": True})) == []
    assert codes([GOOD], policy(valid={"required": False})) == []


def test_size():
    assert codes([said(size=1024)], policy(size={"most": "1KiB"})) == []
    assert codes([said(size=1025)], policy(size={"most": "1KiB"})) == ["too-large"]
    # The largest claim of those who count, and what the site found itself.
    assert codes([said(size=10), said("bob", size=99)], policy(size={"most": 50})) == ["too-large"]
    assert codes([said(size=10)], policy(size={"most": 50}), measured=Measured(size=99)) == ["too-large"]
    assert codes([said(size=10)], policy(size={"most": 50}), measured=Measured()) == []


def test_virtual_size():
    most = policy(virtual_size={"most": "1MB"})
    assert codes([said(virtual_size=10**6)], most) == []
    assert codes([said(virtual_size=10**6 + 1)], most) == ["virtual-size-too-large"]
    assert codes([GOOD], most, measured=Measured(virtual_size=2 * 10**6)) == ["virtual-size-too-large"]
    verdict = judge(IMAGE, [GOOD], most, NOW, measured=Measured())
    assert verdict.allowed
    assert any(one.name == "virtual_size.most" and one.outcome is RuleOutcome.NOTED for one in verdict.rules)


def test_format():
    qcow2 = said(format="qcow2")
    assert codes([qcow2], policy(formats=allow("QCOW2", "raw"))) == []
    assert codes([qcow2], policy(formats=allow("raw"))) == ["format-not-listed"]
    assert codes([GOOD], policy(formats=allow("raw"))) == ["format-not-listed"]
    assert codes([qcow2, said("bob", format="vmdk")], policy(formats=allow("qcow2"))) == ["format-not-listed"]
    assert codes([qcow2], policy(formats=deny("qcow*"))) == ["format-denied"]
    assert codes([qcow2], policy(formats=deny("vmdk"))) == []
    assert codes([GOOD], policy(formats=allow("raw")), measured=Measured(format="raw")) == []
    assert codes([qcow2], policy(formats=allow("qcow2")), measured=Measured(format="raw")) == [
        "format-not-listed"
    ]


def test_licence():
    free = said(licences=("https://example.org/gpl",))
    assert codes([free], policy(licences=allow("*gpl"))) == []
    assert codes([GOOD], policy(licences=allow("*gpl"))) == ["licence-not-listed"]
    assert codes([free], policy(licences=deny("*GPL"))) == ["licence-denied"]
    assert codes([GOOD], policy(licences=deny("*gpl"))) == []


def test_host():
    there = said(locations=("https://Images.example.org/a", "http://mirror.example.net:81/a"))
    assert codes([there], policy(hosts=allow("images.example.org"))) == []
    assert codes([there], policy(hosts=allow("example.org"))) == ["host-not-allowed"]
    assert codes([there], policy(hosts=deny("images.example.org"))) == []
    assert codes([there], policy(hosts=deny("*.org", "*.net"))) == ["host-not-allowed"]
    assert codes([GOOD], policy(hosts=allow("images.example.org"))) == ["host-not-allowed"]
    assert codes([GOOD], policy(hosts=deny("images.example.org"))) == []
    assert codes([said(locations=("pdisk:abc", "http://[bad"))], policy(hosts=allow("pdisk:"))) == []


def test_every_rule_is_told_with_what_it_found():
    everything = parse_policy(
        {
            "endorsers": {"allow": ["*@example.org"], "deny": [BOB]},
            "anchors": {"allow": [ANCHOR], "deny": ["CN=Other"]},
            "groups": deny("chem"),
            "tags": deny("*/old"),
            "age": {"most": "30d"},
            "size": {"most": "1GiB"},
        }
    )
    verdict = judge(IMAGE, [GOOD], everything, NOW)
    assert verdict.allowed
    rules = [*verdict.rules, *verdict.statements[0].rules]
    assert {rule.outcome for rule in rules} == {RuleOutcome.PASSED}
    assert all(rule.found for rule in rules)
    assert {"endorsers.allow", "anchors.deny", "age.most", "size.most", "endorsement"} <= {
        rule.name for rule in rules
    }
