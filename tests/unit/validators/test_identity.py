"""Step 5: the endorser is the certificate's holder, character by character."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from tests.factories.identities import Identity, make_ca, make_identity
from tests.unit.validators.judging import code, made, refusal, replaced
from validators import accept
from validators.errors import IdentityError

SUBJECT = "CN=Jane Tester,O=Demo Project,C=EU"


def named(element: str, old: str, new: str, identity: Identity | None = None) -> bytes:
    return made(replaced(f"<slreq:{element}>{old}<", f"<slreq:{element}>{new}<"), identity=identity)


NEARLY = [
    "",
    "CN=Jane Tester",
    "cn=Jane Tester,O=Demo Project,C=EU",
    "CN=jane tester,O=Demo Project,C=EU",
    "CN=Jane Tester, O=Demo Project, C=EU",
    "C=EU,O=Demo Project,CN=Jane Tester",
    "/C=EU/O=Demo Project/CN=Jane Tester",
    " CN=Jane Tester,O=Demo Project,C=EU",
    "CN=Jane Tester,O=Demo Project,C=EU\n",
    "CN=Jane\u00a0Tester,O=Demo Project,C=EU",
    "CN=J\u0430ne Tester,O=Demo Project,C=EU",
    "CN=\uff2aane Tester,O=Demo Project,C=EU",
    "CN=Jane\u200b Tester,O=Demo Project,C=EU",
    "2.5.4.3=#0c0b4a616e6520546573746572,O=Demo Project,C=EU",
    "CN=Jane\\ Tester,O=Demo Project,C=EU",
    "CN=Jane Tester,O=Demo Project,C=EU,C=EU",
]


@pytest.mark.parametrize("spelled", NEARLY)
def test_other_spellings_of_the_names_are_refused(spelled: str) -> None:
    assert code(named("subject", SUBJECT, spelled)) == "endorser.subject"
    assert code(named("issuer", SUBJECT, spelled)) == "endorser.issuer"


def test_subject_and_issuer_are_not_mixed_up() -> None:
    issued = make_identity("Issued Tester", issuer=make_ca())
    subject, issuer = "CN=Issued Tester,O=Demo Project,C=EU", "CN=Demo CA,O=Demo Project,C=EU"
    assert accept(made(identity=issued)).endorser.issuer == issuer
    assert code(named("subject", subject, issuer, issued)) == "endorser.subject"
    assert code(named("issuer", issuer, subject, issued)) == "endorser.issuer"


@pytest.mark.parametrize(
    "address",
    [
        "Jane.Tester@example.org",
        "jane.tester@EXAMPLE.org",
        "other@example.org",
        "jane.tester@example.org.evil.example",
        "jane.tester@example.or",
    ],
)
def test_another_address_than_the_certificate_s_is_refused(address: str) -> None:
    assert code(named("email", "jane.tester@example.org", address)) == "endorser.email"


def test_only_the_first_address_of_the_certificate_counts() -> None:
    two = make_identity(email="first@example.org", more_emails=("second@example.org",))
    assert accept(made(identity=two)).signer.email == "first@example.org"
    assert code(made(identity=two, email="second@example.org")) == "endorser.email"


def test_a_certificate_with_an_address_like_nothing_in_the_format_binds_all_the_same() -> None:
    strange = make_identity(email="first\0@example.org")
    assert code(made(identity=strange, email="first@example.org")) == "endorser.email"


@pytest.mark.parametrize("spelling", [0, 1])
def test_both_spellings_of_a_name_are_accepted(spelling: int) -> None:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "EU"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, "77"),
            x509.NameAttribute(NameOID.COMMON_NAME, "#Lead, trail = "),
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "dn@example.org"),
        ]
    )
    email = "1.2.840.113549.1.9.1=#160e646e406578616d706c652e6f7267"
    java = email + ",CN=\\#Lead\\, trail \\=\\ ,2.5.4.5=#13023737,C=EU"
    spelled = (java, subject.rfc4514_string())[spelling]
    assert java != subject.rfc4514_string()
    identity = make_identity(subject=subject, variant=11)

    def respell(text: str) -> str:
        return text.replace(f">{java}<", f">{spelled}<")

    entry = accept(made(respell, identity=identity))
    assert (entry.endorser.subject, entry.endorser.issuer) == (spelled, spelled)


def test_refusals_name_what_was_found_and_expected() -> None:
    found = refusal(named("subject", SUBJECT, "CN=Some\u200bbody"))
    assert isinstance(found, IdentityError)
    assert found.step == 5
    assert (
        found.message == f"slreq:subject: found 'CN=Some\\u200bbody', expected the certificate's: {SUBJECT}"
    )


def test_a_name_that_is_no_text_of_its_type_is_spelled_as_java_does() -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "M?ller", _type=_ASN1Type.T61String)])
    identity = make_identity(subject=subject, issuer=make_ca())
    own = identity.certificate.public_bytes(Encoding.DER)
    latin = base64.b64encode(own.replace(b"M?ller", b"M\xfcller")).decode()
    data = made(
        replaced("CN=M?ller", "CN=M\ufffdller"),
        identity=identity,
        signature=lambda text: text.replace(base64.b64encode(own).decode(), latin),
    )
    assert accept(data).endorser.subject == "CN=M\ufffdller"


def test_types_of_any_number_are_spelled() -> None:
    oids = ("0.1", "1.3.6.1.4.1.99999.128.1", "2.999.1", "2.16.840.1.113730.3.1.241")
    subject = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(oid), "x") for oid in oids])
    entry = accept(made(identity=make_identity(subject=subject, variant=12)))
    assert entry.endorser.subject == ",".join(f"{oid}=#0c0178" for oid in reversed(oids))
