"""What acceptance says about a document: errors, report, trust and the clock's rule."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.factories.documents import image, unsigned
from tests.factories.identities import expired_identity, make_ca, make_identity
from tests.unit.validators.judging import code, made, replaced
from validators import accept, examine
from validators.certificates import is_self_signed
from validators.clock import verify_not_ahead
from validators.document import Strength
from validators.errors import CreatedAheadError, RefusedError, printable
from validators.report import Outcome
from validators.trust import judge


def tree(root: type[RefusedError] = RefusedError) -> list[type[RefusedError]]:
    return [root, *(one for child in root.__subclasses__() for one in tree(child))]


def test_every_rule_has_a_code_of_its_own_a_step_and_an_explanation() -> None:
    rules = tree()
    codes = [rule.code for rule in rules]
    assert len(set(codes)) == len(codes)
    assert all(rule.step in range(1, 9) for rule in rules if rule is not RefusedError)
    assert all(rule.__doc__ for rule in rules)


@given(st.text())
def test_hostile_text_is_shown_on_one_visible_line(text: str) -> None:
    line = printable(text)
    assert line.isprintable()
    assert len(line) <= 120 * 10 + 5


def test_other_values_are_shown_as_they_are() -> None:
    assert printable(7) == "7"
    assert printable("x" * 500) == "'" + "x" * 120 + "'..."


def test_an_accepted_document_passes_every_step() -> None:
    data = made()
    report = examine(data)
    assert report.accepted
    assert report.entry == accept(data)
    assert report.refusal is None
    assert [step.number for step in report.steps] == [1, 2, 3, 4, 5, 6]
    assert {step.outcome for step in report.steps} == {Outcome.PASSED}
    assert {step.code for step in report.steps} == {None}
    assert "ecdsa-sha256, digest sha256" in report.steps[2].message


def test_a_legacy_signature_is_mentioned() -> None:
    rsa = make_identity(key="rsa2048")
    report = examine(made(identity=rsa, method="rsa-sha1", digest="sha1"))
    assert "legacy" in report.steps[2].message


@pytest.mark.parametrize(
    ("data", "step"),
    [
        (b"", 1),
        (unsigned(), 2),
        (made().replace(b"A demo", b"B demo"), 3),
        (made(draft=image(size="x")), 4),
        (made(replaced("<slreq:subject>", "<slreq:subject>x")), 5),
        (made(replaced("</rdf:Description>", "<a>no namespace</a></rdf:Description>")), 6),
    ],
)
def test_a_refused_document_says_how_far_it_came(data: bytes, step: int) -> None:
    report = examine(data)
    assert not report.accepted
    assert report.entry is None
    assert report.refusal is not None
    outcomes = [one.outcome for one in report.steps]
    assert outcomes == [Outcome.PASSED] * (step - 1) + [Outcome.FAILED] + [Outcome.NOT_REACHED] * (6 - step)
    failed = report.steps[step - 1]
    assert (failed.code, failed.message) == (report.refusal.code, report.refusal.message)
    assert report.refusal.step == step


def test_trust_knows_what_the_entry_shows() -> None:
    own = judge(accept(made()))
    assert (own.self_signed, own.in_date_at_created, own.email_bound) == (True, True, True)
    assert own.strength is Strength.STRONG
    issued = judge(accept(made(identity=make_identity("Issued Tester", issuer=make_ca()))))
    assert not issued.self_signed
    unbound = judge(accept(made(identity=make_identity(email=None), email="jane@example.org")))
    assert not unbound.email_bound
    assert not judge(accept(made(identity=expired_identity()))).in_date_at_created


@pytest.mark.parametrize("key", ["rsa2048", "p256", "dsa2048"])
def test_a_certificate_that_signed_itself_is_known(key: str) -> None:
    assert is_self_signed(make_identity(key=key).certificate.public_bytes(Encoding.DER))


def imposter(key: str) -> x509.Certificate:
    """A certificate with somebody's key and names that somebody else signed in the issuer's name."""
    known = make_identity(key=key).certificate
    return (
        x509.CertificateBuilder()
        .subject_name(known.subject)
        .issuer_name(known.issuer)
        .public_key(known.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2010, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2090, 1, 1, tzinfo=UTC))
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )


@pytest.mark.parametrize("key", ["rsa2048", "p256"])
def test_a_certificate_that_only_says_so_is_not(key: str) -> None:
    forged = imposter(key)
    assert not is_self_signed(forged.public_bytes(Encoding.DER))
    data = made(identity=make_identity(key=key))
    own = base64.b64encode(make_identity(key=key).certificate.public_bytes(Encoding.DER))
    put_in = base64.b64encode(forged.public_bytes(Encoding.DER))
    assert code(data.replace(own, put_in)) == "certificate.self-signature"


def test_entries_from_the_future_are_refused_by_whoever_has_a_clock() -> None:
    entry = accept(made(created="2024-05-01T12:00:00Z"))
    now = datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert verify_not_ahead(entry, now) is entry
    assert verify_not_ahead(entry, now - timedelta(minutes=5)) is entry
    with pytest.raises(CreatedAheadError) as caught:
        verify_not_ahead(entry, now - timedelta(minutes=5, seconds=1))
    assert caught.value.code == "gate.created-in-future"
    assert "at most 300 seconds after 2024-05-01T11:54:59Z" in caught.value.message
