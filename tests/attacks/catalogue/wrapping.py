"""Signature wrapping: what was signed moves aside, and other content takes its place; and duplicate ids."""

from __future__ import annotations

from tests.attacks.forging import (
    Attack,
    Build,
    description_of,
    edit,
    entry,
    root_of,
    signature_of,
)

WRAPPING = "wrapping 1-8"
IDS = "duplicate ids"


def _wrapped(build) -> Build:
    """Call ``build`` with: start tag, evil description, signature, signed root, signed description."""

    def make() -> bytes:
        data = entry()
        start, root = root_of(data)
        signature, description = signature_of(data), description_of(data)
        evil = description.replace(b"A demo image", b"Another image")
        return build(start, evil, signature, root.replace(signature, b""), description)

    return make


END = b"</rdf:RDF>"


def _into(signature: bytes, before: bytes, what: bytes) -> bytes:
    assert before in signature
    return signature.replace(before, what + before, 1)


_FORMS: list[tuple[str, str, object]] = [
    (
        "1: around the whole signed root",
        "signature.place",
        lambda s, e, g, r, d: s + e + _into(r, END, g) + END,
    ),
    (
        "2: signed root in an object of the signature",
        "signature.child",
        lambda s, e, g, r, d: s + e + _into(g, b"</Signature>", b"<Object>" + r + b"</Object>") + END,
    ),
    (
        "3: evil description before the signed one",
        "signature.digest",
        lambda s, e, g, r, d: s + e + d + g + END,
    ),
    (
        "4: evil description behind the signed one",
        "signature.digest",
        lambda s, e, g, r, d: s + d + e + g + END,
    ),
    (
        "5: evil description inside the signed one",
        "signature.digest",
        lambda s, e, g, r, d: s + _into(d, b"</rdf:Description>", e) + g + END,
    ),
    (
        "6: signed root in a wrapper beside the signature",
        "signature.digest",
        lambda s, e, g, r, d: s + e + b"<w xmlns='urn:w'>" + r + b"</w>" + g + END,
    ),
    (
        "7: another root around everything",
        "signature.place",
        lambda s, e, g, r, d: b"<w xmlns='urn:w'>" + _into(r, END, g) + b"</w>",
    ),
    (
        "8: signed root in KeyInfo",
        "signature.key-info",
        lambda s, e, g, r, d: s + e + _into(g, b"<X509Data>", r) + END,
    ),
    (
        "signed root in X509Data",
        "signature.key-info",
        lambda s, e, g, r, d: s + e + _into(g, b"</X509Data>", r) + END,
    ),
    (
        "signed description inside the evil one",
        "signature.digest",
        lambda s, e, g, r, d: s + _into(e, b"</rdf:Description>", d) + g + END,
    ),
    (
        "signed description in SignedInfo",
        "signature.child",
        lambda s, e, g, r, d: s + e + _into(g, b"</SignedInfo>", d) + END,
    ),
    (
        "signed description in SignatureValue",
        "signature.child",
        lambda s, e, g, r, d: s + e + _into(g, b"</SignatureValue>", d) + END,
    ),
    (
        "signature in the evil description, signed one beside it",
        "signature.place",
        lambda s, e, g, r, d: s + _into(e, b"</rdf:Description>", g) + d + END,
    ),
    (
        "signature inside its own description",
        "signature.place",
        lambda s, e, g, r, d: s + _into(d, b"</rdf:Description>", g) + END,
    ),
    ("signed root behind the root", "parse.outside-root", lambda s, e, g, r, d: s + e + g + END + r),
    ("signed root in front of the root", "parse.outside-root", lambda s, e, g, r, d: r + s + e + g + END),
    (
        "signed root in a comment behind the evil one",
        "signature.digest",
        lambda s, e, g, r, d: s + e + g + END + b"<!--" + r.replace(b"--", b"- -") + b"-->",
    ),
    (
        "signed root in CDATA",
        "signature.digest",
        lambda s, e, g, r, d: s + e + b"<![CDATA[" + r + b"]]>" + g + END,
    ),
    ("root inside the root", "signature.place", lambda s, e, g, r, d: s + s + d + g + END + END),
    (
        "evil root with the default namespace, signed one behind it",
        "signature.digest",
        lambda s, e, g, r, d: (
            s
            + e.replace(
                b"rdf:Description ", b'Description xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#" ', 1
            ).replace(b"</rdf:Description>", b"</Description>")
            + d
            + g
            + END
        ),
    ),
]


def _signed(change) -> Build:
    """Also whoever has a key cannot have two descriptions, or content beside the one."""
    return lambda: entry(change)


_EVIL = (
    '<rdf:Description rdf:about="#AAAAAAAAAAAAAAAAAAAAAAAAAAA">'
    "<dcterms:title>x</dcterms:title></rdf:Description>"
)

ATTACKS = [
    *(Attack(WRAPPING, f"wrapping {name}", code, _wrapped(build)) for name, code, build in _FORMS),
    Attack(
        WRAPPING,
        "signed: two descriptions",
        "shape.description",
        _signed(edit("</rdf:RDF>", _EVIL + "</rdf:RDF>")),
    ),
    Attack(
        WRAPPING,
        "signed: no description",
        "shape.description",
        _signed(lambda text: text[: text.index("<rdf:Desc")] + "</rdf:RDF>"),
    ),
    Attack(
        WRAPPING,
        "signed: element beside the description",
        "shape.element",
        _signed(edit("</rdf:RDF>", '<x:a xmlns:x="urn:x#"/></rdf:RDF>')),
    ),
    Attack(
        WRAPPING,
        "signed: text beside the description",
        "shape.text",
        _signed(edit("</rdf:RDF>", "x</rdf:RDF>")),
    ),
    Attack(
        WRAPPING,
        "signed: another root",
        "shape.root",
        _signed(lambda text: text.replace("rdf:RDF", "rdf:Bag")),
    ),
    Attack(
        WRAPPING,
        "signed: root in another namespace",
        "shape.root",
        _signed(
            lambda text: text.replace("<rdf:RDF ", '<q:RDF xmlns:q="urn:q" ').replace(
                "</rdf:RDF>", "</q:RDF>"
            )
        ),
    ),
    Attack(
        IDS,
        "root and wrapper with the same xml:id",
        "signature.digest",
        _wrapped(
            lambda s, e, g, r, d: (
                s.replace(b" xml:base", b' xml:id="x" xml:base')
                + e
                + b"<w xmlns='urn:w' xml:id='x'>"
                + r
                + b"</w>"
                + g
                + END
            )
        ),
    ),
    Attack(
        IDS,
        "reference to an id that is there twice",
        "signature.reference",
        lambda: entry(
            lambda text: text.replace(" xml:base", ' xml:id="x" xml:base', 1),
            reference=edit('URI=""', 'URI="#x"'),
        ),
    ),
    Attack(
        IDS,
        "Id on the description",
        "shape.attribute",
        _signed(edit("<rdf:Description ", '<rdf:Description Id="x" ')),
    ),
    Attack(IDS, "ID on the root", "shape.root", _signed(edit("<rdf:RDF ", '<rdf:RDF ID="x" '))),
    Attack(
        IDS,
        "an xml:id that is no name",
        "signature.digest",
        lambda: entry(after=edit("<rdf:Description ", '<rdf:Description xml:id="1 2" ')),
    ),
    Attack(
        IDS,
        "ID twice on one element",
        "parse.not-well-formed",
        lambda: entry(after=edit("<rdf:Description ", '<rdf:Description ID="x" ID="x" ')),
    ),
]
