"""Decisions: every rule has an outcome, a reason and what would change it."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.unit.trust.authorities import DAY, NOW, material, revocations, root
from validators import accept
from validators.allowlist import parse_allow_list
from validators.decision import RuleOutcome, decide
from validators.verdict import Standing

ROOT = root()
JIM = make_identity("Jim", "jim@example.org", issuer=ROOT)
JANE = make_identity("Jane", "jane@example.org")
LISTED = parse_allow_list(b"cn=Jim, o=Demo Project, c=EU\n/C=EU/O=Demo Project/CN=Jane\n")


def decided(identity, trusted, **how):
    made = signed(image(), identity, created=how.pop("created", "2024-01-01T00:00:00Z"), **how)
    decision = decide(accept(made), trusted, NOW)
    for rule in decision.rules:
        assert rule.found
        assert rule.change or rule.outcome is not RuleOutcome.FAILED
    return decision, {rule.name: rule for rule in decision.rules}


def test_everything_in_order():
    decision, rules = decided(JIM, material(ROOT, lists=[revocations(ROOT)], allowed=LISTED))
    assert decision.trusted
    assert {rule.outcome for rule in rules.values()} == {RuleOutcome.PASSED}
    assert (decision.in_date_at_created, decision.in_date_now, decision.email_bound) == (True, True, True)


def test_a_self_signed_certificate_until_it_is_pinned():
    decision, rules = decided(JANE, material(ROOT, allowed=LISTED))
    assert not decision.trusted
    assert rules["chain"].outcome is RuleOutcome.FAILED
    assert "adds this certificate to its anchors" in rules["chain"].change
    # Anybody can make a certificate with a name that is on the list.
    assert rules["allow-list"].outcome is RuleOutcome.NOTED
    decision, rules = decided(JANE, material(JANE, allowed=LISTED))
    assert decision.trusted
    assert rules["allow-list"].outcome is RuleOutcome.PASSED
    assert rules["chain"].found == "the certificate itself is a trust anchor of this site"


def test_an_unknown_issuer():
    decision, rules = decided(JIM, material())
    assert decision.certificate.standing is Standing.UNTRUSTED_ISSUER
    assert "does not end at a trusted issuer" in rules["chain"].found
    assert rules["revocation"].outcome is RuleOutcome.NOTED
    assert rules["allow-list"].found == "the site has no allow-list"


def test_a_revoked_certificate_and_when():
    trusted = material(ROOT, lists=[revocations(ROOT, JIM)])
    _, rules = decided(JIM, trusted)
    assert rules["chain"].outcome is RuleOutcome.PASSED
    assert rules["revocation"].outcome is RuleOutcome.FAILED
    told = "on 2026-05-30T00:00:00Z (keyCompromise); the entry's creation time is"
    assert f"{told} before the revocation" in rules["revocation"].found
    _, rules = decided(JIM, trusted, created="2026-05-31T00:00:00Z")
    assert f"{told} after the revocation" in rules["revocation"].found


def test_an_unknown_state_of_revocation():
    decision, rules = decided(JIM, material(ROOT, missing_crl="refuse"))
    assert not decision.trusted
    assert "newest revocation list" in rules["revocation"].change
    decision, rules = decided(JIM, material(ROOT))
    assert decision.trusted
    assert rules["revocation"].outcome is RuleOutcome.NOTED


def test_dates():
    late = make_identity("Late", "late@example.org", issuer=ROOT, not_after=NOW - DAY)
    decision, rules = decided(late, material(ROOT))
    assert (decision.trusted, decision.in_date_at_created, decision.in_date_now) == (True, True, False)
    assert rules["date-now"].outcome is RuleOutcome.NOTED
    early = make_identity(
        "Early", "early@example.org", issuer=ROOT, not_before=datetime(2025, 1, 1, tzinfo=UTC)
    )
    decision, rules = decided(early, material(ROOT))
    assert not decision.trusted
    assert "from 2025-01-01T00:00:00Z to 2090" in rules["date-at-endorsement"].found


def test_the_authority_has_to_be_in_date_as_well():
    short = make_identity(
        "Short CA", None, ca=True, key_usage=None, not_before=datetime(2025, 1, 1, tzinfo=UTC)
    )
    decision, _ = decided(make_identity("Leaf", "leaf@example.org", issuer=short), material(short))
    assert not decision.in_date_at_created


def test_an_address_that_nothing_binds():
    nobody = make_identity("Nobody", None, issuer=ROOT)
    decision, rules = decided(nobody, material(ROOT), email="nobody@example.org")
    assert not decision.email_bound
    assert rules["address"].outcome is RuleOutcome.NOTED


def test_not_on_the_list():
    other = make_identity("Other", "o@example.org", issuer=ROOT)
    _, rules = decided(other, material(ROOT, allowed=LISTED))
    assert "adds the certificate's subject" in rules["allow-list"].change
