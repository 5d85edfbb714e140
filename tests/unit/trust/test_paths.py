"""Paths: what leads to an anchor, and every rule that breaks a path."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from tests.factories.identities import Identity, make_ca, make_identity
from tests.unit.trust.authorities import DAY, NOW, der, issue, judged, link, material, root, sha1_signed
from validators.der import der_element
from validators.links import Age, MaterialError, is_signed_by, key_age, parse_link, signature_age
from validators.verdict import Standing

ROOT = root()
JIM = make_identity("Jim", "jim@example.org", issuer=ROOT)
JANE = make_identity("Jane", "jane@example.org")


def refused(identity, trusted, **how) -> str:
    verdict = judged(identity, trusted, **how)
    assert verdict.standing is Standing.UNTRUSTED_ISSUER
    assert verdict.anchor is None
    return "; ".join(verdict.faults)


def test_a_certificate_of_an_anchor_is_chained_to_it():
    verdict = judged(JIM, material(ROOT), beside=[])
    assert verdict.standing is Standing.CHAINED
    assert verdict.anchor == "CN=Trust Root,O=Demo Project,C=EU"
    assert verdict.path == ("CN=Jim,O=Demo Project,C=EU", "CN=Trust Root,O=Demo Project,C=EU")
    assert not verdict.pinned


def test_without_anchors_nobody_is_chained():
    assert "is not an anchor" in refused(JIM, material())
    assert "is not known" in refused(JIM, material(), beside=[])


def test_a_self_signed_certificate_is_that_until_it_is_pinned():
    assert judged(JANE, material(ROOT)).standing is Standing.SELF_SIGNED
    pinned = judged(JANE, material(ROOT, JANE))
    assert (pinned.standing, pinned.pinned) == (Standing.CHAINED, True)


def test_a_certificate_of_an_authority_can_be_pinned_without_it():
    assert judged(JIM, material(JIM), beside=[]).pinned


def test_another_certificate_with_the_same_name_is_not_the_pinned_one():
    again = make_identity("Jane", "jane@example.org", variant=5)
    assert judged(again, material(JANE)).standing is Standing.SELF_SIGNED


def test_an_authority_with_the_right_name_and_another_key_proves_nothing():
    other = make_identity("Trust Root", None, "p256", ca=True, key_usage=None, variant=9)
    assert "did not sign" in refused(JIM, material(other), beside=[])
    # Nor does having the true one beside it, since nobody trusts that.
    assert "is self-signed and is not an anchor" in refused(JIM, material(other))


@pytest.mark.parametrize("place", ["beside", "store"])
def test_intermediates_come_with_the_signature_or_from_the_store(place):
    middle = issue(ROOT, "Middle", ca=True)
    leaf = issue(middle, "Leaf")
    if place == "store":
        verdict = judged(leaf, material(ROOT, intermediates=[middle]), beside=[])
    else:
        verdict = judged(leaf, material(ROOT), beside=[b"0\x03abc", der(middle)])
    assert (verdict.standing, len(verdict.path)) == (Standing.CHAINED, 3)


def test_an_intermediate_in_the_store_is_no_anchor():
    middle = issue(ROOT, "Middle", ca=True)
    assert "is not known" in refused(issue(middle, "Leaf"), material(intermediates=[middle]), beside=[])


def test_an_endorser_cannot_issue():
    leaf = issue(ROOT, "An endorser")
    fake = issue(leaf, "Fake")
    assert "is not a CA certificate" in refused(fake, material(ROOT))
    # Not even where it is an anchor: a pin vouches for itself only.
    assert "is not a CA certificate" in refused(fake, material(leaf))


def test_an_authority_that_may_only_sign_lists_cannot_issue():
    signer = make_identity("List signer", None, issuer=ROOT, ca=True, key_usage="crl_sign")
    assert "keyUsage" in refused(make_identity("Leaf", None, issuer=signer), material(ROOT))


def test_a_certificate_without_basic_constraints_cannot_issue():
    old = make_identity("Old", None, issuer=ROOT, ca=None, key_usage=None)
    assert "basicConstraints" in refused(make_identity("Leaf", None, issuer=old), material(ROOT))


@pytest.mark.parametrize(("allowed", "standing"), [(0, Standing.UNTRUSTED_ISSUER), (1, Standing.CHAINED)])
def test_path_length(allowed, standing):
    top = issue(ROOT, "Top", ca=True, path_length=allowed)
    middle = issue(top, "Middle", ca=True)
    assert judged(issue(middle, "Leaf"), material(ROOT)).standing is standing
    assert judged(issue(top, "Leaf"), material(ROOT)).standing is Standing.CHAINED


def test_the_path_length_of_an_anchor_counts_too():
    anchor = issue(ROOT, "Anchor", ca=True, path_length=0)
    leaf = issue(issue(anchor, "Middle", ca=True), "Leaf")
    assert "pathLen" in refused(leaf, material(anchor))


def test_critical_extensions_of_unknown_meaning():
    odd = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
    same = (odd[0], False)
    assert "1.2.3.4" in refused(issue(ROOT, "Leaf", extensions=[odd]), material(ROOT))
    assert "1.2.3.4" in refused(issue(issue(ROOT, "M", ca=True, extensions=[odd]), "Leaf"), material(ROOT))
    assert judged(issue(ROOT, "Leaf", extensions=[same]), material(ROOT)).standing is Standing.CHAINED


@pytest.mark.parametrize(
    ("purpose", "standing"),
    [("1.3.6.1.5.5.7.3.1", Standing.UNTRUSTED_ISSUER), ("1.3.6.1.5.5.7.3.4", Standing.CHAINED)],
)
def test_a_critical_purpose_has_to_fit(purpose, standing):
    usage = x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose)])
    assert judged(issue(ROOT, "Leaf", extensions=[(usage, True)]), material(ROOT)).standing is standing


def permitted(*names):
    return (x509.NameConstraints(list(names), None), True)


def excluded(*names):
    return (x509.NameConstraints(None, list(names)), True)


MAIL = x509.RFC822Name


@pytest.mark.parametrize(
    ("constraint", "email", "holds"),
    [
        (permitted(MAIL("example.org")), "jim@example.org", True),
        (permitted(MAIL("EXAMPLE.org")), "jim@example.ORG", True),
        (permitted(MAIL("example.org")), "jim@sub.example.org", False),
        (permitted(MAIL(".example.org")), "jim@sub.example.org", True),
        (permitted(MAIL(".example.org")), "jim@example.org", False),
        (permitted(MAIL(".example.org")), "jim@evilexample.org", False),
        (permitted(MAIL("jim@example.org")), "jim@example.org", True),
        (permitted(MAIL("jim@example.org")), "joan@example.org", False),
        (permitted(MAIL("example.org"), MAIL("example.com")), "jim@example.com", True),
        (permitted(MAIL("example.org")), None, True),
        (excluded(MAIL("example.org")), "jim@example.org", False),
        (excluded(MAIL("example.org")), "jim@example.com", True),
        (permitted(x509.DNSName("example.org")), "jim@example.org", True),
    ],
)
def test_mail_constraints(constraint, email, holds):
    middle = issue(ROOT, "Bounded", ca=True, extensions=[constraint])
    verdict = judged(issue(middle, "Leaf", email=email), material(ROOT))
    assert (verdict.standing is Standing.CHAINED) is holds


def test_constraints_hold_at_any_depth():
    top = issue(ROOT, "Bounded", ca=True, extensions=[permitted(MAIL("example.org"))])
    deep = issue(issue(issue(top, "M1", ca=True), "M2", ca=True), "Leaf", email="x@example.com")
    assert "is not permitted" in refused(deep, material(ROOT))


def directory(*parts):
    oids = {"C": "2.5.4.6", "O": "2.5.4.10", "CN": "2.5.4.3"}
    names = [x509.NameAttribute(x509.ObjectIdentifier(oids[kind]), value) for kind, value in parts]
    return x509.DirectoryName(x509.Name(names))


@pytest.mark.parametrize(
    ("constraint", "holds"),
    [
        (permitted(directory(("C", "EU"))), True),
        (permitted(directory(("C", "EU"), ("O", "demo  PROJECT"))), True),
        (permitted(directory(("C", "EU"), ("O", "Demo"))), False),
        (permitted(directory(("O", "Demo Project"))), False),
        (excluded(directory(("C", "EU"), ("O", "Demo Project"), ("CN", "leaf"))), False),
        (excluded(directory(("C", "FR"))), True),
    ],
)
def test_directory_constraints(constraint, holds):
    middle = issue(ROOT, "Bounded", ca=True, extensions=[constraint])
    verdict = judged(issue(middle, "Leaf"), material(ROOT))
    assert (verdict.standing is Standing.CHAINED) is holds


def test_a_constraint_on_names_that_are_not_compared_refuses_such_names():
    middle = issue(ROOT, "Bounded", ca=True, extensions=[permitted(x509.DNSName("example.org"))])
    names = x509.SubjectAlternativeName([x509.DNSName("example.org")])
    assert "not permitted" in refused(issue(middle, "Leaf", extensions=[(names, False)]), material(ROOT))


@pytest.mark.parametrize("address", ["joan@example.com", "jöan@example.org"])
def test_an_address_in_the_subject_is_bound_too(address):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.EMAIL_ADDRESS, address, _type=UTF8)])
    middle = issue(ROOT, "Bounded", ca=True, extensions=[permitted(MAIL("example.org"))])
    leaf = make_identity("x", None, issuer=middle, subject=subject)
    assert "may not be certified" in refused(leaf, material(ROOT))


UTF8 = x509.name._ASN1Type.UTF8String


def test_weak_keys_and_hashes_need_the_site_s_consent():
    weak = make_identity("Weak CA", None, "rsa1024", ca=True, key_usage=None)
    leaf = make_identity("Leaf", None, issuer=weak)
    assert "has a key" in refused(leaf, material(weak))
    assert judged(leaf, material(weak, legacy="accept")).standing is Standing.CHAINED


def test_sha1_needs_the_site_s_consent():
    anchor = make_identity("RSA CA", None, "rsa2048", ca=True, key_usage=None)
    leaf = sha1_signed(make_identity("Leaf", None, issuer=anchor, variant=4), anchor)
    assert "hash" in refused(leaf, material(anchor))
    assert judged(leaf, material(anchor, legacy="accept")).standing is Standing.CHAINED


@pytest.mark.parametrize("key", ["rsa512", "p192"])
def test_no_consent_helps_a_broken_key(key):
    weak = make_identity("Broken", None, key, ca=True, key_usage=None)
    leaf = make_identity("Leaf", None, issuer=weak)
    assert "has a key" in refused(leaf, material(weak, legacy="accept"))


@pytest.mark.parametrize("key", ["rsa2048", "p384"])
def test_kinds_of_authorities(key):
    anchor = make_identity("CA", None, key, ca=True, key_usage="key_cert_sign")
    assert judged(make_identity("Leaf", None, issuer=anchor), material(anchor)).standing is Standing.CHAINED


def test_two_authorities_that_certify_each_other_end():
    one, two = make_ca("One"), make_ca("Two")
    crossed = issue(two, "One", ca=True)
    back = issue(one, "Two", ca=True)
    leaf = make_identity("Leaf", None, issuer=one)
    refused(leaf, material(intermediates=[crossed, back]), beside=[])


def test_a_long_path_is_refused_and_many_candidates_are_bounded():
    top = ROOT
    for number in range(4):
        top = issue(top, f"M{number}", ca=True)
    leaf = issue(top, "Leaf")
    assert judged(leaf, material(ROOT)).standing is Standing.CHAINED
    assert "longer than 4" in refused(leaf, material(ROOT, max_length=4))
    assert "more than 2 signatures" in refused(leaf, material(ROOT, max_signatures=2))


def test_of_several_paths_the_one_in_date_is_chosen():
    subject = ROOT.certificate.subject
    early = make_identity("E", None, ca=True, key_usage=None, subject=subject, not_after=NOW - DAY)
    # The same key under a certificate that goes on.
    late = x509.CertificateBuilder(
        subject, subject, early.certificate.public_key(), 77, NOW - DAY, NOW + 9 * DAY,
        [x509.Extension(x509.BasicConstraints.oid, True, x509.BasicConstraints(True, None))],
    ).sign(early.key, hashes.SHA256())  # fmt: skip
    leaf = make_identity("Leaf", None, issuer=early, variant=3)
    both = material(early, dataclasses.replace(early, certificate=late))
    assert judged(leaf, both).ends == NOW + 9 * DAY
    assert judged(leaf, both, at=datetime(2015, 1, 1, tzinfo=UTC)).ends == NOW - DAY


def test_what_is_no_certificate_is_named():
    for junk in (b"", b"0\x03abc", b"x" * 70_000):
        with pytest.raises(MaterialError):
            parse_link(junk)
    assert "Jane" in repr(link(JANE))


def test_dsa_is_legacy():
    anchor = make_identity("DSA CA", None, "dsa2048", ca=True, key_usage=None)
    leaf = make_identity("Leaf", None, issuer=anchor)
    assert "has a key" in refused(leaf, material(anchor))
    assert judged(leaf, material(anchor, legacy="accept")).standing is Standing.CHAINED


def test_kinds_of_keys_that_the_format_does_not_have():
    key = ed25519.Ed25519PrivateKey.generate()
    name = ROOT.certificate.subject
    made = x509.CertificateBuilder(
        name, name, key.public_key(), 78, NOW - DAY, NOW + DAY,
        [x509.Extension(x509.BasicConstraints.oid, True, x509.BasicConstraints(True, None))],
    ).sign(key, None)  # fmt: skip
    odd = dataclasses.replace(ROOT, certificate=made)
    assert key_age(link(odd)) is Age.BROKEN
    assert signature_age(made) is Age.BROKEN
    assert not is_signed_by(der(JIM), der(odd))
    assert not is_signed_by(der(odd), der(ROOT))


def test_what_stands_for_the_material_tells_everything_apart():
    several = [
        material(),
        material(ROOT),
        material(intermediates=[ROOT]),
        material(ROOT, gaps=["x"]),
        material(ROOT, legacy="accept"),
    ]
    assert len({one.digest for one in several}) == len(several)
    assert material(ROOT, JANE).digest == material(JANE, ROOT).digest


def test_a_weak_key_of_the_signer_needs_consent_too():
    weak = make_identity("Weak", None, "rsa1024", issuer=ROOT)
    assert "has a key" in refused(weak, material(ROOT))
    assert judged(weak, material(ROOT, legacy="accept")).standing is Standing.CHAINED


@pytest.mark.parametrize(
    ("constraint", "email", "holds"),
    [
        (permitted(MAIL("Jim@example.org")), "Jim@EXAMPLE.org", True),
        (permitted(MAIL("Jim@example.org")), "jim@example.org", False),
        (excluded(MAIL("Jim@example.org")), "jim@example.org", False),
        (excluded(MAIL("joan@example.org")), "jim@example.org", True),
    ],
)
def test_the_case_of_a_mailbox_counts_where_it_is_permitted(constraint, email, holds):
    middle = issue(ROOT, "Bounded", ca=True, extensions=[constraint])
    verdict = judged(issue(middle, "Leaf", email=email), material(ROOT))
    assert (verdict.standing is Standing.CHAINED) is holds


@pytest.mark.parametrize(
    ("host", "says"),
    [("example.com", "is not permitted"), ("ex\u00e4mple.org", "cannot be compared"), ("example.org", None)],
)
def test_a_mailbox_with_other_letters_is_bound_like_any(host, says):
    written = f"jim@{host}".encode()
    mailbox = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9"), der_element(0x0C, written))
    middle = issue(ROOT, "Bounded", ca=True, extensions=[permitted(MAIL("example.org"))])
    leaf = issue(middle, "Leaf", extensions=[(x509.SubjectAlternativeName([mailbox]), False)])
    if says is None:
        assert judged(leaf, material(ROOT)).standing is Standing.CHAINED
    else:
        assert says in refused(leaf, material(ROOT))


def test_a_chain_that_an_entry_has_no_room_for_is_told():
    above = ROOT
    for number in range(6):
        above = issue(above, f"Deep {number}", ca=True)
    leaf = issue(above, "Leaf")
    carried = [one.public_bytes(Encoding.DER) for one in leaf.intermediates[:4]]
    told = refused(leaf, material(ROOT), beside=carried)
    assert "CN=Deep 2,O=Demo Project,C=EU is not known (an entry carries 4 issuers at most" in told
    known = material(ROOT, intermediates=[Identity(one, None, None) for one in leaf.intermediates])
    assert judged(leaf, known, beside=carried).standing is Standing.CHAINED
    assert "at most" not in refused(leaf, material(ROOT), beside=carried[:3])
