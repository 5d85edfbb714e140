"""Signs metadata: fills in the endorsement and adds an enveloped XML signature.

The signature is exclusive C14N with rsa-sha256 or ECDSA, which survives being
embedded in other XML, and its KeyInfo holds the signer's certificate first
(FORMAT, steps 2, 3 and 5). Pure like the rest of the package: the time comes in
as an argument, keys come in as values.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from validators.document import Endorser, format_time
from validators.editing import remove_element
from validators.library import read_outline
from validators.names import java_name_of_der
from validators.parser import parse_trusted
from validators.pipeline import accept
from validators.prescan import verify_prescan
from validators.signing_errors import DraftError, EmailError, SigningError
from validators.signing_identity import SigningIdentity, SigningKey, load_pem, load_pkcs12
from validators.vocabulary import (
    BASE,
    CREATED,
    DCTERMS,
    DESCRIPTION,
    EMAIL,
    ENDORSEMENT,
    ENDORSER,
    ISSUER,
    PARSE_TYPE,
    RDF,
    RDF_ROOT,
    SLREQ,
    SUBJECT,
    XML_BASE,
    ds,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["SigningError", "SigningIdentity", "load_pem", "load_pkcs12", "sign", "sign_unverified"]

_PREFIXES = {"rdf": RDF, "dcterms": DCTERMS, "slreq": SLREQ}

# The hash is about as strong as the curve's key.
_EC_METHODS = {
    "secp256r1": SignatureMethod.ECDSA_SHA256,
    "secp384r1": SignatureMethod.ECDSA_SHA384,
    "secp521r1": SignatureMethod.ECDSA_SHA512,
}


def sign(document: bytes, identity: SigningIdentity, created: datetime, *, email: str | None = None) -> bytes:
    """Sign a draft as an endorser, so that every marketplace accepts the result.

    Args:
        document: RDF/XML, UTF-8; an endorsement and a signature in it are replaced.
        identity: who signs.
        created: when the endorsement is made; aware, cut to whole seconds.
        email: the endorser's address where the certificate holds none.

    Raises:
        EmailError: no address, or another one than the certificate's.
        DraftError: the document is no metadata.
        RefusedError: signed or not, no marketplace accepts what the document says.
    """
    verify_prescan(document)
    signed = sign_unverified(document, identity, created, email=email)
    accept(signed)
    return signed


def sign_unverified(
    document: bytes, identity: SigningIdentity, created: datetime, *, email: str | None = None
) -> bytes:
    """Sign a draft of one's own making without asking whether a marketplace would accept it.

    Args: those of ``sign``.

    Raises:
        EmailError, DraftError: as ``sign`` does.
        NotWellFormedError: the document is no XML.
    """
    root = parse_trusted(document)
    description = _get_description(root)
    _strip_signatures(root, description)
    endorser = _endorser(identity, email)
    _endorse(description, endorser, created)
    if XML_BASE not in root.attrib:
        root.set(XML_BASE, BASE)
    signer = XMLSigner(
        signature_algorithm=_method(identity.key),
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    chain = [identity.certificate, *identity.intermediates]
    signed = signer.sign(root, key=identity.key, cert=chain)
    return etree.tostring(signed, xml_declaration=True, encoding="UTF-8")


def _method(key: SigningKey) -> SignatureMethod:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _EC_METHODS[key.curve.name]
    return SignatureMethod.RSA_SHA256


def _endorser(identity: SigningIdentity, email: str | None) -> Endorser:
    bound = identity.email
    if bound is None and email is None:
        raise EmailError("the certificate holds no e-mail address; give the endorser's address")
    if bound is not None and email is not None and email != bound:
        raise EmailError(f"the certificate is for {bound}, so the entry cannot be endorsed as {email}")
    outline = read_outline(identity.certificate.public_bytes(Encoding.DER))
    return Endorser(bound or email or "", java_name_of_der(outline.subject), java_name_of_der(outline.issuer))


def _get_description(root: _Element) -> _Element:
    descriptions = root.findall(DESCRIPTION)
    if root.tag != RDF_ROOT or len(descriptions) != 1:
        raise DraftError("the document is not an rdf:RDF element with exactly one rdf:Description in it")
    return descriptions[0]


def _strip_signatures(root: _Element, description: _Element) -> None:
    for parent in (root, description):
        for signature in parent.findall(ds("Signature")):
            remove_element(parent, signature)


def _endorse(description: _Element, endorser: Endorser, created: datetime) -> None:
    old = description.findall(ENDORSEMENT)
    place = description.index(old[0]) if old else len(description)
    for element in old:
        remove_element(description, element)
    endorsement = _resource(ENDORSEMENT)
    _leaf(endorsement, CREATED, format_time(created.astimezone(UTC)))
    inner = _resource(ENDORSER)
    endorsement.append(inner)
    _leaf(inner, EMAIL, endorser.email)
    _leaf(inner, SUBJECT, endorser.subject)
    _leaf(inner, ISSUER, endorser.issuer)
    description.insert(place, endorsement)


def _resource(tag: str) -> _Element:
    return etree.Element(tag, {PARSE_TYPE: "Resource"}, nsmap=_PREFIXES)


def _leaf(parent: _Element, tag: str, text: str) -> None:
    try:
        etree.SubElement(parent, tag).text = text
    except ValueError:
        name = etree.QName(tag).localname
        raise EmailError(f"the endorser's {name} has characters that XML cannot hold") from None
