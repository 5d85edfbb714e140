"""Drafts of an endorser's next statement about an image, made from the last one.

A signed entry never changes. What changes is what its endorser says next: the
same with another date, or that it is not to be used any more. The result has no
signature; ``signing.sign`` makes the new one, at a new time.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lxml import etree

from validators.document import format_time
from validators.editing import append_leaf, remove_element, set_leaf
from validators.endorsing import strip_signatures
from validators.parser import parse_trusted
from validators.prescan import verify_prescan
from validators.signing_errors import DraftError
from validators.vocabulary import ALTERNATIVE, DEPRECATED, ENDORSEMENT, REPLACED_BY, VALID, prefixed

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


def changes_between(before: bytes, after: bytes) -> list[str]:
    """What another draft says otherwise, a line for each value: ``- dcterms:valid ...``, ``+ ...``.

    Raises:
        DraftError, RefusedError: as of ``unsigned``.
    """
    old, new = _values(before), _values(after)
    return [f"- {one}" for one in (old - new).elements()] + [f"+ {one}" for one in (new - old).elements()]


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


def with_deprecated(document: bytes, reason: str, replaced_by: str | None = None) -> bytes:
    """A draft that says the same, and that the image is not to be used any more.

    Args:
        replaced_by: identifier of the image to use instead.

    Raises:
        DraftError: the document is no metadata, or XML cannot hold the reason.
        RefusedError: it cannot be read safely.
    """
    root, description = _parse(document)
    try:
        set_leaf(description, DEPRECATED, "slterms", reason)
    except ValueError:
        raise DraftError("the reason has characters that XML cannot hold") from None
    if replaced_by is not None:
        set_leaf(description, REPLACED_BY, "dcterms", replaced_by)
    return _write(root)


def without_deprecated(document: bytes) -> bytes:
    """A draft that says the same, but neither that the image is withdrawn nor what replaces it.

    Raises:
        DraftError, RefusedError: as of ``unsigned``.
    """
    root, description = _parse(document)
    for name in (DEPRECATED, REPLACED_BY):
        for element in description.findall(name):
            remove_element(description, element)
    return _write(root)


def with_tag(document: bytes, tag: str) -> bytes:
    """A draft that says the same and carries one more tag.

    Raises:
        DraftError: the document is no metadata, or XML cannot hold the tag.
        RefusedError: it cannot be read safely.
    """
    root, description = _parse(document)
    try:
        append_leaf(description, ALTERNATIVE, "dcterms", tag)
    except ValueError:
        raise DraftError("the tag has characters that XML cannot hold") from None
    return _write(root)


def without_tag(document: bytes, tag: str) -> bytes:
    """A draft that says the same without a tag.

    Raises:
        DraftError, RefusedError: as of ``unsigned``.
    """
    root, description = _parse(document)
    for element in description.findall(ALTERNATIVE):
        if (element.text or "") == tag:
            remove_element(description, element)
    return _write(root)


def _values(document: bytes) -> Counter[str]:
    _, description = _parse(document)
    # The endorsement is made anew by signing.
    elements = (one for one in description if isinstance(one.tag, str) and one.tag != ENDORSEMENT)
    return Counter(f"{prefixed(str(one.tag))} {_text_of(one)}" for one in elements)


def _text_of(element: _Element) -> str:
    text = etree.tostring(element, method="text", encoding="unicode", with_tail=False)
    return " ".join(str(text).split())


def _parse(document: bytes) -> tuple[_Element, _Element]:
    verify_prescan(document)
    root = parse_trusted(document)
    return root, strip_signatures(root)


def _write(root: _Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"
