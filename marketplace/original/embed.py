"""Finding the root element's own bytes inside a stored document.

An entry placed in a list must still verify when it is cut out again, so its
bytes are copied, never rewritten. Acceptance allows only a byte order mark, an
XML declaration, white space and comments outside the root, and a signature with
``URI=""`` covers none of those (XML-Signature 1.1, section 4.4.3.3).
"""

from __future__ import annotations

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"


def root_bytes(document: bytes) -> bytes:
    """The bytes from the root's ``<`` to the ``>`` that closes it.

    Args:
        document: a document that acceptance took; well-formed, UTF-8, no DOCTYPE.

    Raises:
        ValueError: what is outside the root is not what acceptance allows.
    """
    found = document[_root_start(document) : _root_end(document)]
    if not (found.startswith(b"<") and found.endswith(b">")):
        raise ValueError("the document has no root element where one is expected")
    return found


def _root_start(document: bytes) -> int:
    at = len(_BOM) if document.startswith(_BOM) else 0
    if document.startswith(b"<?xml", at):
        at = _behind(document, b"?>", at)
    while True:
        while document[at : at + 1] in (b" ", b"\t", b"\r", b"\n"):
            at += 1
        if not document.startswith(b"<!--", at):
            break
        at = _behind(document, b"-->", at + 4)
    if document[at : at + 2] in (b"<!", b"<?"):
        raise ValueError("the document has markup in front of its root")
    return at


def _root_end(document: bytes) -> int:
    end = len(document.rstrip(_SPACE))
    # A comment holds no "--" (XML 1.0, section 2.5), so the last "<!--" in front of its "-->" opens it.
    while document.endswith(b"-->", 0, end):
        end = len(document[: document.rindex(b"<!--", 0, end - 3)].rstrip(_SPACE))
    return end


def _behind(document: bytes, mark: bytes, at: int) -> int:
    return document.index(mark, at) + len(mark)
