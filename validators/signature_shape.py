"""Step 2: the signature has exactly the shape of the format, before anything in it is believed.

Most attacks on XML signatures are in what libraries skip or search for: transforms
they do not know, references to a part, content beside the expected, certificates in
another order. Here every element has its one place and everything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from validators.errors import (
    Base64Error,
    CanonicalizationError,
    CertificateCountError,
    KeyInfoError,
    ReferenceShapeError,
    SignatureAttributeError,
    SignatureChildError,
    SignatureCountError,
    SignaturePositionError,
    SignatureTextError,
    TransformError,
)
from validators.shape import list_nodes
from validators.strict_base64 import parse_base64, parse_certificate_text, strip_base64
from validators.vocabulary import DSIG11, ds, prefixed

if TYPE_CHECKING:
    from lxml.etree import _Element


@dataclass(frozen=True, slots=True)
class Canonicalization:
    """One of the format's canonicalisations.

    Args:
        exclusive: exclusive C14N instead of inclusive.
        inherits_id: xml:id of ancestors goes onto the apex (1.0 does that, 1.1 mended it).
    """

    exclusive: bool
    inherits_id: bool


INCLUSIVE_1_0: Final = Canonicalization(exclusive=False, inherits_id=True)
INCLUSIVE_1_1: Final = Canonicalization(exclusive=False, inherits_id=False)
EXCLUSIVE: Final = Canonicalization(exclusive=True, inherits_id=False)

# "WithComments" makes no difference to an entry: URI="" drops comments before any
# transform, and SignedInfo has none.
CANONICALIZATIONS: Final = {
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315": INCLUSIVE_1_0,
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments": INCLUSIVE_1_0,
    "http://www.w3.org/2006/12/xml-c14n11": INCLUSIVE_1_1,
    "http://www.w3.org/2006/12/xml-c14n11#WithComments": INCLUSIVE_1_1,
    "http://www.w3.org/2001/10/xml-exc-c14n#": EXCLUSIVE,
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments": EXCLUSIVE,
}
ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"

#: Certificates that X509Data may hold.
MAX_CERTIFICATES: Final = 5

SIGNATURE: Final = ds("Signature")
_SIGNED_INFO: Final = ds("SignedInfo")
_SIGNATURE_VALUE: Final = ds("SignatureValue")
_KEY_INFO: Final = ds("KeyInfo")
_CANONICALIZATION_METHOD: Final = ds("CanonicalizationMethod")
_SIGNATURE_METHOD: Final = ds("SignatureMethod")
_REFERENCE: Final = ds("Reference")
_TRANSFORMS: Final = ds("Transforms")
_TRANSFORM: Final = ds("Transform")
_DIGEST_METHOD: Final = ds("DigestMethod")
_DIGEST_VALUE: Final = ds("DigestValue")
_X509_DATA: Final = ds("X509Data")
_X509_CERTIFICATE: Final = ds("X509Certificate")
_X509_SUBJECT_NAME: Final = ds("X509SubjectName")
_KEY_VALUE: Final = ds("KeyValue")

# What a KeyValue may hold: nobody reads it, but it must not become a place for other content.
_KEY_PARTS: Final = {
    ds("RSAKeyValue"): frozenset({ds("Modulus"), ds("Exponent")}),
    ds("DSAKeyValue"): frozenset(map(ds, ("P", "Q", "G", "Y", "J", "Seed", "PgenCounter"))),
    f"{{{DSIG11}}}ECKeyValue": frozenset({f"{{{DSIG11}}}NamedCurve", f"{{{DSIG11}}}PublicKey"}),
}
_NAMED_CURVE: Final = f"{{{DSIG11}}}NamedCurve"

_NOTHING: Final[frozenset[str]] = frozenset()
_ID: Final = frozenset({"Id"})
_WHITE_SPACE: Final = " \t\r\n"
_ALGORITHM: Final = frozenset({"Algorithm"})
_ONLY_ALGORITHM: Final = ["Algorithm"]
_URI: Final = frozenset({"URI"})
_WHOLE_DOCUMENT: Final = [("URI", "")]
#: What KeyInfo may hold, in either order.
_KEY_INFOS: Final = ([_X509_DATA], [_KEY_VALUE, _X509_DATA], [_X509_DATA, _KEY_VALUE])


class SignatureBlock(NamedTuple):
    """What the signature says, undisputed but not yet proved.

    Args:
        element: the ds:Signature.
        signed_info: its ds:SignedInfo.
        canonicalization: how SignedInfo becomes the bytes that are signed.
        content_canonicalization: how the document becomes the bytes that are digested.
        signature_method: algorithm URI, any.
        digest_method: algorithm URI, any.
        certificates: DER, the signer's first.
    """

    element: _Element
    signed_info: _Element
    canonicalization: Canonicalization
    content_canonicalization: Canonicalization
    signature_method: str
    digest_method: str
    digest: bytes
    value: bytes
    certificates: tuple[bytes, ...]


def parse_signature(root: _Element) -> SignatureBlock:
    """Read the one signature of a document.

    Args:
        root: of a document that went through step 1; not changed.

    Raises:
        SignatureShapeError: the subclass names the rule (FORMAT, step 2).
    """
    signature = get_signature(root)
    signed_info, value, key_info = _sequence(signature, _ID, [_SIGNED_INFO, _SIGNATURE_VALUE, _KEY_INFO])
    method, algorithm, reference = _sequence(
        signed_info, _ID, [_CANONICALIZATION_METHOD, _SIGNATURE_METHOD, _REFERENCE]
    )
    if reference.items() != _WHOLE_DOCUMENT:
        raise ReferenceShapeError("ds:Reference", _attributes(reference), 'URI="" and no other attribute')
    transforms, digest_method, digest = _sequence(
        reference, _URI, [_TRANSFORMS, _DIGEST_METHOD, _DIGEST_VALUE]
    )
    return SignatureBlock(
        element=signature,
        signed_info=signed_info,
        canonicalization=_canonicalization(_algorithm(method)),
        content_canonicalization=_content_canonicalization(transforms),
        signature_method=_algorithm(algorithm),
        digest_method=_algorithm(digest_method),
        digest=_base64(digest, _NOTHING),
        value=_base64(value, _ID),
        certificates=_certificates(key_info),
    )


def get_signature(root: _Element) -> _Element:
    """The one ds:Signature of a document, a child of its root.

    Raises:
        SignatureShapeError: there is none, there are several, or it stands elsewhere.
    """
    signatures = list(root.iter(SIGNATURE))
    if len(signatures) != 1:
        raise SignatureCountError("ds:Signature", f"{len(signatures) or 'no'} signatures", "exactly one")
    parent = signatures[0].getparent()
    if parent is not root:
        found = "as the root" if parent is None else f"in {prefixed(str(parent.tag))}"
        raise SignaturePositionError("ds:Signature", found, "a child of the root")
    return signatures[0]


def _sequence(
    element: _Element, attributes: frozenset[str], names: list[str]
) -> tuple[_Element, _Element, _Element]:
    """The three children of an element, which has exactly these in this order."""
    children = _children(element, attributes)
    found = [child.tag for child in children]
    if found != names:
        expected = ", ".join(map(prefixed, names))
        raise SignatureChildError(_name(element), _names(children), expected)
    first, second, third = children
    return first, second, third


def _children(element: _Element, attributes: frozenset[str]) -> list[_Element]:
    """The children of an element that holds no text and no other attributes."""
    if element.keys():
        _verify_attributes(element, attributes)
    children = list_nodes(element)
    text = element.text or ""
    for child in children:
        tail = child.tail
        if tail:
            text += tail
    if text and text.strip(_WHITE_SPACE):
        raise SignatureTextError(_name(element), text, "no text between its elements")
    return children


def _verify_attributes(element: _Element, allowed: frozenset[str]) -> None:
    if not allowed.issuperset(element.keys()):
        expected = " and ".join(sorted(allowed)) or "no attribute"
        raise SignatureAttributeError(_name(element), _attributes(element), f"only {expected}")


def _name(element: _Element) -> str:
    return prefixed(str(element.tag))


def _names(elements: Sequence[_Element]) -> str:
    return ", ".join(map(_name, elements)) or "nothing"


def _algorithm(method: _Element) -> str:
    """The algorithm of a method element, which takes no parameters."""
    # Nearly always there is nothing else.
    if method.keys() != _ONLY_ALGORITHM or len(method) or method.text:
        children = _children(method, _ALGORITHM)
        if children:
            raise SignatureChildError(_name(method), _names(children), "no parameters")
    return method.get("Algorithm", "")


def _canonicalization(algorithm: str) -> Canonicalization:
    try:
        return CANONICALIZATIONS[algorithm]
    except KeyError:
        expected = "C14N 1.0 or 1.1, or exclusive C14N"
        raise CanonicalizationError("ds:CanonicalizationMethod", algorithm, expected) from None


def _content_canonicalization(transforms: _Element) -> Canonicalization:
    children = _children(transforms, _NOTHING)
    for child in children:
        if child.tag != _TRANSFORM:
            raise SignatureChildError("ds:Transforms", _name(child), "ds:Transform")
    algorithms = [_algorithm(child) for child in children]
    expected = "enveloped-signature, then at most one canonicalisation"
    if not 1 <= len(algorithms) <= 2 or algorithms[0] != ENVELOPED:
        raise TransformError("ds:Transforms", " ".join(algorithms), expected)
    if len(algorithms) == 1:
        return INCLUSIVE_1_0
    canonicalization = CANONICALIZATIONS.get(algorithms[1])
    if canonicalization is None:
        raise TransformError("ds:Transform", algorithms[1], expected)
    return canonicalization


def _certificates(key_info: _Element) -> tuple[bytes, ...]:
    children = _children(key_info, _ID)
    if [child.tag for child in children] not in _KEY_INFOS:
        raise KeyInfoError(
            "ds:KeyInfo", _names(children), "one ds:X509Data, and at most a ds:KeyValue beside it"
        )
    certificates: list[_Element] = []
    for child in children:
        if child.tag == _KEY_VALUE:
            _verify_key_value(child)
        else:
            certificates = _verify_x509_data(_children(child, _NOTHING))
    return tuple(_base64(certificate, _NOTHING, parse_certificate_text) for certificate in certificates)


def _verify_x509_data(children: Sequence[_Element]) -> list[_Element]:
    certificates = [child for child in children if child.tag == _X509_CERTIFICATE]
    if not 1 <= len(certificates) <= MAX_CERTIFICATES:
        found = f"{len(certificates)} of them"
        raise CertificateCountError("ds:X509Certificate", found, f"1 to {MAX_CERTIFICATES}")
    if len(certificates) == len(children):
        return certificates
    others = [child for child in children if child.tag != _X509_CERTIFICATE]
    for other in others:
        if other.tag != _X509_SUBJECT_NAME or len(other):
            raise KeyInfoError("ds:X509Data", _name(other), "ds:X509Certificate and ds:X509SubjectName")
        _verify_attributes(other, _NOTHING)
    if len(others) > MAX_CERTIFICATES:
        raise KeyInfoError("ds:X509Data", f"{len(others)} names", f"at most {MAX_CERTIFICATES}")
    return certificates


def _verify_key_value(key_value: _Element) -> None:
    children = _children(key_value, _NOTHING)
    if len(children) != 1 or children[0].tag not in _KEY_PARTS:
        raise KeyInfoError("ds:KeyValue", _names(children), "one RSA, DSA or EC key")
    key = children[0]
    parts = _children(key, _NOTHING)
    names = [str(part.tag) for part in parts]
    if len(set(names)) != len(names) or not _KEY_PARTS[str(key.tag)].issuperset(names):
        raise KeyInfoError(_name(key), _names(parts), "the parts of a key")
    for part in parts:
        _base64(part, _URI if part.tag == _NAMED_CURVE else _NOTHING)


def _base64(
    element: _Element, attributes: frozenset[str], parse: Callable[[str], bytes] = parse_base64
) -> bytes:
    """The bytes of a value; only white space may stand between its digits."""
    if element.keys():
        _verify_attributes(element, attributes)
    if len(element):
        raise SignatureChildError(_name(element), _names(list_nodes(element)), "base64 only")
    text = element.text or ""
    try:
        return parse(text)
    except ValueError as error:
        raise Base64Error(_name(element), strip_base64(text).decode(), str(error)) from None


def _attributes(element: _Element) -> str:
    return " ".join(f'{prefixed(str(name))}="{value!s}"' for name, value in element.items()) or "none"
