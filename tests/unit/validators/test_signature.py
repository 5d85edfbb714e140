"""Step 3: which signatures hold, how strong they are, and what their content is."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.factories.signatures import (
    ALL_C14N,
    C14N,
    C14N11,
    C14N_COMMENTS,
    DSIG,
    ENVELOPED,
    EXCLUSIVE,
    METHODS,
)
from tests.unit.validators.judging import code, made, put_last, refusal, replaced
from validators import accept
from validators.document import Strength
from validators.errors import RefusedError, SignatureStepError

STRONG, LEGACY = Strength.STRONG, Strength.LEGACY
LITERAL = put_last(
    '<x:a xmlns:x="urn:x#" rdf:parseType="Literal"><b xmlns="">no <i>namespace</i></b>'
    '<c xmlns="urn:c"/></x:a>'
)


@pytest.mark.parametrize(
    ("key", "method", "digest", "strength"),
    [
        ("rsa2048", "rsa-sha256", "sha256", STRONG),
        ("rsa2048", "rsa-sha384", "sha384", STRONG),
        ("rsa2048", "rsa-sha512", "sha512", STRONG),
        ("rsa3072", "rsa-sha256", "sha512", STRONG),
        ("p256", "ecdsa-sha256", "sha256", STRONG),
        ("p384", "ecdsa-sha384", "sha384", STRONG),
        ("p521", "ecdsa-sha512", "sha512", STRONG),
        ("p521", "ecdsa-sha256", "sha256", STRONG),
        ("p256", "ecdsa-sha256", "sha1", LEGACY),
        ("rsa2048", "rsa-sha256", "sha1", LEGACY),
        ("rsa2048", "rsa-sha1", "sha256", LEGACY),
        ("rsa2048", "rsa-sha1", "sha1", LEGACY),
        ("rsa1024", "rsa-sha1", "sha1", LEGACY),
        ("rsa1024", "rsa-sha256", "sha256", LEGACY),
        ("dsa1024", "dsa-sha1", "sha1", LEGACY),
        ("dsa2048", "dsa-sha1", "sha1", LEGACY),
        ("dsa1024", "dsa-sha1", "sha256", LEGACY),
    ],
)
def test_strength_follows_from_key_and_algorithms(
    key: str, method: str, digest: str, strength: Strength
) -> None:
    entry = accept(made(identity=make_identity(key=key), method=method, digest=digest))
    assert (entry.strength, entry.signature_algorithm, entry.digest_algorithm) == (strength, method, digest)


@pytest.mark.parametrize("c14n", ALL_C14N)
@pytest.mark.parametrize("transform", [None, *ALL_C14N])
@pytest.mark.parametrize("key", ["rsa2048", "p256"])
def test_every_canonicalisation_verifies(c14n: str, transform: str | None, key: str) -> None:
    transforms = (ENVELOPED, transform) if transform else (ENVELOPED,)
    assert accept(made(LITERAL, identity=make_identity(key=key), c14n=c14n, transforms=transforms))


@pytest.mark.parametrize("c14n", ALL_C14N)
@pytest.mark.parametrize(
    "attributes",
    ['xml:space="preserve"', 'xml:lang="de"', 'xml:id="a"', 'xml:id="a" xml:lang="de" xml:space="default"'],
)
def test_xml_attributes_of_the_root_are_inherited(c14n: str, attributes: str) -> None:
    assert accept(made(replaced("<rdf:RDF ", f"<rdf:RDF {attributes} "), c14n=c14n))


@pytest.mark.parametrize("c14n", ALL_C14N)
@pytest.mark.parametrize(
    "declared", ['xmlns="urn:unused"', 'xmlns:u="urn:unused"', 'xmlns="urn:u" xmlns:a="urn:a"']
)
def test_unused_namespaces_are_in_the_context(c14n: str, declared: str) -> None:
    assert accept(made(replaced("<rdf:RDF ", f"<rdf:RDF {declared} "), c14n=c14n))


@pytest.mark.parametrize("c14n", ALL_C14N)
@pytest.mark.parametrize("space", ["\n  ", "&#13;", "<![CDATA[ ]]>"], ids=["line", "reference", "cdata"])
def test_white_space_in_and_behind_signed_info(c14n: str, space: str) -> None:
    def inside(text: str) -> str:
        return text.replace("><", f">{space}<")

    def behind(text: str) -> str:
        return text.replace("</SignedInfo>", f"</SignedInfo>{space}")

    spaced = made(c14n=c14n, reference=inside, signature=behind)
    assert spaced.count(space.encode()) > 5
    assert accept(spaced)
    assert code(made(c14n=c14n, signature=inside)) == "signature.value"


@pytest.mark.parametrize("c14n", ALL_C14N)
@pytest.mark.parametrize("element", ["Signature", "SignedInfo", "Reference"])
def test_only_exclusive_canonicalisation_passes_over_namespaces_that_nothing_uses(
    c14n: str, element: str
) -> None:
    def declare(text: str) -> str:
        return text.replace(f"<{element}", f'<{element} xmlns:rdf="urn:other" xmlns:q="urn:q"', 1)

    data = made(c14n=c14n, signature=declare)
    assert b"urn:q" in data
    if c14n.startswith(EXCLUSIVE):
        assert accept(data)
    else:
        assert code(data) == "signature.value"


@pytest.mark.parametrize("c14n", [C14N, C14N11, EXCLUSIVE])
def test_a_prefixed_signature_with_an_undeclared_default_namespace_verifies(c14n: str) -> None:
    def prefix(text: str) -> str:
        return re.sub(r"<(/?)([A-Z])", r"<\1ds:\2", text).replace(" xmlns=", ' xmlns="" xmlns:ds=', 1)

    # The raw signer canonicalises its own spelling, so the signature value is that of another one: what
    # matters is that no step but the last refuses the shape.
    data = made(replaced("<rdf:RDF ", '<rdf:RDF xmlns="urn:outer" '), c14n=c14n, signature=prefix)
    assert code(data) == "signature.value"


def test_text_behind_the_signature_is_signed_and_stays() -> None:
    spaced = made(replaced("</rdf:Description>\n", "</rdf:Description>\n \t "))
    assert accept(spaced)
    behind = spaced.replace(b"</Signature>", b"</Signature> ")
    assert code(behind) == "signature.digest"


def test_a_comment_added_later_changes_nothing() -> None:
    data = made()
    commented = data.replace(b"<dcterms:title>", b"<!-- added --><dcterms:title>", 1)
    for place in (b"<?xml version", b"</rdf:RDF>"):
        assert place in data
    outside = commented + b"<!-- behind -->\n"
    assert accept(commented).entry_id == accept(outside).entry_id == accept(data).entry_id


def test_line_ends_character_references_cdata_and_attribute_order_change_nothing() -> None:
    data = made()
    entry = accept(data)
    respelt = [
        data.replace(b"\n", b"\r\n"),
        data.replace(b"A demo image", b"&#65; demo&#x20;image"),
        data.replace(b"A demo image", b"<![CDATA[A demo]]> image"),
        b"\xef\xbb\xbf" + data,
        data.replace(b'<?xml version="1.0" encoding="UTF-8"?>\n', b""),
        data.replace(b"?>\n", b' standalone="yes"?>\n', 1),
        re.sub(rb'<rdf:RDF (xmlns:rdf="[^"]*") (.*?)>', rb"<rdf:RDF \2 \1  >", data, count=1),
        data.replace(b'rdf:parseType="Resource"', b"rdf:parseType='Resource' "),
    ]
    for other in respelt:
        assert other != data
        again = accept(other)
        assert again.entry_id == entry.entry_id
        assert again.metadata == entry.metadata
        assert again.data == other


def test_the_entry_id_is_the_hash_of_content_and_certificate() -> None:
    data = signed(image(title="Named"), make_identity(key="rsa2048"))
    root = etree.fromstring(data)
    signature = root.find(f"{{{DSIG}}}Signature")
    before = signature.getprevious()
    before.tail = (before.tail or "") + (signature.tail or "")
    root.remove(signature)
    content = etree.tostring(root, method="c14n", exclusive=True, with_comments=False)
    certificate = make_identity(key="rsa2048").certificate.public_bytes(Encoding.DER)
    expected = hashlib.sha256(content + hashlib.sha256(certificate).digest()).hexdigest()
    assert accept(data).entry_id == expected


def test_the_same_content_has_one_id_however_it_is_signed() -> None:
    identity = make_identity(key="rsa2048")
    ids = {
        accept(
            made(LITERAL, identity=identity, method=method, digest=digest, c14n=c14n, transforms=transforms)
        ).entry_id
        for method, digest in (("rsa-sha256", "sha256"), ("rsa-sha1", "sha1"))
        for c14n in ALL_C14N
        for transforms in ((ENVELOPED,), (ENVELOPED, EXCLUSIVE), (ENVELOPED, C14N_COMMENTS))
    }
    assert len(ids) == 1


def test_another_certificate_for_the_same_content_is_another_entry() -> None:
    first, second = make_identity(key="rsa2048"), make_identity(key="rsa2048", variant=1)
    assert accept(made(identity=first)).entry_id != accept(made(identity=second)).entry_id


def test_a_respelt_ecdsa_signature_is_the_same_entry() -> None:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

    def other_half(match: re.Match[str]) -> str:
        value = base64.b64decode(match[1])
        r, s = value[:32], order - int.from_bytes(value[32:], "big")
        return f"<SignatureValue>{base64.b64encode(r + s.to_bytes(32, 'big')).decode()}</SignatureValue>"

    identity = make_identity(key="p256")
    data = made(identity=identity)
    respelt = re.sub(r"<SignatureValue>(.*)</SignatureValue>", other_half, data.decode()).encode()
    assert respelt != data
    assert accept(respelt).entry_id == accept(data).entry_id


TAMPERED = [
    ("A demo image", "A demo imagf"),
    ("A demo image", "A demo image "),
    ("2024-05-01T12:00:00Z", "2024-05-01T12:00:01Z"),
    ('xml:base="http://mp.stratuslab.eu/"', 'xml:base="http://mp.stratuslab.eu"'),
    ("<dcterms:title>", '<dcterms:title xml:lang="en">'),
    ("<slterms:os>debian</slterms:os>", ""),
    ("</rdf:Description>", "<slterms:deprecated/></rdf:Description>"),
    ("</rdf:Description>", "</rdf:Description><rdf:Description/>"),
    ("<dcterms:title>", "<?pi?><dcterms:title>"),
    ("A demo image", "A d\u0435mo image"),
]


@pytest.mark.parametrize(("old", "new"), TAMPERED)
@pytest.mark.parametrize("transforms", [(ENVELOPED,), (ENVELOPED, EXCLUSIVE)])
def test_changed_content_is_refused(old: str, new: str, transforms: tuple[str, ...]) -> None:
    data = made(transforms=transforms, c14n=EXCLUSIVE).decode()
    assert old in data
    assert code(data.replace(old, new, 1).encode()) == "signature.digest"


def test_a_namespace_declared_later_breaks_only_inclusive_canonicalisation() -> None:
    def declare(data: bytes) -> bytes:
        return data.replace(b"<rdf:RDF ", b'<rdf:RDF xmlns:later="urn:later" ')

    exclusive = made(c14n=EXCLUSIVE, transforms=(ENVELOPED, EXCLUSIVE))
    assert accept(declare(exclusive)).entry_id == accept(exclusive).entry_id
    assert code(declare(made(c14n=EXCLUSIVE))) == "signature.digest"
    assert code(declare(made(transforms=(ENVELOPED, EXCLUSIVE)))) == "signature.value"


def test_a_digest_that_was_replaced_with_the_content_breaks_the_signature() -> None:
    good, other = made(), made(draft=image(title="Other"))
    digest = re.search(rb"<DigestValue>.*</DigestValue>", other)
    assert digest is not None
    forged = re.sub(rb"<DigestValue>.*</DigestValue>", digest[0], good).replace(b"A demo image", b"Other")
    assert code(forged) == "signature.value"


@pytest.mark.parametrize(
    "method",
    [
        DSIG + "hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        METHODS["rsa-md5"],
        METHODS["ecdsa-sha1"],
        METHODS["dsa-sha256"],
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha224",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160",
        "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
        "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
        "urn:unknown",
        "",
        METHODS["rsa-sha256"] + " ",
        METHODS["rsa-sha256"].upper(),
    ],
)
def test_other_signature_algorithms_are_refused(method: str) -> None:
    data = made(signature=lambda text: text.replace(METHODS["ecdsa-sha256"], method))
    assert code(data) == "signature.algorithm"


@pytest.mark.parametrize(
    "digest",
    [
        "http://www.w3.org/2001/04/xmldsig-more#md5",
        "http://www.w3.org/2001/04/xmldsig-more#sha224",
        "http://www.w3.org/2001/04/xmlenc#ripemd160",
        "http://www.w3.org/2007/05/xmldsig-more#sha3-256",
        "",
    ],
)
def test_other_digest_algorithms_are_refused(digest: str) -> None:
    data = made(signature=lambda text: text.replace("http://www.w3.org/2001/04/xmlenc#sha256", digest))
    assert code(data) == "signature.digest-algorithm"


def test_really_signed_with_md5_is_refused() -> None:
    assert code(made(identity=make_identity(key="rsa2048"), digest="md5")) == "signature.digest-algorithm"


@pytest.mark.parametrize(
    ("key", "claimed"), [("p256", "rsa-sha256"), ("rsa2048", "ecdsa-sha256"), ("rsa2048", "dsa-sha1")]
)
def test_an_algorithm_for_another_kind_of_key_is_refused(key: str, claimed: str) -> None:
    identity = make_identity(key=key)
    own = METHODS["ecdsa-sha256" if key == "p256" else "rsa-sha256"]
    data = made(identity=identity, signature=lambda text: text.replace(own, METHODS[claimed]))
    assert code(data) == "signature.key-mismatch"


def test_another_hash_than_the_one_signed_with_is_refused() -> None:
    data = made(
        identity=make_identity(key="rsa2048"),
        signature=lambda text: text.replace(METHODS["rsa-sha256"], METHODS["rsa-sha512"]),
    )
    assert code(data) == "signature.value"


def resized(change) -> bytes:
    def spell(match: re.Match[str]) -> str:
        value = base64.b64encode(change(base64.b64decode(match[1]))).decode()
        return f"<SignatureValue>{value}</SignatureValue>"

    return re.sub(r"<SignatureValue>(.*)</SignatureValue>", spell, made().decode()).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda value: b"",
        lambda value: value[:-1],
        lambda value: value[:32],
        lambda value: value + b"\0",
        lambda value: b"\0" + value[:32] + b"\0" + value[32:],
        lambda value: bytes(64),
        lambda value: b"\xff" * 64,
        lambda value: value[:32] + bytes(32),
        lambda value: encode_dss_signature(
            int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
        ),
        lambda value: value[32:] + value[:32],
    ],
)
def test_truncated_padded_and_empty_signatures_are_refused(change) -> None:
    assert code(resized(change)) == "signature.value"


@pytest.mark.parametrize("cut", [1, 128, 255, 256])
def test_truncated_rsa_signatures_are_refused(cut: int) -> None:
    def spell(match: re.Match[str]) -> str:
        return (
            f"<SignatureValue>{base64.b64encode(base64.b64decode(match[1])[:-cut]).decode()}</SignatureValue>"
        )

    data = made(identity=make_identity(key="rsa2048")).decode()
    assert code(re.sub(r"<SignatureValue>(.*)</SignatureValue>", spell, data).encode()) == "signature.value"


def test_a_document_without_canonical_form_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **options: object) -> bytes:
        if options.get("method") == "c14n":
            raise etree.C14NError("no canonical form")
        return serialise(*args, **options)

    serialise = etree.tostring
    data = made()
    monkeypatch.setattr("validators.canonical.etree.tostring", broken)
    assert code(data) == "signature.canonical-form"


def test_refusals_of_this_step_say_so() -> None:
    found = refusal(made().replace(b"A demo image", b"B demo image"))
    assert isinstance(found, SignatureStepError)
    assert isinstance(found, RefusedError)
    assert found.step == 3
