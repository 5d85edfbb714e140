"""Acceptance: the numbered steps of the format, each in a module of its own.

``accept`` is a pure function of the bytes: no clock, no configuration, no arrival
order. Every marketplace that runs it keeps the same set of entries.
"""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from validators.canonical import remove_child
from validators.constraints import Content, parse_content
from validators.document import AcceptedEntry, Signer
from validators.errors import RefusedError
from validators.identity import verify_endorser
from validators.parser import parse_nodes, parse_trusted
from validators.rdf import verify_rdf
from validators.signature import SignedContent, verify_signature
from validators.signature_shape import get_signature, parse_signature


def accept(data: bytes) -> AcceptedEntry:
    """Prove an entry (FORMAT, steps 1-6).

    Args:
        data: the received bytes, at most 1 MiB; anything.

    Raises:
        RefusedError: the entry breaks a rule; the subclass, its code and its step name it. It holds
            nothing of the document but what its message shows.
    """
    try:
        return _accept(data)
    except RefusedError as error:
        refusal = error.released()
    try:
        raise refusal
    finally:
        # The frame is in the traceback of the refusal from here on: together they would be a cycle.
        del refusal


def read_accepted(data: bytes) -> Content:
    """What an entry says that was accepted before and is stored: nothing is proved again.

    Args:
        data: the bytes that ``accept`` took.

    Raises:
        RefusedError: they are not those bytes any more.
    """
    root = parse_trusted(data)
    # What the signature covers is the document without the signature, and without comments.
    remove_child(root, get_signature(root))
    etree.strip_tags(root, etree.Comment)
    return parse_content(root)


def _accept(data: bytes) -> AcceptedEntry:
    # 1. Parse safely. The nodes are kept because step 2 looks at many of them again.
    nodes = parse_nodes(data)
    root = nodes[0]
    # 2. The signature has the shape of the format.
    block = parse_signature(root)
    # 3. The signature holds. From here on only what it covers is read.
    signed = verify_signature(root, block)
    # 4. Shape and constraints of the signed content.
    content = parse_content(signed.root)
    # 5. The endorser is the certificate's holder.
    endorser = verify_endorser(content.endorser, signed.certificate)
    # 6. The signed content is RDF.
    verify_rdf(signed.content, signed.root, extended=bool(content.metadata.extensions))
    return AcceptedEntry(
        data=data,
        entry_id=signed.entry_id,
        statement=signed.statement,
        identifier=content.identifier,
        created=content.created,
        endorser=endorser,
        signer=_signer(signed),
        strength=signed.strength,
        signature_algorithm=signed.signature_algorithm,
        digest_algorithm=signed.digest_algorithm,
        metadata=content.metadata,
    )


def _signer(signed: SignedContent) -> Signer:
    signer = signed.certificate.signer
    return replace(signer, intermediates=signed.others) if signed.others else signer
