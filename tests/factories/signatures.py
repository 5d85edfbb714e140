"""Signs documents in ways our own signer never does: old algorithms, every canonicalisation.

It follows XML Signature step by step and checks nothing, so a test can produce
exactly the document that an old or a hostile signer would.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from tests.factories.identities import Identity

DSIG = "http://www.w3.org/2000/09/xmldsig#"
ENVELOPED = DSIG + "enveloped-signature"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N_COMMENTS = C14N + "#WithComments"
C14N11 = "http://www.w3.org/2006/12/xml-c14n11"
C14N11_COMMENTS = C14N11 + "#WithComments"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
EXCLUSIVE_COMMENTS = EXCLUSIVE + "WithComments"
ALL_C14N = (C14N, C14N_COMMENTS, C14N11, C14N11_COMMENTS, EXCLUSIVE, EXCLUSIVE_COMMENTS)

METHODS = {
    "rsa-sha1": DSIG + "rsa-sha1",
    "dsa-sha1": DSIG + "dsa-sha1",
    "rsa-md5": "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
    "rsa-sha256": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "rsa-sha384": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "rsa-sha512": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    "dsa-sha256": "http://www.w3.org/2009/xmldsig11#dsa-sha256",
    "ecdsa-sha1": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
    "ecdsa-sha256": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "ecdsa-sha384": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    "ecdsa-sha512": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
}
DIGESTS = {
    "md5": "http://www.w3.org/2001/04/xmldsig-more#md5",
    "sha1": DSIG + "sha1",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
}

_XML = "{http://www.w3.org/XML/1998/namespace}"
_HASHES = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


def sign_raw(
    document: bytes,
    identity: Identity,
    *,
    method: str = "rsa-sha1",
    digest: str = "sha1",
    c14n: str = C14N_COMMENTS,
    transforms: Sequence[str] = (ENVELOPED,),
    certificates: Sequence[x509.Certificate] | None = None,
    reference: Callable[[str], str] = lambda text: text,
    signature: Callable[[str], str] = lambda text: text,
) -> bytes:
    """Put an enveloped signature at the end of a document's root.

    The defaults are what the original signer writes.

    Args:
        document: RDF/XML whose endorsement is in place (``documents.unsigned``).
        method, digest: short names, keys of METHODS and DIGESTS.
        c14n: the CanonicalizationMethod's URI.
        transforms: URIs of the Reference's transforms; the digest follows the last one that canonicalises.
        certificates: the X509Certificates, in order; the identity's own and its issuers by default.
        reference: changes the Reference's text before SignedInfo is signed.
        signature: changes the text of the finished Signature element (what it changes is not signed again).
    """
    tree = etree.ElementTree(etree.fromstring(document))
    value = hashlib.new(digest, canonical_content(tree, transforms), usedforsecurity=False).digest()
    listed = "".join(f'<Transform Algorithm="{uri}"/>' for uri in transforms)
    refers = reference(
        f'<Reference URI=""><Transforms>{listed}</Transforms><DigestMethod Algorithm="{DIGESTS[digest]}"/>'
        f"<DigestValue>{base64.b64encode(value).decode()}</DigestValue></Reference>"
    )
    info = (
        f'<SignedInfo xmlns="{DSIG}"><CanonicalizationMethod Algorithm="{c14n}"/>'
        f'<SignatureMethod Algorithm="{METHODS[method]}"/>{refers}</SignedInfo>'
    )
    raw = sign_bytes(canonical_signed_info(info, tree.getroot(), c14n), identity.key, method)
    chain = certificates if certificates is not None else (identity.certificate, *identity.intermediates)
    inner = info.replace(f' xmlns="{DSIG}"', "", 1)
    element = (
        f'<Signature xmlns="{DSIG}">{inner}'
        f"<SignatureValue>{base64.b64encode(raw).decode()}</SignatureValue>"
        f"<KeyInfo><X509Data>{''.join(map(certificate_xml, chain))}</X509Data></KeyInfo></Signature>"
    )
    head, end, rest = document.rpartition(b"</")
    return head + signature(element).encode() + end + rest


def certificate_xml(certificate: x509.Certificate) -> str:
    """The X509Certificate element, in the default namespace of the Signature around it."""
    encoded = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    return f"<X509Certificate>{encoded}</X509Certificate>"


def canonical_content(tree: etree._ElementTree, transforms: Sequence[str]) -> bytes:
    """What the digest of ``URI=""`` is over: the whole tree, never its comments."""
    canonicalising = [uri for uri in transforms if uri in ALL_C14N]
    exclusive = bool(canonicalising) and canonicalising[-1].startswith(EXCLUSIVE)
    return etree.tostring(tree, method="c14n", exclusive=exclusive, with_comments=False)


def canonical_signed_info(info: str, root: etree._Element, c14n: str) -> bytes:
    """Canonicalise SignedInfo as the apex of its node set: inclusive C14N puts the context on it."""
    element = etree.fromstring(info)
    with_comments = c14n.endswith("WithComments")
    if c14n.startswith(EXCLUSIVE):
        return etree.tostring(element, method="c14n", exclusive=True, with_comments=with_comments)
    context = {prefix: uri for prefix, uri in root.nsmap.items() if prefix is not None}
    apex = etree.Element(element.tag, nsmap={None: DSIG, **context})
    for name, value in root.attrib.items():
        # C14N 1.1 never inherits xml:id; the other xml: attributes come along.
        if name.startswith(_XML) and not (c14n.startswith(C14N11) and name == _XML + "id"):
            apex.set(name, value)
    apex.text = element.text
    apex.extend(list(element))
    return etree.tostring(
        etree.fromstring(etree.tostring(apex)), method="c14n", exclusive=False, with_comments=with_comments
    )


def sign_bytes(data: bytes, key: object, method: str) -> bytes:
    """The SignatureValue's bytes over canonical data: PKCS#1 v1.5, or r and s side by side."""
    algorithm = _HASHES[method.partition("-")[2]]()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), algorithm)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(algorithm)))
        size = (key.key_size + 7) // 8
    elif isinstance(key, dsa.DSAPrivateKey):
        r, s = decode_dss_signature(key.sign(data, algorithm))
        size = (key.private_numbers().public_numbers.parameter_numbers.q.bit_length() + 7) // 8
    else:
        raise TypeError(f"no way to sign with {type(key).__name__}")
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")
