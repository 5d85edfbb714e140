"""Drafts of an endorser's next statement about an image, made from the last one.

A signed entry never changes. What changes is what its endorser says next: the
same with another date, or that it is not to be used any more. The result has no
signature; ``signing.sign`` makes the new one, at a new time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lxml import etree

from validators.document import format_time
from validators.editing import set_leaf
from validators.endorsing import strip_signatures
from validators.parser import parse_trusted
from validators.prescan import verify_prescan
from validators.signing_errors import DraftError
from validators.vocabulary import DEPRECATED, VALID

if TYPE_CHECKING:
    from lxml.etree import _Element


def unsigned(document: bytes) -> bytes:
    """The document without its signature, as people compare it.

    Raises:
        DraftError: it is no metadata.
        RefusedError: it cannot be read safely.
    """
    root, _ = _parse(document)
    return _write(root)


def with_valid(document: bytes, until: datetime) -> bytes:
    """A draft that says the same and expires at another time.

    Args:
        until: aware, cut to whole seconds.

    Raises:
        DraftError, RefusedError: as of ``unsigned``.
    """
    root, description = _parse(document)
    set_leaf(description, VALID, "dcterms", format_time(until.astimezone(UTC)))
    return _write(root)


def with_deprecated(document: bytes, reason: str) -> bytes:
    """A draft that says the same, and that the image is not to be used any more.

    Raises:
        DraftError: the document is no metadata, or XML cannot hold the reason.
        RefusedError: it cannot be read safely.
    """
    root, description = _parse(document)
    try:
        set_leaf(description, DEPRECATED, "slterms", reason)
    except ValueError:
        raise DraftError("the reason has characters that XML cannot hold") from None
    return _write(root)


def _parse(document: bytes) -> tuple[_Element, _Element]:
    verify_prescan(document)
    root = parse_trusted(document)
    return root, strip_signatures(root)


def _write(root: _Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"
