"""How hostile documents are made: a real entry, changed before it is signed, in its signature, or after."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.factories.documents import CREATED, image, unsigned
from tests.factories.identities import Identity, make_identity
from tests.factories.signatures import EXCLUSIVE, sign_raw

Edit = Callable[[str], str]
Build = Callable[[], bytes]


@dataclass(frozen=True)
class Attack:
    """A hostile document.

    Args:
        kind: the class that docs/attacks.md counts it under.
        name: what is tried, unique.
        code: of the refusal, exactly.
        build: makes the document.
    """

    kind: str
    name: str
    code: str
    build: Build


def kept(text: str) -> str:
    """Changes nothing."""
    return text


def edit(old: str, new: str) -> Edit:
    """Replace the first occurrence of text that must be there."""

    def change(text: str) -> str:
        assert old in text, f"{old!r} is not there"
        return text.replace(old, new, 1)

    return change


def regex(pattern: str, new: str) -> Edit:
    """Replace the first match of a pattern that must be there."""

    def change(text: str) -> str:
        changed, count = re.subn(pattern, new, text, count=1, flags=re.DOTALL)
        assert count, f"{pattern!r} is not there"
        return changed

    return change


def last(xml: str) -> Edit:
    """Put XML at the end of the rdf:Description."""
    return edit("</rdf:Description>", xml + "</rdf:Description>")


def entry(
    change: Edit = kept,
    *,
    identity: Identity | None = None,
    created: str = CREATED,
    after: Edit = kept,
    **signing: object,
) -> bytes:
    """An entry with a valid signature over whatever ``change`` made of it.

    Args:
        change: edits the document before it is signed.
        after: edits the text of the finished document.
        signing: further arguments of ``sign_raw``; ``reference`` is edited before SignedInfo is
            signed, ``signature`` afterwards.
    """
    who = identity or make_identity()
    method = "rsa-sha256" if "RSA" in type(who.key).__name__ else "ecdsa-sha256"
    options = {"method": method, "digest": "sha256", "c14n": EXCLUSIVE, **signing}
    return after(sign_raw(unsigned(image(), who, created, hook=change), who, **options).decode()).encode()


def shown_with(ders: Sequence[bytes], key: object = None, change: Edit = kept, **signing: object) -> bytes:
    """An entry signed with a key, beside certificates given as bytes."""
    who = make_identity()
    listed = "".join(f"<X509Certificate>{encode(der)}</X509Certificate>" for der in ders)
    return entry(
        change,
        identity=Identity(who.certificate, key or who.key, who.email),
        certificates=(),
        signature=edit("<X509Data></X509Data>", f"<X509Data>{listed}</X509Data>"),
        **signing,
    )


def encode(data: bytes) -> str:
    """Base64 text."""
    return base64.b64encode(data).decode()


def signature_of(data: bytes) -> bytes:
    """The ds:Signature element of a document that was made here."""
    match = re.search(rb"<Signature .*</Signature>", data, re.DOTALL)
    assert match is not None
    return match[0]


def description_of(data: bytes) -> bytes:
    """The rdf:Description element of a document that was made here."""
    match = re.search(rb"<rdf:Description.*</rdf:Description>", data, re.DOTALL)
    assert match is not None
    return match[0]


def root_of(data: bytes) -> tuple[bytes, bytes]:
    """The start tag of the root, and the whole root element."""
    match = re.search(rb"(<rdf:RDF[^>]*>).*</rdf:RDF>", data, re.DOTALL)
    assert match is not None
    return match[1], match[0]
