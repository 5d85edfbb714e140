"""Revocation lists: who may speak, about whom, for how long, and what it means when nobody does."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.attacks.certificates import ECDSA_SHA256, revocation_list
from tests.attacks.distrust.forging import Cast
from tests.attacks.distrust.oddities import COMMON_NAME, attribute, issued, name
from tests.factories.identities import make_identity
from tests.unit.trust.authorities import (
    DAY,
    NOW,
    crl_bytes,
    issue,
    judged,
    link,
    material,
    revocations,
    root,
)
from validators.der import der_element
from validators.links import MaterialError
from validators.revocation import is_issued_by, parse_list
from validators.verdict import Standing, judge_certificate

ROOT = root()
JIM = make_identity("Jim", "jim@example.org", issuer=ROOT)
RITA = make_identity("Rita", "rita@example.org", issuer=ROOT)


def test_a_revoked_certificate_and_its_neighbour():
    trusted = material(ROOT, lists=[revocations(ROOT, RITA)])
    rita = judged(RITA, trusted)
    assert rita.standing is Standing.REVOKED
    assert (rita.revoked.since, rita.revoked.reason) == (NOW - 2 * DAY, "keyCompromise")
    assert rita.revoked_name == "CN=Rita,O=Demo Project,C=EU"
    assert rita.anchor == "CN=Trust Root,O=Demo Project,C=EU"
    jim = judged(JIM, trusted)
    assert (jim.standing, jim.revocation_fault, jim.revocation_notes) == (Standing.CHAINED, None, ())


def test_a_revoked_authority_takes_those_below_with_it():
    middle = issue(ROOT, "Middle", ca=True)
    leaf = issue(middle, "Leaf")
    verdict = judged(leaf, material(ROOT, lists=[revocations(ROOT, middle), revocations(middle)]))
    assert (verdict.standing, verdict.revoked_name) == (Standing.REVOKED, "CN=Middle,O=Demo Project,C=EU")


def test_a_revocation_counts_even_where_its_date_is_ahead():
    trusted = material(ROOT, lists=[revocations(ROOT, RITA, since=NOW + DAY)])
    assert judged(RITA, trusted).standing is Standing.REVOKED


def test_a_pinned_certificate_can_still_be_revoked_by_its_issuer():
    trusted = material(RITA, intermediates=[ROOT], lists=[revocations(ROOT, RITA)])
    verdict = judged(RITA, trusted)
    assert (verdict.pinned, verdict.standing) == (True, Standing.REVOKED)


def test_a_self_signed_pin_asks_nobody():
    jane = make_identity("Jane", "jane@example.org")
    assert judged(jane, material(jane, missing_crl="refuse")).standing is Standing.CHAINED


@pytest.mark.parametrize("key", [None, "other"])
def test_a_list_with_another_signature_says_nothing(key):
    other = make_identity("Trust Root", None, ca=True, key_usage=None, variant=8)
    found = parse_list(crl_bytes(ROOT, RITA, key=other.key if key else None))
    assert is_issued_by(found, link(ROOT)) is (key is None)
    standing = judged(RITA, material(ROOT, lists=[found])).standing
    assert standing is (Standing.CHAINED if key else Standing.REVOKED)


def test_an_authority_that_may_not_sign_lists_does_not_speak():
    limited = make_identity("Limited", None, ca=True, key_usage="key_cert_sign")
    leaf = make_identity("Leaf", None, issuer=limited)
    assert judged(leaf, material(limited, lists=[revocations(limited, leaf)])).standing is Standing.CHAINED


def test_a_list_of_another_authority_says_nothing_about_the_same_number():
    other = make_identity("Other Root", None, ca=True, key_usage=None)
    trusted = material(ROOT, other, lists=[revocations(other, RITA)])
    assert judged(RITA, trusted).standing is Standing.CHAINED


@pytest.mark.parametrize(
    ("policy", "standing"), [("refuse", Standing.REVOCATION_UNKNOWN), ("accept", Standing.CHAINED)]
)
def test_lists_past_their_time(policy, standing):
    stale = revocations(ROOT, RITA, this_update=NOW - 9 * DAY, next_update=NOW - DAY)
    trusted = material(ROOT, lists=[stale], stale_crl=policy)
    assert judged(JIM, trusted).standing is standing
    assert judged(RITA, trusted).standing is Standing.REVOKED
    said = judged(JIM, trusted)
    assert "out of date (2026-05-31" in (said.revocation_fault or said.revocation_notes[0])


def test_a_list_from_the_future_is_out_of_date_too():
    trusted = material(ROOT, lists=[revocations(ROOT, this_update=NOW + DAY)])
    assert judged(JIM, trusted).standing is Standing.REVOCATION_UNKNOWN


def test_the_newest_list_speaks():
    old = revocations(ROOT, RITA, this_update=NOW - 3 * DAY)
    new = revocations(ROOT)
    assert judged(RITA, material(ROOT, lists=[old, new])).standing is Standing.CHAINED


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_lists_of_one_second_the_higher_number_speaks(turn):
    before = revocations(ROOT, extensions=[(x509.CRLNumber(4096), False)])
    after = revocations(ROOT, RITA, extensions=[(x509.CRLNumber(4097), False)])
    assert judged(RITA, material(ROOT, lists=[before, after][::turn])).standing is Standing.REVOKED
    taken_back = revocations(ROOT, extensions=[(x509.CRLNumber(4098), False)])
    assert judged(RITA, material(ROOT, lists=[taken_back, after][::turn])).standing is Standing.CHAINED


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_lists_of_one_second_and_no_number_the_one_that_revokes_more_speaks(turn):
    lists = [revocations(ROOT), revocations(ROOT, RITA)][::turn]
    assert judged(RITA, material(ROOT, lists=lists)).standing is Standing.REVOKED


def test_without_any_list():
    assert judged(JIM, material(ROOT)).revocation_notes
    assert judged(JIM, material(ROOT, missing_crl="refuse")).standing is Standing.REVOCATION_UNKNOWN


def test_an_unreadable_list_could_have_been_anybody_s():
    verdict = judged(JIM, material(ROOT, gaps=["ca.r0"]))
    assert verdict.standing is Standing.REVOCATION_UNKNOWN
    assert "ca.r0" in verdict.revocation_fault
    assert judged(JIM, material(ROOT, gaps=["x"], lists=[revocations(ROOT)])).standing is Standing.CHAINED


NOTHING = dict.fromkeys(("full_name", "relative_name", "only_some_reasons"))
KINDS = ("user_certs", "ca_certs", "attribute_certs")


def partial(**flags):
    whole = {f"only_contains_{kind}": False for kind in KINDS} | {"indirect_crl": False}
    return x509.IssuingDistributionPoint(**NOTHING | whole | flags)


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
SOME_REASONS = partial(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}))


@pytest.mark.parametrize(
    ("extension", "because"),
    [
        (x509.DeltaCRLIndicator(1), "only changes"),
        (partial(indirect_crl=True), "other issuers"),
        (SOME_REASONS, "only some reasons"),
        (UNKNOWN, "unknown meaning (1.2.3.4)"),
    ],
)
def test_beside_a_list_that_is_not_understood_nobody_is_known_to_be_good(extension, because):
    odd = revocations(ROOT, extensions=[(extension, True)])
    for lists in ([odd], [revocations(ROOT), odd]):
        verdict = judged(JIM, material(ROOT, lists=lists))
        assert verdict.standing is Standing.REVOCATION_UNKNOWN
        assert because in verdict.revocation_fault
    # What a whole list revokes is revoked all the same.
    assert judged(RITA, material(ROOT, lists=[revocations(ROOT, RITA), odd])).standing is Standing.REVOKED


@pytest.mark.parametrize("extension", [x509.DeltaCRLIndicator(1), SOME_REASONS])
def test_what_changed_or_some_reasons_revoke_like_the_rest(extension):
    odd = revocations(ROOT, RITA, extensions=[(extension, True)])
    assert judged(RITA, material(ROOT, lists=[revocations(ROOT), odd])).standing is Standing.REVOKED


@pytest.mark.parametrize("extension", [partial(indirect_crl=True), UNKNOWN])
def test_rows_of_unknown_meaning_revoke_nobody(extension):
    odd = revocations(ROOT, RITA, extensions=[(extension, True)])
    assert judged(RITA, material(ROOT, lists=[odd])).standing is Standing.REVOCATION_UNKNOWN


def test_a_change_that_takes_a_row_back_clears_nobody():
    taken_back = x509.CRLReason(x509.ReasonFlags.remove_from_crl)
    row = x509.RevokedCertificateBuilder(RITA.certificate.serial_number, NOW - DAY)
    changes = x509.CertificateRevocationListBuilder(
        ROOT.certificate.subject, NOW, NOW + DAY, [], [row.add_extension(taken_back, False).build()]
    ).add_extension(x509.DeltaCRLIndicator(1), True)
    delta = parse_list(changes.sign(ROOT.key, hashes.SHA256()).public_bytes(Encoding.DER))
    assert judged(RITA, material(ROOT, lists=[revocations(ROOT, RITA), delta])).standing is Standing.REVOKED
    assert judged(RITA, material(ROOT, lists=[delta])).standing is Standing.REVOCATION_UNKNOWN


def numbered(number, *revoked, base=None, **how):
    extensions = [(x509.CRLNumber(number), False)]
    if base is not None:
        extensions.append((x509.DeltaCRLIndicator(base), True))
    return revocations(ROOT, *revoked, extensions=extensions, **how)


def test_changes_that_a_newer_whole_list_holds_do_not_matter():
    delta = numbered(6, base=5, this_update=NOW - 2 * DAY)
    whole = numbered(7)
    assert judged(JIM, material(ROOT, lists=[delta, whole])).standing is Standing.CHAINED
    older = numbered(5, this_update=NOW - 3 * DAY)
    assert judged(JIM, material(ROOT, lists=[delta, older])).standing is Standing.REVOCATION_UNKNOWN


def test_rows_about_other_issuers_make_a_list_that_is_not_understood():
    other = x509.CertificateIssuer([x509.DirectoryName(JIM.certificate.subject)])
    found = parse_list(crl_bytes(ROOT, RITA, row_extensions=[(other, True)]))
    verdict = judged(RITA, material(ROOT, lists=[found]))
    assert verdict.standing is Standing.REVOCATION_UNKNOWN
    assert "rows about other issuers" in verdict.revocation_fault


def named(part):
    """A list for one distribution point, or of one key."""
    if part.startswith("http"):
        return partial(full_name=[x509.UniformResourceIdentifier(part)]), True
    return x509.AuthorityKeyIdentifier(part.encode(), None, None), False


@pytest.mark.parametrize(("one", "other"), [("http://a.org/1", "http://a.org/2"), ("old key", "new key")])
def test_lists_that_an_issuer_publishes_side_by_side_count_all(one, other):
    older = revocations(ROOT, RITA, extensions=[named(one)])
    newer = revocations(ROOT, JIM, this_update=NOW, extensions=[named(other)])
    held = material(ROOT, lists=[older, newer])
    assert [judged(who, held).standing for who in (RITA, JIM)] == [Standing.REVOKED] * 2
    # In a series of its own the newer list speaks alone.
    again = revocations(ROOT, this_update=NOW, extensions=[named(one)])
    held = material(ROOT, lists=[older, newer, again])
    assert [judged(who, held).standing for who in (RITA, JIM)] == [Standing.CHAINED, Standing.REVOKED]


def test_usual_extensions_do_no_harm():
    usual = [
        (x509.CRLNumber(3), False),
        (partial(full_name=[x509.UniformResourceIdentifier("http://ca.example.org/crl")]), True),
    ]
    found = revocations(ROOT, RITA, extensions=usual)
    assert judged(RITA, material(ROOT, lists=[found])).standing is Standing.REVOKED
    assert "Trust Root" in repr(found)


@pytest.mark.parametrize("junk", [b"", b"0\x03abc", b"x"])
def test_what_is_no_list_is_named(junk):
    with pytest.raises(MaterialError, match="not a readable revocation list"):
        parse_list(junk)


def test_a_row_without_a_reason():
    row = x509.RevokedCertificateBuilder(RITA.certificate.serial_number, NOW - DAY).build()
    made = x509.CertificateRevocationListBuilder(ROOT.certificate.subject, NOW - DAY, NOW + DAY, [], [row])
    found = parse_list(made.sign(ROOT.key, hashes.SHA256()).public_bytes(Encoding.DER))
    assert found.find_revocation(link(RITA)).reason == "unspecified"


def test_the_certificate_itself_may_be_what_cannot_be_read():
    verdict = judge_certificate(b"0\x03abc", [], material(ROOT), NOW)
    assert verdict.standing is Standing.UNTRUSTED_ISSUER
    assert "signer's certificate" in verdict.faults[0]


def test_until_when_the_lists_that_count_are_in_date():
    short = revocations(ROOT, next_update=NOW + DAY)
    longer = revocations(ROOT, next_update=NOW + 9 * DAY, extensions=[named("key")])
    endless = parse_list(endless_list())
    assert judged(JIM, material(ROOT, lists=[short])).fresh_until == NOW + DAY
    assert judged(JIM, material(ROOT, lists=[short, longer])).fresh_until == NOW + 9 * DAY
    assert judged(JIM, material(ROOT, lists=[short], stale_crl="accept")).fresh_until is None
    verdict = judged(JIM, material(ROOT, lists=[endless]))
    assert (verdict.standing, verdict.fresh_until) == (Standing.CHAINED, None)


def endless_list() -> bytes:
    """A list that promises no newer one."""
    algorithm, inner = ECDSA_SHA256, [b"\x02\x01\x01", ECDSA_SHA256, ROOT.certificate.subject.public_bytes()]
    signed = der_element(0x30, *inner, b"\x17\x0d240101000000Z")
    key = ROOT.key.sign(signed, ec.ECDSA(hashes.SHA256()))
    return der_element(0x30, signed, algorithm, der_element(0x03, b"\0", key))


def test_rows_with_extensions_of_unknown_meaning_revoke_nobody():
    odd = parse_list(crl_bytes(ROOT, RITA, row_extensions=[(UNKNOWN, True)]))
    verdict = judged(RITA, material(ROOT, lists=[odd]))
    assert verdict.standing is Standing.REVOCATION_UNKNOWN
    assert "rows with a critical extension (1.2.3.4)" in verdict.revocation_fault


def test_an_odd_number_that_no_row_has_is_not_revoked():
    leaf = issued(Cast("odd"), ROOT, name(attribute(COMMON_NAME, 0x0C, b"Neg")), serial=b"\x02\x01\xf9")
    assert judged(leaf, material(ROOT, lists=[revocations(ROOT, RITA)])).standing is Standing.CHAINED
    listed = parse_list(revocation_list(ROOT, b"\x02\x01\x07", b"\x02\x01\xf9"))
    assert judged(leaf, material(ROOT, lists=[listed])).standing is Standing.REVOKED
