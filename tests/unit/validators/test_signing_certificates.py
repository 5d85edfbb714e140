"""Step 3: whose certificates may sign, and which bytes are a certificate."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.factories.identities import Identity, expired_identity, make_ca, make_identity
from tests.factories.signatures import (
    certificate_xml,
)
from tests.unit.validators.judging import code, made
from validators import accept


def by(identity: Identity, **options: object) -> str:
    return code(made(identity=identity, **options))


def test_weak_and_foreign_keys_are_refused() -> None:
    assert by(make_identity(key="rsa512"), method="rsa-sha256") in (
        "certificate.key-size",
        "certificate.malformed",
    )
    assert by(make_identity(key="p192")) == "certificate.key-type"


def test_certificate_authorities_and_other_usages_are_refused() -> None:
    assert by(make_ca()) == "certificate.ca"
    assert by(make_identity(ca=True, variant=2)) == "certificate.ca"
    assert by(make_identity(key_usage="key_encipherment")) == "certificate.key-usage"
    assert by(make_identity(key_usage="key_agreement")) == "certificate.key-usage"


def test_certificates_that_do_not_say_what_they_are_for_may_sign() -> None:
    assert accept(made(identity=make_identity(ca=None, key_usage=None)))
    assert accept(made(identity=make_identity(key_usage="content_commitment")))


def test_acceptance_has_no_clock() -> None:
    assert accept(made(identity=expired_identity()))
    assert accept(made(created="0001-01-01T00:00:00Z"))
    assert accept(made(created="9999-12-31T23:59:59Z")).created.year == 9999


def test_only_the_first_certificate_verifies() -> None:
    signer, other = make_identity(), make_identity("Other Tester", "other@example.org")
    forged_first = made(identity=signer, certificates=[other.certificate, signer.certificate])
    assert code(forged_first) == "signature.value"
    ca = make_ca()
    issued = make_identity("Issued Tester", issuer=ca)
    assert code(made(identity=issued, certificates=[ca.certificate, issued.certificate])) == "certificate.ca"
    assert accept(made(identity=issued, certificates=[issued.certificate, ca.certificate]))


@pytest.mark.parametrize(
    "der", [b"", b"0", b"junk", b"\x30\x03\x02\x01\x01", b"\x30\x80\x00\x00", b"\x30\x84\xff\xff\xff\xff"]
)
@pytest.mark.parametrize("place", [0, 1])
def test_bytes_that_are_no_certificate_are_refused(der: bytes, place: int) -> None:
    own = certificate_xml(make_identity().certificate)
    junk = f"<X509Certificate>{base64.b64encode(der).decode()}</X509Certificate>"
    listed = own + junk if place else junk + own
    data = made(signature=lambda text: text.replace(own, listed))
    if place and der == b"\x30\x03\x02\x01\x01":
        assert accept(data).signer.intermediates == (der,)
    else:
        assert code(data) == "certificate.malformed"


def test_a_pem_inside_is_no_certificate() -> None:
    own = certificate_xml(make_identity().certificate)
    pem = base64.b64encode(make_identity().certificate_pem).decode()
    data = made(signature=lambda text: text.replace(own, f"<X509Certificate>{pem}</X509Certificate>"))
    assert code(data) == "certificate.malformed"


def test_trailing_bytes_behind_a_certificate_are_refused() -> None:
    own = certificate_xml(make_identity().certificate)
    longer = base64.b64encode(make_identity().certificate.public_bytes(Encoding.DER) + b"\0").decode()
    for listed in (
        f"<X509Certificate>{longer}</X509Certificate>",
        own + f"<X509Certificate>{longer}</X509Certificate>",
    ):
        assert (
            code(made(signature=lambda text, listed=listed: text.replace(own, listed)))
            == "certificate.malformed"
        )


def test_the_signer_is_described() -> None:
    identity = make_identity()
    entry = accept(made(identity=identity))
    assert entry.signer.certificate == identity.certificate.public_bytes(Encoding.DER)
    assert entry.signer.fingerprint == hashlib.sha256(entry.signer.certificate).hexdigest()
    assert entry.signer.not_before == datetime(2010, 1, 1, tzinfo=UTC)
    assert entry.signer.email == "jane.tester@example.org"
    assert entry.coordinates.path() == f"{entry.identifier}/jane.tester@example.org/2024-05-01T12:00:00Z"


def test_names_of_certificates_are_read_with_every_type() -> None:
    name = x509.Name(
        [x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@example.org"), x509.NameAttribute(NameOID.TITLE, "Dr")]
    )
    assert accept(made(identity=make_identity(subject=name, variant=7)))


def test_a_key_of_an_unknown_kind_is_refused() -> None:
    identity = make_identity("Issued Tester", issuer=make_ca())
    own = identity.certificate.public_bytes(Encoding.DER)
    prime256v1, unknown = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030177")
    assert own.count(prime256v1) == 1
    listed = base64.b64encode(own.replace(prime256v1, unknown)).decode()
    data = made(
        identity=identity,
        signature=lambda text: text.replace(base64.b64encode(own).decode(), listed),
    )
    assert code(data) == "certificate.key-type"
