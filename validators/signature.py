"""Step 3: the signature holds, and what it covers becomes a document of its own.

Nothing behind this step sees the received document again: values are read from a
tree that was parsed from the very bytes that were digested, so no difference
between the tree that was checked and the tree that was signed can matter.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from validators.algorithms import (
    get_digest_method,
    get_signature_method,
    judge_strength,
    verify_signature_value,
)
from validators.canonical import canonicalize_document, canonicalize_signed_info, remove_child
from validators.certificates import SignerCertificate, parse_signer, verify_other
from validators.document import Strength
from validators.errors import DigestError
from validators.parser import parse_trusted
from validators.signature_shape import EXCLUSIVE, SignatureBlock

if TYPE_CHECKING:
    from lxml.etree import _Element


class SignedContent(NamedTuple):
    """What a verified signature covers, and what is known of it.

    Args:
        content: the digested bytes: the canonical document without its signature.
        root: parsed from ``content``.
        signature_algorithm: short name, ``rsa-sha256``.
        digest_algorithm: short name, ``sha256``.
    """

    content: bytes
    root: _Element
    certificate: SignerCertificate
    others: tuple[bytes, ...]
    strength: Strength
    signature_algorithm: str
    digest_algorithm: str
    entry_id: str
    statement: str


def verify_signature(root: _Element, block: SignatureBlock) -> SignedContent:
    """Verify the signature of a document with the key of its first certificate.

    Args:
        root: the received document; the signature is taken out of it.
        block: its signature.

    Raises:
        SignatureStepError: the subclass names the rule (FORMAT, step 3).
    """
    method = get_signature_method(block.signature_method)
    digest_name = get_digest_method(block.digest_method)
    certificate = parse_signer(block.certificates[0])
    others = tuple(map(verify_other, block.certificates[1:]))
    signed = canonicalize_signed_info(block.signed_info, block.canonicalization)
    verify_signature_value(certificate.key, method, block.value, signed)
    remove_child(root, block.element)
    content = canonicalize_document(root, block.content_canonicalization)
    digest = hashlib.new(digest_name, content)
    if digest.digest() != block.digest:
        raise DigestError(
            "ds:DigestValue",
            block.digest.hex(),
            "the digest of this document: it was changed after it was signed",
        )
    signed_root = parse_trusted(content)
    if not block.content_canonicalization.exclusive:
        named = hashlib.sha256(canonicalize_document(signed_root, EXCLUSIVE))
    else:
        # Exclusive C14N of its own result is that result.
        named = digest if digest_name == "sha256" else hashlib.sha256(content)
    return SignedContent(
        content=content,
        root=signed_root,
        certificate=certificate,
        others=others,
        strength=judge_strength(method, digest_name, certificate),
        signature_algorithm=method.name,
        digest_algorithm=digest_name,
        entry_id=_digest_with(named, certificate.fingerprint),
        statement=_digest_with(named, certificate.key_fingerprint),
    )


def _digest_with(content: hashlib._Hash, fingerprint: bytes) -> str:
    """The digest of content and a fingerprint behind it, in hex."""
    digest = content.copy()
    digest.update(fingerprint)
    return digest.hexdigest()
