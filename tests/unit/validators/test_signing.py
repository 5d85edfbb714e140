"""What the signer writes, every marketplace accepts as strong; what it may not sign with, it names."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs12
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import XMLVerifier

from tests.attacks.certificates import (
    ECDSA_SHA256,
    RSA_PSS_KEY,
    RSA_SHA256,
    bit_string,
    certificate,
    sequence,
    signer,
    spki,
)
from tests.factories.documents import image, signed, unsigned
from tests.factories.identities import Identity, expired_identity, make_ca, make_identity
from tests.factories.signatures import sign_raw
from validators import accept
from validators.certificates import parse_signer
from validators.der import der_elements
from validators.document import Strength
from validators.errors import RefusedError
from validators.signing import SigningError, SigningIdentity, load_pem, load_pkcs12, sign
from validators.signing_errors import (
    CaCertificateError,
    DraftError,
    KeyFileError,
    PasswordRequiredError,
    SigningEmailError,
    SigningKeyUsageError,
    WeakKeyError,
    WrongPasswordError,
)

NOW = datetime(2025, 3, 4, 5, 6, 7, 890, tzinfo=UTC)
PASSWORD = "XYZXYZ"


def load(identity, password=PASSWORD):
    return load_pkcs12(identity.pkcs12(PASSWORD), password)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        ("rsa2048", "rsa-sha256"),
        ("p256", "ecdsa-sha256"),
        ("p384", "ecdsa-sha384"),
        ("p521", "ecdsa-sha512"),
    ],
)
def test_each_kind_of_key_makes_a_strong_entry(key, algorithm):
    identity = make_identity(key=key)
    entry = accept(sign(unsigned(), load(identity), NOW))
    assert entry.strength is Strength.STRONG
    assert (entry.signature_algorithm, entry.digest_algorithm) == (algorithm, "sha256")
    assert entry.created == datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert entry.endorser.email == "jane.tester@example.org"
    assert entry.endorser.subject == "CN=Jane Tester,O=Demo Project,C=EU"


def test_another_implementation_verifies_it_too():
    identity = make_identity()
    XMLVerifier().verify(sign(unsigned(), load(identity), NOW), x509_cert=identity.certificate)


def test_the_time_is_written_in_utc():
    local = datetime(2025, 6, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert (
        accept(sign(unsigned(), load(make_identity()), local)).coordinates.created_text
        == "2025-05-31T23:00:00Z"
    )


def test_an_old_endorsement_and_signature_are_replaced():
    joan = make_identity("Joan Tester", "joan.tester@example.org")
    data = sign(signed(), load(joan), NOW)
    entry = accept(data)
    assert entry.endorser.email == "joan.tester@example.org"
    assert data.count(b"slreq:endorsement ") == 1
    assert data.count(b"<ds:Signature ") == 1
    legacy = make_identity(key="rsa2048")
    assert (
        accept(sign(sign_raw(unsigned(identity=legacy), legacy), load(joan), NOW)).strength is Strength.STRONG
    )


def test_what_the_draft_says_is_kept():
    draft = image(title="Été & <co>", tags=("a", "b"), extra='<x:y xmlns:x="urn:x" xml:lang="fr">z</x:y>')
    entry = accept(sign(unsigned(draft), load(make_identity()), NOW))
    assert entry.metadata.title == "Été & <co>"
    assert entry.metadata.tags == ("a", "b")
    assert entry.metadata.extensions[0].text == "z"


def test_a_signed_entry_survives_being_embedded():
    data = sign(unsigned(), load(make_identity()), NOW)
    outer = etree.fromstring('<a xmlns="urn:a" xmlns:b="urn:b" xml:lang="en"/>')
    outer.append(etree.fromstring(data))
    inner = etree.tostring(etree.fromstring(etree.tostring(outer))[0], with_tail=False)
    assert accept(inner).entry_id == accept(data).entry_id


@pytest.mark.parametrize("prefix", ["", "<!-- c -->\n"])
def test_a_draft_may_use_default_namespaces_and_have_a_prologue(prefix):
    draft = unsigned(hook=lambda text: text.replace("xmlns:dcterms=", "xmlns=").replace("dcterms:", ""))
    declared = draft.replace(b"<rdf:RDF", prefix.encode() + b"<rdf:RDF", 1)
    accept(sign(declared, load(make_identity()), NOW))


def test_a_draft_without_base_gets_it():
    draft = unsigned(hook=lambda text: text.replace(' xml:base="http://mp.stratuslab.eu/"', ""))
    accept(sign(draft, load(make_identity()), NOW))


def test_the_issuers_of_the_certificate_come_along_in_order():
    root = make_ca("Root CA")
    intermediate = make_ca("Sub CA", issuer=root)
    unrelated = make_ca("Other CA")
    identity = make_identity("Ivy Issued", "ivy@example.org", issuer=intermediate)
    others = [root.certificate, unrelated.certificate, intermediate.certificate]
    loaded = SigningIdentity.of(identity.certificate, identity.key, others)
    assert loaded.intermediates == (intermediate.certificate, root.certificate)
    assert SigningIdentity.of(identity.certificate, identity.key, []).intermediates == ()
    assert len(accept(sign(unsigned(), loaded, NOW)).signer.intermediates) == 2


@pytest.mark.parametrize("password", [None, PASSWORD])
def test_pem_files_load_whatever_the_order_of_certificates(password):
    issuer = make_ca("Root CA")
    identity = make_identity("Ivy Issued", "ivy@example.org", issuer=issuer)
    pem = issuer.certificate_pem + identity.certificate_pem
    loaded = load_pem(pem, identity.key_pem(password), password)
    assert loaded.certificate == identity.certificate
    assert loaded.intermediates == (issuer.certificate,)


def test_a_password_for_a_key_without_one_does_no_harm():
    identity = make_identity()
    assert load_pem(identity.certificate_pem, identity.key_pem(), "not needed").email == identity.email


def test_the_email_comes_from_the_certificate_or_is_given():
    bare = make_identity("No Email", None)
    with pytest.raises(SigningEmailError, match=r"contains no e-mail address .*keygen"):
        sign(unsigned(), load(bare), NOW)
    assert (
        accept(sign(unsigned(), load(bare), NOW, email="me@example.org")).endorser.email == "me@example.org"
    )
    with pytest.raises(SigningEmailError, match="jane"):
        sign(unsigned(), load(make_identity()), NOW, email="joan@example.org")
    with pytest.raises(SigningEmailError, match="characters"):
        sign(unsigned(), load(bare), NOW, email="a\0@example.org")
    with pytest.raises(RefusedError) as caught:
        sign(unsigned(), load(bare), NOW, email="../../x")
    assert caught.value.code == "endorser.email-syntax"


def test_an_expired_certificate_still_signs():
    # Whether to take such an entry is each marketplace's own decision.
    assert accept(sign(unsigned(), load(expired_identity()), NOW)).strength is Strength.STRONG


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"key": "rsa1024"}, WeakKeyError),
        ({"key": "p192"}, WeakKeyError),
        ({"key": "dsa2048"}, WeakKeyError),
        ({"ca": True}, CaCertificateError),
        ({"key_usage": "key_encipherment"}, SigningKeyUsageError),
    ],
)
def test_what_may_not_sign_is_named(options, error):
    identity = make_identity(**options)
    with pytest.raises(error):
        load_pem(identity.certificate_pem, identity.key_pem(), None)


@pytest.mark.parametrize("key_usage", ["digital_signature", "content_commitment", None])
def test_key_usages_that_allow_signing(key_usage):
    load(make_identity(key_usage=key_usage))


def test_passwords():
    identity = make_identity()
    with pytest.raises(PasswordRequiredError):
        load(identity, None)
    with pytest.raises(WrongPasswordError):
        load(identity, "wrong")
    with pytest.raises(PasswordRequiredError):
        load_pem(identity.certificate_pem, identity.key_pem(PASSWORD), None)
    with pytest.raises(WrongPasswordError):
        load_pem(identity.certificate_pem, identity.key_pem(PASSWORD), "wrong")
    with pytest.raises(WrongPasswordError, match="is empty"):
        load_pem(identity.certificate_pem, identity.key_pem(PASSWORD), "")


@pytest.mark.parametrize("data", [b"", b"\x30", b"text", b"\x30\x82\xff\xff" + b"x" * 50])
def test_what_is_no_key_file_is_named(data):
    with pytest.raises(SigningError):
        load_pkcs12(data, PASSWORD)
    with pytest.raises(KeyFileError):
        load_pem(make_identity().certificate_pem, data, PASSWORD)
    with pytest.raises(KeyFileError):
        load_pem(data, make_identity().key_pem(), None)


def test_a_certificate_of_another_key_is_named():
    with pytest.raises(KeyFileError, match="does not belong"):
        load_pem(make_identity(variant=1).certificate_pem, make_identity().key_pem(), None)
    with pytest.raises(KeyFileError, match="does not belong"):
        SigningIdentity.of(make_identity(variant=1).certificate, make_identity().key)


@pytest.mark.parametrize("data", [b"<a/>", b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'])
def test_what_is_no_metadata_is_named(data):
    with pytest.raises(DraftError):
        sign(data, load(make_identity()), NOW)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("", "<!DOCTYPE rdf:RDF>", "parse.doctype"),
        ("<slreq:bytes>1073741824</slreq:bytes>", "", "shape.count"),
        ("<slreq:bytes>1073741824", "<slreq:bytes>1e9", "bytes.syntax"),
    ],
)
def test_a_draft_that_no_marketplace_would_accept_is_refused_with_the_rule(old, new, code):
    def change(text):
        return text.replace(old, new) if old else text.replace("<rdf:RDF", new + "<rdf:RDF")

    with pytest.raises(RefusedError) as caught:
        sign(unsigned(hook=change), load(make_identity()), NOW)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["jane", "jim", "joan", "ec", "noemail"])
def test_original_keys_sign_original_documents(every_originals, name):
    identity = load_pkcs12((every_originals / "keys" / f"{name}.p12").read_bytes(), PASSWORD)
    email = None if identity.email else "no.email@example.org"
    for path in sorted((every_originals / "corpus").glob("*.xml"))[::6]:
        data = sign(path.read_bytes(), identity, NOW, email=email)
        entry = accept(data)
        assert entry.strength is Strength.STRONG
        assert entry.identifier == accept(path.read_bytes()).identifier


# The OID of P-256 and one of the same length for a curve that nobody supports.
P256, UNKNOWN_CURVE = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030106")


def pem(der, label):
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label, base64.encodebytes(der), label)


def test_a_key_of_an_unknown_kind_is_named():
    identity = make_identity()
    der = base64.b64decode(b"".join(identity.key_pem().splitlines()[1:-1])).replace(P256, UNKNOWN_CURVE)
    with pytest.raises(KeyFileError, match="kind"):
        load_pem(identity.certificate_pem, pem(der, b"PRIVATE KEY"), None)
    der = identity.certificate.public_bytes(Encoding.DER).replace(P256, UNKNOWN_CURVE)
    with pytest.raises(KeyFileError, match="does not belong"):
        load_pem(pem(der, b"CERTIFICATE"), identity.key_pem(), None)


def test_a_store_encrypted_in_an_unknown_way_is_named(monkeypatch):
    # Which old ciphers are missing depends on how the machine's OpenSSL was built.
    def load_pkcs12_without_cipher(data, password):
        raise UnsupportedAlgorithm("RC2")

    monkeypatch.setattr(pkcs12, "load_pkcs12", load_pkcs12_without_cipher)
    with pytest.raises(KeyFileError, match="not support"):
        load(make_identity())


def test_a_store_that_lacks_half_of_an_identity_is_named():
    identity = make_identity()
    no_certificate = pkcs12.serialize_key_and_certificates(b"x", identity.key, None, None, NoEncryption())
    with pytest.raises(KeyFileError, match="no certificate"):
        load_pkcs12(no_certificate, None)
    no_key = pkcs12.serialize_key_and_certificates(b"x", None, None, [identity.certificate], NoEncryption())
    with pytest.raises(KeyFileError, match="no private key"):
        load_pkcs12(no_key, None)


def test_damaged_certificates_are_named():
    identity = make_identity("Ivy Issued", "ivy@example.org", issuer=make_ca("Root CA"))
    bad_email = identity.certificate.public_bytes(Encoding.DER).replace(b"ivy@", b"\xff\xff\xff@")
    with pytest.raises(KeyFileError, match="cannot be used"):
        load_pem(pem(bad_email, b"CERTIFICATE"), identity.key_pem(), None)
    bad_issuer = (
        make_ca("Root CA").certificate.public_bytes(Encoding.DER).replace(b"Root CA", b"\xff\xff\xff\xff CA")
    )
    certificates = identity.certificate_pem + pem(bad_issuer, b"CERTIFICATE")
    assert load_pem(certificates, identity.key_pem(), None).intermediates == ()


def test_at_most_four_issuers_come_along():
    issuer, others = None, []
    for number in range(6):
        issuer = make_ca(f"CA {number}", issuer=issuer)
        others.append(issuer.certificate)
    identity = make_identity("Deep", "deep@example.org", issuer=issuer)
    loaded = SigningIdentity.of(identity.certificate, identity.key, others)
    assert (len(loaded.intermediates), loaded.left_out) == (4, 2)
    accept(sign(unsigned(), loaded, NOW))


def test_text_behind_a_removed_signature_stays():
    start = '<rdf:Description rdf:about="#A52KSeUiI1PH6dfs6_0yifFj1am">'

    def first(text):
        body, _, rest = text.partition("</rdf:Description>")
        old = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>\n  '
        head, _, tail = body.partition(start)
        return head.rstrip() + old + start + old + tail.lstrip() + "</rdf:Description>" + rest

    data = sign(unsigned(hook=first), load(make_identity()), NOW)
    assert b'stratuslab.eu/">\n  <rdf:Description' in data
    accept(data)


def test_the_sentence_of_an_error():
    assert SigningError("say this").message == "say this"


def test_an_address_in_the_subject_alone_is_named_and_binds_nothing():
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Kim"),
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "kim@example.org"),
        ]
    )
    kim = load(make_identity("Kim", None, subject=subject))
    with pytest.raises(
        SigningEmailError,
        match=r"its subject says 'kim@example.org', which does not count as an address: .*--email",
    ):
        sign(unsigned(), kim, NOW)
    assert accept(sign(unsigned(), kim, NOW, email="me@example.org")).signer.email is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (_ASN1Type.T61String, "M?ller"),
        (_ASN1Type.BMPString, "Kim \u017e"),
        (_ASN1Type.UTF8String, "Ji\u0159\u00ed"),
    ],
)
def test_names_in_old_encodings_sign_what_is_accepted(kind: _ASN1Type, value: str) -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, value, _type=kind)])
    who = make_identity("x", "kim@example.org", subject=subject)
    held = load(who)
    if kind is _ASN1Type.T61String:  # Latin-1, as old authorities wrote it
        der = who.certificate.public_bytes(Encoding.DER)
        tbs = who.certificate.tbs_certificate_bytes.replace(b"M?ller", b"M\xfcller")
        whole = certificate_of(tbs, who)
        assert b"M\xfcller" in whole and whole != der
        held = load_pem(pem(whole, b"CERTIFICATE"), who.key_pem(), None)
    entry = accept(sign(unsigned(), held, NOW))
    assert entry.endorser.subject in parse_signer(entry.signer.certificate).subjects


def certificate_of(signed: bytes, who: Identity) -> bytes:
    """A self-signed certificate with other content, signed anew."""
    return sequence(signed, ECDSA_SHA256, bit_string(signer(who.key)(signed)))


def test_a_certificate_for_pss_alone_does_not_sign():
    key = rsa.generate_private_key(65537, 2048)
    _, bits = der_elements(spki(key))
    issuer = make_ca("Root CA").certificate.subject.public_bytes()
    made = certificate(signer(key), sequence(RSA_PSS_KEY, bits), algorithm=RSA_SHA256, issuer=issuer)
    with pytest.raises(WeakKeyError, match=r"RSASSA-PSS.*keygen"):
        SigningIdentity.of(x509.load_der_x509_certificate(made), key)


def test_what_openssl_makes_by_default_does_not_sign_and_says_what_does():
    who = make_identity("Kim", "kim@example.org", ca=True)
    with pytest.raises(CaCertificateError, match=r"`openssl req -x509` .*`marketplace keygen --email ME"):
        SigningIdentity.of(who.certificate, who.key)
