"""Odd documents that are entries all the same: what takes them in must show and keep them without a fault."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.attacks.certificates import (
    ALTERNATIVE_NAME,
    RSA_PSS_SHA256,
    RSA_SHA256,
    certificate,
    emails,
    extension,
    own,
    sequence,
    signer,
    spki,
    tlv,
)
from tests.attacks.forging import Edit, edit, entry, last, regex, shown_with
from tests.factories.identities import make_identity

_EMAIL = "jane.tester@example.org"
_ROOM = "x" * 65_000
_QUOTES = '"' * 15_000


#: Makes a document with the given time of endorsement, so that each can have coordinates of its own.
Build = Callable[[str], bytes]


def _changed(change: Edit) -> Build:
    return lambda created: entry(change, created=created)


def _created(text: str) -> Build:
    return lambda _: entry(created=text)


def _self_signed_with_pss(created: str) -> bytes:
    key = make_identity(key="rsa2048").key

    def sign(inner: bytes) -> bytes:
        return key.sign(inner, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())

    return shown_with(
        [certificate(sign, spki(key), algorithm=RSA_PSS_SHA256)], key, method="rsa-sha256", created=created
    )


def _exponent_3(created: str) -> bytes:
    key = rsa.generate_private_key(3, 2048)  # old keys are like that
    der = certificate(signer(key), spki(key), algorithm=RSA_SHA256)
    return shown_with([der], key, method="rsa-sha256", created=created)


def _valid(begin: bytes, end: bytes) -> Build:
    return lambda created: shown_with([own(validity=sequence(begin, end))], created=created)


#: Builders by name.
ODD: dict[str, Build] = {
    "created in the year 1": _created("0001-01-01T00:00:00Z"),
    "created at the end of time": _created("9999-12-31T23:59:59Z"),
    "valid until the year 1": _changed(last("<dcterms:valid>0001-01-01T00:00:00Z</dcterms:valid>")),
    "valid until the end of time": _changed(last("<dcterms:valid>9999-12-31T23:59:59Z</dcterms:valid>")),
    "as large as there is": _changed(edit(">1073741824<", f">{2**63 - 1}<")),
    "a size with many zeros in front": _changed(edit(">1073741824<", f">{'0' * 60_000}1<")),
    "a long title": _changed(edit("A demo image", _ROOM)),
    "a title of invisible characters": _changed(edit("A demo image", "\u202e\u200b\u0085\u2028\ufeff")),
    "a title of carriage returns": _changed(edit("A demo image", "&#13;&#10;&#9;")),
    "a title of markup": _changed(edit("A demo image", "&lt;script&gt;alert(1)&lt;/script&gt;")),
    "a title outside the first plane": _changed(edit("A demo image", "\U0001f600\U0010fffd")),
    "an empty title and type": _changed(
        lambda text: regex("<dcterms:type>[^<]*<", "<dcterms:type><")(text).replace("A demo image", "")
    ),
    "a location that is a path": _changed(edit("http://images.example.org/", "file:///../../etc/")),
    "a location that is a script": _changed(edit("http://images.example.org/", "javascript:alert(1)//")),
    "a location that is no URI": _changed(edit("http://images.example.org/", "\u2028 http://[")),
    "a tag that is a path": _changed(last("<dcterms:alternative>../../etc/passwd</dcterms:alternative>")),
    "a thousand tags": _changed(
        last("".join(f"<dcterms:alternative>tag {n}</dcterms:alternative>" for n in range(1_000)))
    ),
    "many instructions": _changed(last("<?a?>" * 1_900)),
    "a deep literal": _changed(
        last('<x:a xmlns:x="urn:x#" rdf:parseType="Literal">' + "<b>" * 28 + "</b>" * 28 + "</x:a>")
    ),
    "quotes that grow six times": _changed(
        last(
            '<x:a xmlns:x="urn:x#" rdf:parseType="Literal"><b'
            + "".join(f" a{n}='{_QUOTES}'" for n in range(60))
            + "/></x:a>"
        )
    ),
    "certificate of the year 1950": _valid(b"\x17\x0d500101000000Z", b"\x18\x0f99991231235959Z"),
    "certificate that ends before it begins": _valid(b"\x17\x0d490101000000Z", b"\x17\x0d100101000000Z"),
    "certificate that begins at the end of time": _valid(
        b"\x18\x0f99991231235959Z", b"\x18\x0f99991231235959Z"
    ),
    "certificate with serial number 0": lambda created: shown_with(
        [own(serial=b"\x02\x01\0")], created=created
    ),
    "certificate with a negative serial number": lambda created: shown_with(
        [own(serial=b"\x02\x01\xff")], created=created
    ),
    "certificate with a long serial number": lambda created: shown_with(
        [own(serial=tlv(2, b"\1" * 40_000))], created=created
    ),
    "certificate of version 1": lambda created: shown_with([own(version=b"")], created=created),
    "certificate with 1 800 addresses": lambda created: shown_with(
        [own(extensions=[emails(*[_EMAIL.encode()] * 1_800)])], created=created
    ),
    "certificate with an empty alternative name": lambda created: shown_with(
        [own(extensions=[extension(ALTERNATIVE_NAME, sequence())])], created=created
    ),
    "certificate that signed itself with PSS": _self_signed_with_pss,
    "key with exponent 3": _exponent_3,
    "five certificates, four of nothing": lambda created: shown_with(
        [own(), *[b"\x30\0"] * 4], created=created
    ),
}
