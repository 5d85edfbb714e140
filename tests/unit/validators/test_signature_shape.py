"""Step 2: everything in the signature has one place, and all else is refused."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import pytest

from tests.factories.documents import image, unsigned
from tests.factories.identities import make_ca, make_identity
from tests.factories.signatures import (
    ALL_C14N,
    C14N,
    DSIG,
    ENVELOPED,
    EXCLUSIVE,
    certificate_xml,
)
from tests.unit.validators.judging import code, made, refusal, replaced
from validators import accept
from validators.errors import SignatureShapeError

XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XPATH_FILTER = "http://www.w3.org/2002/06/xmldsig-filter2"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
BASE64 = DSIG + "base64"
STR_TRANSFORM = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0#STR-Transform"
MODULUS = base64.b64encode(b"\x01" * 128).decode()
RSA_VALUE = f"<RSAKeyValue><Modulus>{MODULUS}</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>"
EC_VALUE = (
    '<ECKeyValue xmlns="http://www.w3.org/2009/xmldsig11#"><NamedCurve URI="urn:oid:1.2.840.10045.3.1.7"/>'
    f"<PublicKey>{MODULUS}</PublicKey></ECKeyValue>"
)

Edit = Callable[[str], str]


def edit(old: str, new: str, count: int = 1) -> Edit:
    def change(text: str) -> str:
        assert old in text, f"{old!r} is not in the signature"
        return text.replace(old, new, count)

    return change


def shaped(change: Edit) -> bytes:
    """A document whose finished signature was edited; what is outside SignedInfo is not signed at all."""
    return made(signature=change)


def referring(change: Edit) -> bytes:
    """A document whose Reference was edited before it was signed, so that it verifies."""
    return made(reference=change)


REFUSED = {
    "signature.child": [
        shaped(edit("</Signature>", "<Object/></Signature>")),
        shaped(edit("</Signature>", "<Object><Manifest/></Object></Signature>")),
        shaped(edit("</Signature>", '<x xmlns="urn:x"/></Signature>')),
        shaped(lambda text: re.sub(r"<KeyInfo>.*</KeyInfo>", "", text)),
        shaped(lambda text: re.sub(r"<SignatureValue>.*</SignatureValue>", "", text)),
        shaped(lambda text: re.sub(r"(<SignedInfo>.*</SignedInfo>)(.*)(<KeyInfo>)", r"\2\1\3", text)),
        shaped(lambda text: re.sub(r"(<SignatureValue>.*</SignatureValue>)", r"\1\1", text)),
        shaped(lambda text: re.sub(r"(<SignedInfo>.*</SignedInfo>)", r"\1\1", text)),
        shaped(lambda text: re.sub(r"(<Reference.*</Reference>)", r"\1\1", text)),
        shaped(lambda text: re.sub(r"(<Reference.*</Reference>)", "", text)),
        shaped(edit("</Reference>", "<x/></Reference>")),
        shaped(edit("<Transforms>", "<Transforms><x/>")),
        shaped(lambda text: re.sub(r"<Transforms>.*</Transforms>", "", text)),
        shaped(edit("<DigestValue>", "<DigestValue><x/>")),
        shaped(edit("<SignatureValue>", "<SignatureValue><x/>")),
        shaped(edit("<X509Certificate>", "<X509Certificate><x/>")),
        shaped(
            lambda text: re.sub(
                r"<SignatureMethod ([^>]*)/>",
                r"<SignatureMethod \1><HMACOutputLength>1</HMACOutputLength></SignatureMethod>",
                text,
            )
        ),
        shaped(
            lambda text: re.sub(
                r"<CanonicalizationMethod ([^>]*)/>",
                r'<CanonicalizationMethod \1><InclusiveNamespaces xmlns="http://www.w3.org/2001/10/xml-exc-c14n#"'
                r' PrefixList="a"/></CanonicalizationMethod>',
                text,
            )
        ),
        shaped(
            lambda text: re.sub(
                r"<Transform ([^>]*)/>", r"<Transform \1><XPath>true()</XPath></Transform>", text
            )
        ),
        shaped(
            lambda text: re.sub(r"<DigestMethod ([^>]*)/>", r"<DigestMethod \1><x/></DigestMethod>", text)
        ),
    ],
    "signature.text": [
        shaped(edit("</Signature>", "unsigned words</Signature>")),
        shaped(edit("<KeyInfo>", "words<KeyInfo>")),
        shaped(edit("<X509Data>", "words<X509Data>")),
        shaped(edit("</X509Certificate>", "</X509Certificate>words")),
        shaped(edit("<SignatureMethod", "words<SignatureMethod")),
        shaped(edit("<SignedInfo>", "\u00a0<SignedInfo>")),
        shaped(
            lambda text: re.sub(r"<DigestMethod ([^>]*)/>", r"<DigestMethod \1>words</DigestMethod>", text)
        ),
    ],
    "signature.attribute": [
        shaped(edit("<Signature ", '<Signature a="1" ')),
        shaped(edit("<Signature ", '<Signature xml:lang="en" ')),
        shaped(edit("<Signature ", '<Signature xml:base="http://example.org/" ')),
        shaped(edit("<SignedInfo>", '<SignedInfo xml:space="preserve">')),
        shaped(edit("<SignatureValue>", '<SignatureValue a="1">')),
        shaped(edit("<KeyInfo>", '<KeyInfo a="1">')),
        shaped(edit("<X509Data>", '<X509Data Id="a">')),
        shaped(edit("<X509Certificate>", '<X509Certificate Id="a">')),
        shaped(edit("<DigestValue>", '<DigestValue Id="a">')),
        shaped(edit("<Transforms>", '<Transforms Id="a">')),
        shaped(edit("<Transform ", '<Transform Id="a" ')),
        shaped(edit("<SignatureMethod ", '<SignatureMethod Id="a" ')),
        shaped(edit("<SignatureMethod ", '<SignatureMethod x:Algorithm="y" xmlns:x="urn:x" ')),
    ],
    "signature.reference": [
        referring(edit('URI=""', 'URI="#a"')),
        referring(edit('URI=""', 'URI="#xpointer(/)"')),
        referring(edit('URI=""', 'URI="http://example.org/x.xml"')),
        referring(edit('URI=""', 'URI="file:///etc/passwd"')),
        referring(edit(' URI=""', "")),
        referring(edit('URI=""', 'URI="" Id="r"')),
        referring(edit('URI=""', 'URI="" Type="http://www.w3.org/2000/09/xmldsig#Object"')),
        referring(edit('URI=""', 'Id=""')),
    ],
    "signature.transform": [
        made(transforms=()),
        made(transforms=(EXCLUSIVE,)),
        made(transforms=(EXCLUSIVE, ENVELOPED)),
        made(transforms=(ENVELOPED, ENVELOPED)),
        made(transforms=(ENVELOPED, EXCLUSIVE, EXCLUSIVE)),
        made(transforms=(ENVELOPED, XPATH)),
        made(transforms=(ENVELOPED, XPATH_FILTER)),
        made(transforms=(ENVELOPED, XSLT)),
        made(transforms=(ENVELOPED, BASE64)),
        made(transforms=(ENVELOPED, STR_TRANSFORM)),
        made(transforms=(ENVELOPED, "urn:unknown")),
        made(transforms=(ENVELOPED, "http://www.w3.org/2010/xml-c14n2")),
        made(transforms=(ENVELOPED, EXCLUSIVE + " ")),
        made(transforms=(ENVELOPED.upper(),)),
    ],
    "signature.canonicalization": [
        shaped(edit(C14N + "#WithComments", "http://www.w3.org/2010/xml-c14n2")),
        shaped(edit(C14N + "#WithComments", C14N + "#withcomments")),
        shaped(edit(C14N + "#WithComments", "")),
        shaped(edit(f' Algorithm="{C14N}#WithComments"', "")),
    ],
    "signature.base64": [
        shaped(edit("<DigestValue>", "<DigestValue>-")),
        shaped(edit("<DigestValue>", "<DigestValue>\u00a0")),
        shaped(edit("<DigestValue>", "<DigestValue>\uff21")),
        shaped(edit("</DigestValue>", "=</DigestValue>")),
        shaped(edit("</SignatureValue>", "A</SignatureValue>")),
        shaped(edit("</X509Certificate>", "!</X509Certificate>")),
        shaped(lambda text: re.sub(r"(<DigestValue>.*)=(</DigestValue>)", r"\1\2", text)),
        # The last digit before one "=" carries two bits that mean nothing.
        shaped(
            lambda text: re.sub(
                r"<DigestValue>.*</DigestValue>", f"<DigestValue>{'A' * 42}B=</DigestValue>", text
            )
        ),
    ],
    "signature.key-info": [
        shaped(edit("<KeyInfo>", "<KeyInfo><KeyName>jane</KeyName>")),
        shaped(edit("<KeyInfo>", '<KeyInfo><RetrievalMethod URI="#x"/>')),
        shaped(edit("<KeyInfo>", "<KeyInfo><MgmtData/>")),
        shaped(edit("<KeyInfo>", '<KeyInfo><x xmlns="urn:x"/>')),
        shaped(edit("<KeyInfo>", "<KeyInfo><X509Data/>")),
        shaped(lambda text: re.sub(r"<X509Data>.*</X509Data>", "", text)),
        shaped(lambda text: re.sub(r"<X509Data>.*</X509Data>", f"<KeyValue>{RSA_VALUE}</KeyValue>", text)),
        shaped(
            edit("<KeyInfo>", f"<KeyInfo><KeyValue>{RSA_VALUE}</KeyValue><KeyValue>{RSA_VALUE}</KeyValue>")
        ),
        shaped(edit("<KeyInfo>", "<KeyInfo><KeyValue/>")),
        shaped(edit("<KeyInfo>", '<KeyInfo><KeyValue><x xmlns="urn:x"/></KeyValue>')),
        shaped(edit("<KeyInfo>", "<KeyInfo><KeyValue><RSAKeyValue><P>AA==</P></RSAKeyValue></KeyValue>")),
        shaped(
            edit(
                "<KeyInfo>", "<KeyInfo><KeyValue><DSAKeyValue><P>AA==</P><P>AA==</P></DSAKeyValue></KeyValue>"
            )
        ),
        shaped(edit("<X509Data>", "<X509Data><X509CRL>AA==</X509CRL>")),
        shaped(edit("<X509Data>", "<X509Data><X509SKI>AA==</X509SKI>")),
        shaped(
            edit(
                "<X509Data>",
                "<X509Data><X509IssuerSerial><X509IssuerName>a</X509IssuerName>"
                "<X509SerialNumber>1</X509SerialNumber></X509IssuerSerial>",
            )
        ),
        shaped(edit("<X509Data>", "<X509Data><X509SubjectName><x/></X509SubjectName>")),
        shaped(edit("<X509Data>", "<X509Data>" + "<X509SubjectName>a</X509SubjectName>" * 6)),
    ],
    "signature.certificates": [
        made(certificates=()),
        made(certificates=[make_identity().certificate] * 6),
        made(certificates=[make_identity().certificate] * 100),
    ],
}


@pytest.mark.parametrize(
    ("expected", "data"), [(name, data) for name, documents in REFUSED.items() for data in documents]
)
def test_other_shapes_are_refused(expected: str, data: bytes) -> None:
    found = refusal(data)
    assert found.code == expected, found.message
    assert isinstance(found, SignatureShapeError)
    assert found.step == 2


def test_an_unsigned_document_is_refused() -> None:
    assert code(unsigned()) == "signature.count"


def test_two_signatures_are_refused() -> None:
    once = made()
    signature = re.search(rb"<Signature .*</Signature>", once, re.S)
    assert signature is not None
    assert code(once.replace(signature[0], signature[0] * 2)) == "signature.count"


@pytest.mark.parametrize(
    "wrapper", ["<x:a xmlns:x='urn:x#' rdf:parseType='Literal'>{}</x:a>", "<slterms:kind>{}</slterms:kind>"]
)
def test_a_second_signature_anywhere_is_refused(wrapper: str) -> None:
    inner = wrapper.format(f'<Signature xmlns="{DSIG}"/>')
    data = made(replaced("</rdf:Description>", f"{inner}</rdf:Description>"))
    assert code(data) == "signature.count"


def moved(data: bytes, before: bytes) -> bytes:
    signature = re.search(rb"<Signature .*</Signature>", data, re.S)
    assert signature is not None
    rest = data.replace(signature[0], b"")
    assert rest.count(before) == 1
    return rest.replace(before, signature[0] + before)


@pytest.mark.parametrize("before", [b"</rdf:Description>", b"<dcterms:title>"])
def test_a_signature_below_the_root_is_refused(before: bytes) -> None:
    assert code(moved(made(), before)) == "signature.place"


def test_a_signature_as_the_root_is_refused() -> None:
    signature = re.search(rb"<Signature .*</Signature>", made(), re.S)
    assert signature is not None
    assert code(signature[0]) == "signature.place"


def test_the_signature_may_stand_before_the_description() -> None:
    data = made()
    again = moved(data, b"<rdf:Description ")
    assert accept(again).entry_id == accept(data).entry_id


def test_the_signature_may_stand_first_of_all() -> None:
    data = made()
    signature = re.search(rb"<Signature .*</Signature>", data, re.S)
    assert signature is not None
    first = data.replace(signature[0], b"").replace(b'eu/">', b'eu/">' + signature[0], 1)
    assert accept(first).entry_id == accept(data).entry_id


def wrapped(data: bytes, number: int) -> bytes:
    """Signature wrapping: the signed tree moves aside and other content takes its place."""
    root = re.search(rb"<rdf:RDF.*</rdf:RDF>", data, re.S)
    signature = re.search(rb"<Signature .*</Signature>", data, re.S)
    description = re.search(rb"<rdf:Description.*</rdf:Description>", data, re.S)
    assert root and signature and description
    start = root[0][: root[0].index(b">") + 1]
    evil = description[0].replace(b"A demo image", b"Another image")
    unsigned_root = root[0].replace(signature[0], b"")
    return {
        1: start + evil + root[0] + b"</rdf:RDF>",
        2: start
        + evil
        + signature[0].replace(b"</Signature>", b"<Object>" + unsigned_root + b"</Object></Signature>")
        + b"</rdf:RDF>",
        3: root[0].replace(description[0], evil + description[0]),
        4: root[0].replace(description[0], description[0] + evil),
        5: root[0].replace(b"</rdf:Description>", evil + b"</rdf:Description>"),
        6: start
        + evil
        + b"<wrapper xmlns='urn:x'>"
        + unsigned_root
        + b"</wrapper>"
        + signature[0]
        + b"</rdf:RDF>",
        7: b"<wrapper>" + root[0] + b"</wrapper>",
        8: start + evil + signature[0].replace(b"<KeyInfo>", b"<KeyInfo>" + unsigned_root) + b"</rdf:RDF>",
        9: root[0].replace(b"</X509Data>", b"</X509Data>" + evil),
        10: root[0].replace(description[0], evil),
    }[number]


@pytest.mark.parametrize("number", range(1, 11))
def test_wrapping_is_refused(number: int) -> None:
    refusal(wrapped(made(), number))


ACCEPTED = [
    shaped(edit("<Signature ", '<Signature Id="s" ')),
    shaped(edit("<SignatureValue>", '<SignatureValue Id="v">')),
    shaped(edit("<KeyInfo>", '<KeyInfo Id="k">')),
    shaped(edit("<KeyInfo>", f"<KeyInfo><KeyValue>{RSA_VALUE}</KeyValue>")),
    shaped(edit("</KeyInfo>", f"\n<KeyValue>\n{RSA_VALUE}\n</KeyValue>\n</KeyInfo>")),
    shaped(edit("</KeyInfo>", f"<KeyValue>{EC_VALUE}</KeyValue></KeyInfo>")),
    shaped(edit("<X509Data>", "<X509Data><X509SubjectName>CN=Somebody Else</X509SubjectName>")),
    shaped(edit("</X509Data>", "<X509SubjectName>CN=A</X509SubjectName></X509Data>")),
    shaped(edit("<KeyInfo>", "\r\n\t <KeyInfo> ")),
    shaped(lambda text: re.sub(r"<SignatureValue>(.{9})", r"<SignatureValue>\n\1&#13;\n\t ", text)),
    shaped(lambda text: re.sub(r"<X509Certificate>(.{70})", r"<X509Certificate>&#xD;&#10;\1&#x20;", text)),
    shaped(edit("<KeyInfo>", "<KeyInfo><![CDATA[ ]]>")),
    made(certificates=[make_identity().certificate, *[make_ca().certificate] * 4]),
    made(transforms=(ENVELOPED, EXCLUSIVE)),
]


@pytest.mark.parametrize("data", ACCEPTED)
def test_respellings_of_a_signature_are_accepted_and_are_the_same_entry(data: bytes) -> None:
    assert accept(data).entry_id == accept(made()).entry_id


def test_the_certificate_may_be_spelled_with_a_prefix() -> None:
    data = made(
        signature=lambda text: re.sub(r"<(/?)(KeyInfo|X509Data|X509Certificate)", r"<\1k:\2", text).replace(
            "<k:KeyInfo>", f'<k:KeyInfo xmlns:k="{DSIG}">'
        )
    )
    assert accept(data)


@pytest.mark.parametrize("transform", ALL_C14N)
def test_every_canonicalisation_may_follow(transform: str) -> None:
    assert accept(made(transforms=(ENVELOPED, transform), draft=image(title="x")))


def test_other_certificates_are_kept_in_order() -> None:
    ca = make_ca()
    identity = make_identity("Issued Tester", issuer=ca)
    entry = accept(made(identity=identity))
    assert len(entry.signer.intermediates) == 1
    assert certificate_xml(ca.certificate).encode() in made(identity=identity)
