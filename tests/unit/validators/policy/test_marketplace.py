"""The policy that a marketplace goes by: who says yes, who withdraws, and whose word counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.unit.trust.authorities import NOW as TODAY
from tests.unit.trust.authorities import material, revocations, root
from tests.unit.validators.policy.saying import DAY, IMAGE, NOW, codes, said, trusting
from validators import accept
from validators.decision import Rule, RuleOutcome, decide
from validators.document import Checksum, Coordinates
from validators.policy import (
    MARKETPLACE,
    Asked,
    ChecksumPattern,
    LocalWord,
    Status,
    Weight,
    judge,
    statement_of,
)
from validators.verdict import Standing


def judged(*statements, now=NOW, **how):
    return judge(IMAGE, statements, MARKETPLACE, now, **how)


def test_a_trusted_endorser_says_yes():
    alice = said(valid=NOW + 5 * DAY)
    verdict = judged(alice)
    assert verdict.allowed and verdict.reasons == ()
    assert (verdict.entry, verdict.status) == (alice, Status.VALID)
    assert verdict.sentence == "allowed: alice@example.org endorses it"
    assert verdict.checksums == (Checksum("SHA-256", "a" * 64),)
    assert verdict.statements[0].trusted and verdict.statements[0].failure is None


def test_the_clock_alone_ends_it_after_the_last_second_of_validity():
    alice = said(valid=NOW + DAY)
    verdict = judged(alice)
    assert verdict.until is not None
    assert judged(alice, now=NOW + DAY).allowed
    assert not judged(alice, now=verdict.until).allowed
    assert (verdict.until - NOW - DAY).total_seconds() == 1
    assert judged(alice, now=verdict.until).until is None


def test_while_another_endorser_says_yes_the_clock_ends_it_later():
    early, late = said(valid=NOW + DAY), said("bob", valid=NOW + 3 * DAY)
    assert judged(early, late).until == judged(late).until
    assert judged(early, said("bob")).until is None


def test_the_end_of_all_time_never_comes():
    assert judged(said(valid=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))).until is None


def test_what_is_expired():
    verdict = judged(said(valid=NOW - DAY))
    assert [one.code for one in verdict.reasons] == ["expired"]
    assert "expired on" in verdict.sentence and verdict.status is Status.EXPIRED


def test_nobody_says_anything():
    verdict = judged()
    assert [one.code for one in verdict.reasons] == ["unknown"]
    assert verdict.entry is None and verdict.status is None


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("backdoor found", '"backdoor found"'), ("", "no reason is given"), ("x" * 500, "x…")],
)
def test_a_trusted_endorser_withdraws_the_image_whoever_else_endorses_it(reason, shown):
    bob = said("bob", days=3, deprecated=reason)
    verdict = judged(said(), bob, said("carol", days=9))
    assert [one.code for one in verdict.reasons] == ["deprecated"]
    assert shown in verdict.sentence
    assert (verdict.entry, verdict.status) == (bob, Status.DEPRECATED)


def test_a_withdrawal_alone_is_the_only_reason():
    assert codes([said(deprecated="bad")], MARKETPLACE) == ["deprecated"]


def test_a_withdrawal_has_no_end_of_validity():
    assert codes([said(deprecated="bad", valid=NOW - DAY), said("bob")], MARKETPLACE) == ["deprecated"]


@pytest.mark.parametrize("standing", [Standing.SELF_SIGNED, Standing.UNTRUSTED_ISSUER, Standing.REVOKED])
def test_a_stranger_neither_stops_nor_starts_anything(standing):
    stranger = said("mallory", standing, deprecated="I say so")
    verdict = judged(said(), stranger)
    assert verdict.allowed
    assert [one.weight for one in verdict.statements] == [Weight.ALLOWS, Weight.NONE]
    assert not verdict.statements[1].trusted
    assert not judged(said("mallory", standing)).allowed


@pytest.mark.parametrize(
    ("standing", "code"),
    [
        (Standing.SELF_SIGNED, "untrusted"),
        (Standing.UNTRUSTED_ISSUER, "untrusted"),
        (Standing.REVOKED, "revoked"),
        (Standing.REVOCATION_UNKNOWN, "revocation-unknown"),
    ],
)
def test_why_nobody_who_speaks_is_trusted(standing, code):
    assert codes([said("alice", standing)], MARKETPLACE) == [code]
    # The one who comes closest to being trusted is the one to tell about.
    assert codes([said("alice", standing, days=9), said("m", Standing.SELF_SIGNED)], MARKETPLACE) == [code]


def test_what_is_known_to_be_wrong_is_told_before_what_is_unknown():
    weak = Rule(
        "strength", RuleOutcome.FAILED, "the signature is SHA-1", "it is signed again", "legacy-signature"
    )
    both = trusting(Standing.REVOCATION_UNKNOWN, failing=weak)
    assert codes([said(decision=both)], MARKETPLACE) == ["legacy-signature"]


def test_who_keeps_revocation_lists_away_makes_no_withdrawal_disappear():
    bob = said("bob", Standing.REVOCATION_UNKNOWN, deprecated="bad")
    assert codes([said(), bob], MARKETPLACE) == ["deprecated"]


def test_trust_ends_when_the_revocation_list_does():
    alice = said(decision=trusting(fresh_until=NOW + DAY))
    verdict = judged(alice)
    assert judged(alice, now=NOW + DAY).allowed
    assert verdict.until is not None
    assert codes([alice], MARKETPLACE, verdict.until) == ["revocation-unknown"]


def test_endorsers_who_name_different_files():
    verdict = judged(said(), said("bob", sha256="b"))
    assert [one.code for one in verdict.reasons] == ["conflict"]
    assert "alice@example.org aaaaaaaaaaaaaaaa… but bob@example.org" in verdict.sentence
    assert judged(said(), said("mallory", Standing.SELF_SIGNED, sha256="b")).allowed
    # Weak checksums prove nothing either way.
    weak = replace(said("bob", sha256=None), checksums=(Checksum("MD5", "b" * 32),))
    assert judged(replace(said(), checksums=(Checksum("MD5", "a" * 32),)), weak).allowed


def test_an_endorser_who_says_two_things_at_once():
    assert codes([said(equivocal=True)], MARKETPLACE) == ["conflict"]
    assert codes([said(), said("mallory", Standing.SELF_SIGNED, equivocal=True)], MARKETPLACE) == []


def test_a_file_is_asked_about_by_a_checksum_that_those_who_say_yes_have_to_name():
    own, other = ChecksumPattern("sha256:" + "a" * 64), ChecksumPattern("sha512:" + "b" * 128)
    assert judged(said(), checksum=own).allowed
    assert codes([said()], MARKETPLACE, checksum=other) == ["checksum-unproved"]
    # A stranger's word about another file with this identifier proves nothing.
    stranger = replace(said("m", Standing.SELF_SIGNED), checksums=(Checksum("SHA-512", "b" * 128),))
    assert codes([said(), stranger], MARKETPLACE, checksum=other) == ["checksum-unproved"]
    assert codes([stranger], MARKETPLACE, checksum=other) == ["untrusted"]


def test_what_the_site_does_not_show():
    assert codes([said(hidden="this site does not show it")], MARKETPLACE) == ["filtered"]
    # Its withdrawal counts all the same.
    assert codes([said(), said("bob", hidden="not shown", deprecated="bad")], MARKETPLACE) == ["deprecated"]


def test_a_superseded_entry_is_judged_by_the_current_one():
    old = Coordinates(IMAGE, "alice@example.org", NOW - 9 * DAY)
    current = said(deprecated="bad")
    verdict = judged(current, asked=Asked(old, current.coordinates))
    assert not verdict.allowed and verdict.entry == current
    assert verdict.rules[0].name == "superseded" and current.coordinates.path() in verdict.rules[0].found
    verdict = judged(said("bob"), asked=Asked(old, None))
    assert verdict.allowed
    assert verdict.rules[0].found == f"the entry {old.path()} is superseded; only the current entry counts"


def test_somebody_at_the_site_holds_the_image_back():
    held = LocalWord("being looked at", NOW + DAY)
    verdict = judged(said(), local=[held])
    assert [one.code for one in verdict.reasons] == ["held"]
    assert "until 2026-06-02" in verdict.sentence
    assert verdict.until is not None
    assert not judged(said(), local=[held], now=NOW + DAY).allowed
    assert judged(said(), local=[held], now=verdict.until).allowed
    assert judged(said(), local=[held, LocalWord("for good")]).until is None


def test_nothing_is_allowed_by_what_is_stale():
    verdict = judged(said(), fresh_until=NOW)
    assert verdict.allowed and verdict.until is not None
    assert codes([said()], MARKETPLACE, verdict.until, fresh_until=NOW) == ["stale"]


def test_a_claimed_address_is_called_claimed():
    verdict = judged(said(deprecated="bad", decision=trusting(bound=False)))
    assert "alice@example.org (claimed) withdrew" in verdict.sentence
    confirmed = replace(trusting(bound=False), email_confirmed=True)
    assert "(claimed)" not in judged(said(deprecated="bad", decision=confirmed)).sentence


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (trusting(), "ends at CN=Example CA"),
        (trusting(pinned=True), "pinned"),
        (replace(trusting(), certificate=replace(trusting().certificate, anchor=None)), "no rule forbids"),
    ],
)
def test_why_an_endorser_is_trusted(decision, why):
    assert why in judged(said(decision=decision)).statements[0].rules[0].found


def test_a_really_signed_entry_under_a_real_authority():
    authority = root()
    alice = make_identity("Alice", "alice@example.org", issuer=authority)
    extra = (
        '<dcterms:license rdf:resource="https://example.org/licence"/>'
        '<x:virtual-size xmlns:x="https://example.org/x#">5000</x:virtual-size>'
        '<x:virtual-size xmlns:x="https://example.org/x#">many</x:virtual-size>'
        '<dcterms:rights>CC0</dcterms:rights><x:other xmlns:x="https://example.org/x#">1</x:other>'
    )
    entry = accept(signed(image(tags=("stable",), extra=extra), alice))
    trusted = material(authority, lists=[revocations(authority)])
    statement = statement_of(entry, decide(entry, trusted, TODAY), groups=["bio"])
    assert statement.licences == ("https://example.org/licence", "CC0")
    assert statement.virtual_size == 5000
    assert statement.groups == {"bio"} and statement.tags == ("stable",)
    assert statement.bound_email == "alice@example.org"
    verdict = judge(entry.identifier, [statement], MARKETPLACE, TODAY)
    assert verdict.allowed
    # The revocation list ends some day, and with it the answer.
    assert verdict.until is not None
    assert not judge(entry.identifier, [statement], MARKETPLACE, verdict.until).allowed
    later = decide(entry, trusted, verdict.until)
    assert not judge(entry.identifier, [statement_of(entry, later)], MARKETPLACE, verdict.until).allowed
