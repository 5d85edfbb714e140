"""Signs metadata: fills in the endorsement and adds an enveloped XML signature.

The signature is exclusive C14N with rsa-sha256 or ECDSA, which survives being
embedded in other XML, and its KeyInfo holds the signer's certificate first
(FORMAT, steps 2, 3 and 5). Pure like the rest of the package: the time comes in
as an argument, keys come in as values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from validators.certificates import parse_signer
from validators.document import Endorser
from validators.endorsing import endorse, get_description
from validators.parser import parse_trusted
from validators.pipeline import accept
from validators.prescan import verify_prescan
from validators.signing_errors import KEYGEN, SigningEmailError, SigningError
from validators.signing_identity import SigningIdentity, SigningKey, load_pem, load_pkcs12

__all__ = ["SigningError", "SigningIdentity", "load_pem", "load_pkcs12", "sign", "sign_unverified"]

# The hash is about as strong as the curve's key.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
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
        SigningEmailError: no address, or another one than the certificate's.
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
        SigningEmailError, DraftError: as ``sign`` does.
        NotWellFormedError: the document is no XML.
    """
    root = parse_trusted(document)
    get_description(root)
    endorse(root, _endorser(identity, email), created)
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
        raise SigningEmailError(_address_wanted(identity))
    if bound is not None and email is not None and email != bound:
        raise SigningEmailError(f"the certificate is for {bound}, so the entry cannot be endorsed as {email}")
    signer = parse_signer(identity.certificate.public_bytes(Encoding.DER))
    return Endorser(bound or email or "", _writable(signer.subjects), _writable(signer.issuers))


def _writable(spellings: Sequence[str]) -> str:
    """The first spelling of a name that XML can hold: Java's of a BMPString has control characters."""
    return next((one for one in spellings if not _NOT_XML.search(one)), spellings[0])


def _address_wanted(identity: SigningIdentity) -> str:
    lacking = "the certificate contains no e-mail address (no rfc822Name in its subjectAltName)"
    if not identity.addresses:
        return f"{lacking}: give the endorser's address with --email, or {KEYGEN}"
    said = identity.addresses[0]
    return (
        f"{lacking}; its subject says {said!r}, which does not count as an address: sign with --email "
        f"{said}, or {KEYGEN}"
    )
