"""Something in a finished entry is changed, added, taken out or exchanged."""

from __future__ import annotations

import base64
import re

from tests.attacks.forging import Attack, Build, edit, encode, entry, regex, signature_of
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from validators.signature_shape import EXCLUSIVE

KIND = "tampering"


def _after(old: str, new: str) -> Build:
    return lambda: entry(after=edit(old, new))


def _value(change) -> Build:
    """The SignatureValue's bytes are changed."""

    def build() -> bytes:
        def spell(match: re.Match[str]) -> str:
            return f"<SignatureValue>{encode(change(base64.b64decode(match[1])))}</SignatureValue>"

        return re.sub(r"<SignatureValue>(.*?)</SignatureValue>", spell, entry().decode()).encode()

    return build


def _exchanged() -> bytes:
    """The whole signature of another entry by the same endorser."""
    first, second = signed(image(content="one")), signed(image(content="two"))
    pattern = re.compile(rb"<(?:\w+:)?Signature\b.*</(?:\w+:)?Signature>", re.DOTALL)
    return pattern.sub(lambda _: pattern.search(second)[0], first)


def _moved_signature() -> bytes:
    """A signature from a document that has another root."""
    return entry(after=lambda text: text.replace('xml:base="http', 'xml:lang="en" xml:base="http', 1))


_VALUES = {
    "signature value empty": lambda value: b"",
    "signature value one bit off": lambda value: value[:-1] + bytes([value[-1] ^ 1]),
    "signature value cut by a byte": lambda value: value[:-1],
    "signature value with a byte more": lambda value: value + b"\0",
    "signature value with r = 0": lambda value: bytes(32) + value[32:],
    "signature value with s = 0": lambda value: value[:32] + bytes(32),
    "signature value with r = s = 0": lambda value: bytes(64),
    "signature value with r and s as large as they get": lambda value: b"\xff" * 64,
    "signature value with r and s exchanged": lambda value: value[32:] + value[:32],
    "signature value as ASN.1": lambda value: b"\x30\x44\x02\x20" + value[:32] + b"\x02\x20" + value[32:],
    "signature value with two numbers of 33 bytes": (lambda value: b"\0" + value[:32] + b"\0" + value[32:]),
}

ATTACKS = [
    Attack(KIND, "title changed", "signature.digest", _after("A demo image", "B demo image")),
    Attack(KIND, "e-mail changed", "signature.digest", _after("jane.tester@", "joan.tester@")),
    Attack(KIND, "time changed", "signature.digest", _after("2024-05-01T12", "2024-05-02T12")),
    Attack(KIND, "location changed", "signature.digest", _after("images.example.org", "images.example.com")),
    Attack(KIND, "size changed", "signature.digest", _after(">1073741824<", ">1073741825<")),
    Attack(
        KIND,
        "deprecation added",
        "signature.digest",
        _after("<slterms:kind>", "<slterms:deprecated/><slterms:kind>"),
    ),
    Attack(
        KIND,
        "element taken out",
        "signature.digest",
        lambda: entry(after=regex("<dcterms:creator>.*?</dcterms:creator>", "")),
    ),
    Attack(
        KIND,
        "elements exchanged",
        "signature.digest",
        lambda: entry(
            after=regex(
                r"(<dcterms:title>.*?</dcterms:title>)(.*?)(<dcterms:creator>.*?</dcterms:creator>)",
                r"\3\2\1",
            )
        ),
    ),
    Attack(
        KIND,
        "attribute added",
        "signature.digest",
        _after("<dcterms:title>", '<dcterms:title xml:lang="de">'),
    ),
    Attack(
        KIND, "white space added", "signature.digest", _after("</rdf:Description>\n", "</rdf:Description>\n ")
    ),
    Attack(
        KIND,
        "white space added behind the signature",
        "signature.digest",
        _after("</Signature>", "</Signature> "),
    ),
    Attack(
        KIND, "white space inside a value", "signature.digest", _after(">A demo image<", "> A demo image<")
    ),
    Attack(
        KIND,
        "carriage return as a reference",
        "signature.digest",
        _after("A demo image", "A demo&#13; image"),
    ),
    Attack(
        KIND,
        "processing instruction added",
        "signature.digest",
        _after("</rdf:Description>", "<?render no?></rdf:Description>"),
    ),
    Attack(
        KIND,
        "prefix of a namespace changed",
        "signature.digest",
        lambda: entry(
            after=lambda text: text.replace("slterms:", "st:").replace("xmlns:slterms", "xmlns:st")
        ),
    ),
    Attack(
        KIND,
        "namespace changed",
        "signature.digest",
        _after("http://mp.stratuslab.eu/slterms#", "http://mp.stratuslab.eu/slterms2#"),
    ),
    Attack(KIND, "context of the root changed", "signature.digest", _moved_signature),
    Attack(
        KIND,
        "digest changed",
        "signature.value",
        lambda: entry(
            after=regex("<DigestValue>.*</DigestValue>", f"<DigestValue>{'A' * 43}=</DigestValue>")
        ),
    ),
    Attack(KIND, "digest of the changed document", "signature.value", lambda: _digested()),
    Attack(KIND, "signature of another entry", "signature.digest", _exchanged),
    Attack(
        KIND,
        "canonicalisation changed",
        "signature.value",
        _after(
            '<CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>',
            '<CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#WithComments"/>',
        ),
    ),
    Attack(
        KIND,
        "key of another certificate",
        "signature.value",
        lambda: entry(certificates=[make_identity("Joan Tester", "joan.tester@example.org").certificate]),
    ),
    *(Attack(KIND, name, "signature.value", _value(change)) for name, change in _VALUES.items()),
]


def _digested() -> bytes:
    """The title and the digest are changed together, as who has no key would."""
    import hashlib

    from validators.canonical import canonicalize_document, remove_child
    from validators.parser import parse_document

    data = entry(after=edit("A demo image", "B demo image"))
    root = parse_document(data)
    element = root.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
    remove_child(root, element)
    digest = encode(hashlib.sha256(canonicalize_document(root, EXCLUSIVE)).digest())
    assert signature_of(data)
    return regex("<DigestValue>.*</DigestValue>", f"<DigestValue>{digest}</DigestValue>")(
        data.decode()
    ).encode()
