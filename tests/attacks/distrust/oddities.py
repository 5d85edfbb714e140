"""Certificates that a library has no answer for: names, addresses and numbers that nobody should write.

Each was issued for real, by an authority that the signature brings along and that the site may know.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.attacks.certificates import (
    certificate,
    emails,
    extension,
    revocation_list,
    sequence,
    signer,
    spki,
    tlv,
)
from tests.attacks.distrust.forging import EMAIL, Cast, Deceit, Distrusted, der, shown
from tests.factories.identities import Identity, make_identity

ODD = "names and numbers without an answer"
COMMON_NAME = bytes.fromhex("0603550403")
EMAIL_ADDRESS = bytes.fromhex("06092a864886f70d010901")
_ALTERNATIVES = bytes.fromhex("0603551d11")
#: id-on-SmtpUTF8Mailbox of RFC 9598.
_SMTP_UTF8 = bytes.fromhex("06082b06010505070809")
_IA5, _T61, _UTF8, _BMP = 0x16, 0x14, 0x0C, 0x1E


def attribute(kind: bytes, tag: int, value: bytes) -> bytes:
    """A part of a name, whatever its bytes."""
    return tlv(0x31, sequence(kind, tlv(tag, value)))


def name(*parts: bytes) -> bytes:
    """A name in DER."""
    return sequence(*parts)


def issued(
    cast: Cast, issuer: Identity, subject: bytes, *extensions: bytes, serial: bytes = b"\x02\x01\x07"
) -> Identity:
    """An endorser whose certificate was written byte by byte."""
    holder = make_identity(cast.about, None, "p256", variant=77)
    made = certificate(
        signer(issuer.key),
        spki(holder.key),
        issuer=issuer.certificate.subject.public_bytes(),
        subject=subject,
        serial=serial,
        extensions=extensions,
    )
    return shown(made, holder.key, [issuer])


def _bounded(bounds: x509.NameConstraints, *parts: bytes, more: tuple[bytes, ...] = ()):
    """Somebody with such a subject below an authority with name constraints."""

    def build(cast: Cast) -> Deceit:
        root = cast.root()
        middle = cast.authority(root, "Bounded", extensions=[(bounds, True)])
        leaf = issued(cast, middle, name(attribute(COMMON_NAME, _UTF8, b"Eve"), *parts), *more)
        both = Identity(leaf.certificate, leaf.key, leaf.email, (middle.certificate, root.certificate))
        return Deceit(cast.entry(both), [der(root)])

    return build


def _mails(*permitted: str) -> x509.NameConstraints:
    return x509.NameConstraints([x509.RFC822Name(one) for one in permitted], None)


def _no_mails(*excluded: str) -> x509.NameConstraints:
    return x509.NameConstraints(None, [x509.RFC822Name(one) for one in excluded])


def _directories(common_name: str) -> x509.NameConstraints:
    held = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    return x509.NameConstraints([x509.DirectoryName(held)], None)


def _unicode_mailbox(address: str) -> bytes:
    other = tlv(0xA0, _SMTP_UTF8, tlv(0xA0, tlv(_UTF8, address.encode())))
    return extension(_ALTERNATIVES, sequence(other))


def _revoked(serial: bytes) -> Callable[[Cast], Deceit]:
    """Somebody with such a serial number, which the issuer's list has."""

    def build(cast: Cast) -> Deceit:
        root = cast.root()
        leaf = issued(cast, root, name(attribute(COMMON_NAME, _UTF8, b"Eve")), serial=serial)
        return Deceit(cast.entry(leaf), [der(root)], lists=[revocation_list(root, serial)])

    return build


def _odd(label: str, because: str, build: Callable[[Cast], Deceit]) -> Distrusted:
    return Distrusted(ODD, label, "untrusted-issuer", "chain", because, build)


def _in_subject(label: str, tag: int, value: bytes, because: str = "cannot be compared") -> Distrusted:
    bounds = _mails("evil.example.org")
    return _odd(
        f"{label} as the subject's address", because, _bounded(bounds, attribute(EMAIL_ADDRESS, tag, value))
    )


ATTACKS = [
    _in_subject("nothing", _IA5, b""),
    _in_subject("a word", _IA5, b"eve"),
    _in_subject("a name before it", _IA5, b"Eve <eve@evil.example.org>"),
    _in_subject("a space behind it", _IA5, b"eve@evil.example.org "),
    _in_subject("a line end", _IA5, b"eve@evil.example.org\n"),
    _in_subject("two addresses", _IA5, b"a@b.example.org,eve@evil.example.org"),
    _in_subject("a zero byte", _IA5, b"eve@example.org\x00.evil.example.org"),
    _in_subject("Latin-1", _IA5, b"\xe9ve@evil.example.org"),
    _in_subject("UTF-8", _UTF8, "\u00e9ve@evil.example.org".encode()),
    _in_subject("two bytes a letter", _BMP, "eve@evil.example.org".encode("utf-16-be")),
    _in_subject("another host", _IA5, b"eve@example.org", "is not permitted"),
    _odd(
        "Latin-1 in a name that is bound",
        "is not permitted",
        _bounded(_directories("x"), attribute(COMMON_NAME, _T61, b"eve\xe9\xff")),
    ),
    _odd(
        "no UTF-8 in a name that is bound",
        "is not permitted",
        _bounded(_directories("x"), attribute(COMMON_NAME, _UTF8, b"\xff\xfe")),
    ),
    _odd(
        "a mailbox that differs in case from the permitted one",
        "is not permitted",
        _bounded(_mails("Leaf@example.org"), more=(emails(EMAIL.encode()),)),
    ),
    _odd(
        "a mailbox in other letters from a host that is excluded",
        "cannot be compared",
        _bounded(_no_mails("example.org"), more=(_unicode_mailbox("\u00e9ve@example.org"),)),
    ),
    *(
        Distrusted(ODD, f"{label}, revoked", "revoked", "revocation", "was revoked on", _revoked(serial))
        for label, serial in (
            ("a negative serial number", b"\x02\x01\xf9"),
            ("a serial number of zero", b"\x02\x01\x00"),
            ("a serial number of 200 bytes", b"\x02\x81\xc8\x01" + b"\x02" * 199),
        )
    ),
]
