"""Our own verification and signxml come to the same verdict on every signature that signxml can read.

signxml canonicalises ds:SignedInfo in place and so loses what inclusive canonicalisation
inherits from the root. For those documents a subclass gives it our SignedInfo, and
everything else (transforms, digest, key, signature value) is still its own work.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature as KeyRefused
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from tests.conftest import SHARED_FIXTURES
from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_identity
from tests.factories.originals import cases, manifest
from tests.factories.signatures import ALL_C14N, ENVELOPED, EXCLUSIVE, EXCLUSIVE_COMMENTS
from tests.unit.validators.judging import made, put_last
from validators import accept
from validators.canonical import canonicalize_signed_info
from validators.errors import RefusedError
from validators.parser import parse_document
from validators.signature import verify_signature
from validators.signature_shape import CANONICALIZATIONS, parse_signature
from validators.vocabulary import ds

EXTENSION = put_last(
    '<x:a xmlns:x="urn:x#" rdf:parseType="Literal"><b xmlns="">bold</b><c xmlns="urn:c">c</c></x:a>'
)
EVERYTHING = SignatureConfiguration(
    signature_methods=frozenset(SignatureMethod), digest_algorithms=frozenset(DigestAlgorithm)
)


class Plain(XMLVerifier):
    """signxml as it is."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data


class Inheriting(Plain):
    """signxml, with SignedInfo canonicalised in its context: signxml cuts the signature out before."""

    def _c14n(self, nodes, algorithm, inclusive_ns_prefixes=None):
        if getattr(nodes, "tag", None) == ds("SignedInfo"):
            signed_info = etree.fromstring(self.data).find(f"{ds('Signature')}/{ds('SignedInfo')}")
            return canonicalize_signed_info(signed_info, CANONICALIZATIONS[algorithm.value])
        return super()._c14n(nodes, algorithm, inclusive_ns_prefixes)


def theirs(verifier: type[Plain], data: bytes, certificate: x509.Certificate) -> bytes | None:
    """The content that signxml finds signed, or None where it refuses."""
    try:
        result = verifier(data).verify(data, x509_cert=certificate, expect_config=EVERYTHING)
    except (SignXMLException, KeyRefused, ValueError, TypeError, etree.LxmlError):
        return None
    return result.signed_data


def ours(data: bytes) -> bytes | None:
    """The content that we find signed, or None where we refuse."""
    try:
        root = parse_document(data)
        return verify_signature(root, parse_signature(root)).content
    except RefusedError:
        return None


TAMPERING = [
    lambda data: data,
    lambda data: data.replace(b"A demo image", b"B demo image"),
    lambda data: data.replace(b"<dcterms:title>", b" <dcterms:title>"),
    lambda data: data.replace(b"SignatureValue>", b"SignatureValue>A", 1),
    lambda data: data.replace(b"DigestValue>", b"DigestValue>A", 1),
    lambda data: data.replace(b"<rdf:RDF ", b'<rdf:RDF xmlns:later="urn:later" '),
    lambda data: data.replace(b"\n", b"\r\n"),
]


def compare(verifier: type[Plain], data: bytes, identity: Identity) -> None:
    for tamper in TAMPERING:
        altered = tamper(data)
        assert ours(altered) == theirs(verifier, altered, identity.certificate)
    assert ours(data) is not None


@pytest.mark.parametrize("key", ["rsa2048", "rsa3072", "p256", "p384", "p521"])
def test_on_what_our_signer_makes(key: str) -> None:
    identity = make_identity(key=key)
    data = signed(image(), identity, hook=EXTENSION)
    assert accept(data)
    compare(Plain, data, identity)


@pytest.mark.parametrize("c14n", [EXCLUSIVE, EXCLUSIVE_COMMENTS])
@pytest.mark.parametrize("transform", ALL_C14N)
@pytest.mark.parametrize("key", ["rsa2048", "p256"])
def test_on_an_exclusive_signed_info(c14n: str, transform: str, key: str) -> None:
    identity = make_identity(key=key)
    data = made(EXTENSION, identity=identity, c14n=c14n, transforms=(ENVELOPED, transform))
    compare(Plain, data, identity)


@pytest.mark.parametrize("c14n", ALL_C14N)
@pytest.mark.parametrize("transforms", [(ENVELOPED,), *((ENVELOPED, transform) for transform in ALL_C14N)])
@pytest.mark.parametrize(
    ("key", "method", "digest"),
    [("rsa2048", "rsa-sha1", "sha1"), ("rsa2048", "rsa-sha512", "sha384"), ("dsa1024", "dsa-sha1", "sha1")],
)
def test_on_every_canonicalisation(
    c14n: str, transforms: tuple[str, ...], key: str, method: str, digest: str
) -> None:
    identity = make_identity(key=key)
    data = made(EXTENSION, identity=identity, c14n=c14n, transforms=transforms, method=method, digest=digest)
    compare(Inheriting, data, identity)


MADE = [pytest.param("made_alike", one["file"], id=f"made-{one['file']}") for one in (*manifest(), *cases())]
ORIGINAL = [
    pytest.param("shared_fixtures", path.name, id=path.name)
    for folder in ("corpus", "vectors")
    for path in sorted(SHARED_FIXTURES.glob(f"{folder}/*.xml"))
]


@pytest.mark.parametrize(("folder", "file"), [*MADE, *ORIGINAL])
def test_on_the_documents_of_the_original_signer(
    folder: str, file: str, request: pytest.FixtureRequest
) -> None:
    (path,) = request.getfixturevalue(folder).glob(f"*/{file}")
    data = path.read_bytes()
    content = ours(data)
    if content is None:
        pytest.skip("refused by us in steps 1-3")
    signer = x509.load_der_x509_certificate(parse_signature(parse_document(data)).certificates[0])
    if signer.not_valid_after_utc < datetime.now(UTC):
        pytest.skip("signxml refuses expired certificates")
    # URI="" has no comments, but signxml keeps them for a transform "with comments".
    assert theirs(Inheriting, re.sub(rb"<!--.*?-->", b"", data), signer) == content
