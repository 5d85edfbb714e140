"""The signature covers something else than the document: references, transforms, several signatures."""

from __future__ import annotations

from tests.attacks.forging import Attack, edit, entry, last, regex, signature_of
from tests.factories.signatures import C14N, DSIG, ENVELOPED, EXCLUSIVE

REFERENCE = "references to a subset, object, manifest or remote document"
TRANSFORM = "transforms"
SEVERAL = "several signatures"

_URIS = {
    "subset by id": "#x",
    "subset by XPointer": "#xpointer(/rdf:RDF/rdf:Description[2])",
    "subset by XPointer id": "#xpointer(id('x'))",
    "whole document with comments": "#xpointer(/)",
    "remote document": "http://example.org/entry.xml",
    "remote document by TLS": "https://127.0.0.1:1/entry.xml",
    "local file": "file:///etc/passwd",
    "relative file": "../../entry.xml",
    "white space": " ",
    "fragment of nothing": "#",
    "data URI": "data:text/xml,%3Ca/%3E",
    "XPath in the address": "?x=/rdf:RDF",
}


def _refers(new: str):
    return lambda: entry(reference=edit('URI=""', new))


_TRANSFORMS = {
    "no transform": (),
    "no enveloped signature": (EXCLUSIVE,),
    "canonical before enveloped": (EXCLUSIVE, ENVELOPED),
    "enveloped twice": (ENVELOPED, ENVELOPED),
    "two canonicalisations": (ENVELOPED, EXCLUSIVE, C14N),
    "XPath": (ENVELOPED, "http://www.w3.org/TR/1999/REC-xpath-19991116"),
    "XPath before enveloped": ("http://www.w3.org/TR/1999/REC-xpath-19991116", ENVELOPED),
    "XPath filter 2": (ENVELOPED, "http://www.w3.org/2002/06/xmldsig-filter2"),
    "XPointer": (ENVELOPED, "http://www.w3.org/2001/04/xmldsig-more/xptr"),
    "XSLT": (ENVELOPED, "http://www.w3.org/TR/1999/REC-xslt-19991116"),
    "base64": (ENVELOPED, DSIG + "base64"),
    "decrypt": (ENVELOPED, "http://www.w3.org/2002/07/decrypt#XML"),
    "decrypt binary": (ENVELOPED, "http://www.w3.org/2002/07/decrypt#Binary"),
    "relationship": (ENVELOPED, "http://schemas.openxmlformats.org/package/2006/RelationshipTransform"),
    "security token": (
        ENVELOPED,
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0#STR-Transform",
    ),
    "canonical 2": (ENVELOPED, "http://www.w3.org/2010/xml-c14n2"),
    "unknown": (ENVELOPED, "urn:unknown"),
    "empty": (ENVELOPED, ""),
    "enveloped in capitals": (ENVELOPED.upper(),),
    "enveloped with a space": (ENVELOPED + " ",),
    "a hundred of them": (ENVELOPED, *[EXCLUSIVE] * 100),
}
_XSLT = (
    '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">'
    '<xsl:template match="/"><xsl:copy-of select="document(\'file:///etc/passwd\')"/></xsl:template>'
    "</xsl:stylesheet>"
)
_ONE = '<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'


def _parameter(inside: str, algorithm: str = ENVELOPED):
    new = f'<Transform Algorithm="{algorithm}">{inside}</Transform>'
    return lambda: entry(reference=edit(_ONE, new))


def _twice() -> bytes:
    data = entry()
    return data.replace(signature_of(data), signature_of(data) * 2)


def _nested() -> bytes:
    """A signature around the element that holds another one."""
    inner = signature_of(entry()).decode()
    return entry(last(f'<x:a xmlns:x="urn:x#" rdf:parseType="Literal">{inner}</x:a>'))


def _counter() -> bytes:
    inner = signature_of(entry()).decode()
    return entry(signature=edit("</Signature>", f"<Object>{inner}</Object></Signature>"))


def _second_first() -> bytes:
    """An attacker's signature in front of the genuine one."""
    data = entry()
    other = signature_of(entry(edit("A demo image", "Another image")))
    return data.replace(b'eu/">', b'eu/">' + other, 1)


ATTACKS = [
    *(Attack(REFERENCE, name, "signature.reference", _refers(f'URI="{uri}"')) for name, uri in _URIS.items()),
    Attack(REFERENCE, "no URI", "signature.reference", lambda: entry(reference=edit(' URI=""', ""))),
    Attack(REFERENCE, "an id beside the URI", "signature.reference", _refers('URI="" Id="r"')),
    Attack(REFERENCE, "type Object", "signature.reference", _refers(f'URI="" Type="{DSIG}Object"')),
    Attack(REFERENCE, "type Manifest", "signature.reference", _refers(f'URI="#m" Type="{DSIG}Manifest"')),
    Attack(REFERENCE, "URI in a namespace", "signature.reference", _refers('x:URI="" xmlns:x="urn:x"')),
    Attack(
        REFERENCE,
        "an object beside it",
        "signature.child",
        lambda: entry(
            signature=edit("</Signature>", '<Object Id="x"><a xmlns="urn:x"/></Object></Signature>')
        ),
    ),
    Attack(
        REFERENCE,
        "a manifest beside it",
        "signature.child",
        lambda: entry(
            signature=edit(
                "</Signature>", '<Object><Manifest><Reference URI="#x"/></Manifest></Object></Signature>'
            )
        ),
    ),
    Attack(
        REFERENCE,
        "two references",
        "signature.child",
        lambda: entry(reference=regex("(<Reference.*</Reference>)", r"\1\1")),
    ),
    Attack(REFERENCE, "no reference", "signature.child", lambda: entry(reference=lambda text: "")),
    Attack(
        REFERENCE,
        "a thousand references",
        "signature.child",
        lambda: entry(reference=lambda text: '<Reference URI=""/>' * 1000),
    ),
    *(
        Attack(
            TRANSFORM,
            f"transform: {name}",
            "signature.transform",
            lambda given=given: entry(transforms=given),
        )
        for name, given in _TRANSFORMS.items()
    ),
    Attack(
        TRANSFORM, "XPath parameter in enveloped", "signature.child", _parameter("<XPath>false()</XPath>")
    ),
    Attack(
        TRANSFORM,
        "style sheet that reads a file",
        "signature.child",
        _parameter(_XSLT, "http://www.w3.org/TR/1999/REC-xslt-19991116"),
    ),
    Attack(
        TRANSFORM,
        "prefixes in exclusive",
        "signature.child",
        _parameter(f'<InclusiveNamespaces xmlns="{EXCLUSIVE}" PrefixList="#default rdf"/>', EXCLUSIVE),
    ),
    Attack(
        TRANSFORM,
        "element between transforms",
        "signature.child",
        lambda: entry(reference=edit("<Transforms>", '<Transforms><x xmlns="urn:x"/>')),
    ),
    Attack(
        TRANSFORM,
        "transforms left out",
        "signature.child",
        lambda: entry(reference=regex("<Transforms>.*</Transforms>", "")),
    ),
    Attack(SEVERAL, "no signature", "signature.count", lambda: entry(signature=lambda text: "")),
    Attack(SEVERAL, "the signature twice", "signature.count", _twice),
    Attack(SEVERAL, "another signature in front", "signature.count", _second_first),
    Attack(SEVERAL, "a signature in a literal", "signature.count", _nested),
    Attack(SEVERAL, "a counter signature in an object", "signature.count", _counter),
    Attack(
        SEVERAL,
        "fifty empty signatures",
        "signature.count",
        lambda: entry(signature=lambda text: text + f'<Signature xmlns="{DSIG}"/>' * 50),
    ),
    Attack(
        SEVERAL,
        "a signature in another namespace beside it",
        "shape.element",
        lambda: entry(
            edit(
                "</rdf:Description>",
                '</rdf:Description><Signature xmlns="http://www.w3.org/2000/09/xmldsig"/>',
            )
        ),
    ),
    Attack(
        SEVERAL,
        "signature in a look-alike namespace only",
        "signature.count",
        lambda: entry(signature=lambda text: text.replace(DSIG, DSIG[:-1] + "/", 1)),
    ),
    Attack(
        SEVERAL, "signature of a signature that is the root", "signature.place", lambda: signature_of(entry())
    ),
]
