"""Looking at a whole document, signed or not yet."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from validators.canonical import canonicalize_document
from validators.constraints import parse_content
from validators.document import Endorser, Metadata
from validators.endorsing import endorse
from validators.errors import RefusedError
from validators.lint.advice import advise
from validators.lint.findings import FileFacts, Level, Linted, LintFinding
from validators.parser import parse_document, parse_trusted
from validators.pipeline import accept
from validators.rdf import verify_rdf
from validators.signature_shape import EXCLUSIVE
from validators.signing_errors import DraftError
from validators.vocabulary import ds

#: Stands for the endorser while there is none, so that the rest of a draft can be proved.
_NOBODY: Final = Endorser("nobody@example.org", "CN=nobody", "CN=nobody")


def lint(
    document: bytes, now: datetime, file: FileFacts | None = None, previous: Metadata | None = None
) -> Linted:
    """Look at a draft or a signed entry; never raises for bad input.

    Args:
        document: anything.
        now, file, previous: those of ``advise``.
    """
    signed = True
    try:
        root = parse_document(document)
        signed = root.find(ds("Signature")) is not None
        metadata = accept(document).metadata if signed else verify_draft(document, now)
    except RefusedError as refusal:
        found = LintFinding(refusal.code, Level.ERROR, refusal.element, refusal.message)
    except DraftError as error:
        found = LintFinding(error.code, Level.ERROR, "rdf:RDF", error.message)
    else:
        return Linted(signed, metadata, advise(metadata, now, file, previous))
    return Linted(signed, None, (found,))


def verify_draft(document: bytes, now: datetime) -> Metadata:
    """Prove of a document without a signature that acceptance will take what it says.

    Args:
        now: stands for the time of the endorsement.

    Raises:
        DraftError: it is no metadata.
        RefusedError: acceptance would refuse it (steps 1, 4 and 6).
    """
    root = parse_document(document)
    endorse(root, _NOBODY, now)
    content = canonicalize_document(root, EXCLUSIVE)
    signed = parse_trusted(content)
    said = parse_content(signed)
    verify_rdf(content, signed, extended=bool(said.metadata.extensions))
    return said.metadata
