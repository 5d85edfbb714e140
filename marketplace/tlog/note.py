"""Signed notes and their keys (C2SP signed-note, tlog-cosignature for type 0x04)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from marketplace.tlog.encoding import decode_base64, encode_base64
from marketplace.tlog.errors import KeyFormatError, NoteFormatError, NoteSignatureError

#: Signature types: of a log, and of a witness with the time in front.
ED25519, COSIGNATURE = 0x01, 0x04

#: Most bytes and signatures of a note that is read. The specification wants at least 16 signatures read.
MAX_NOTE = 16 * 1024
MAX_SIGNATURES = 64
#: Longest name of a key, which is the origin of a log.
MAX_NAME = 255

_PRIVATE = "PRIVATE+KEY+"
_DASH = "\u2014"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A name and the public key that signs under it.

    Args:
        name: without spaces and plus signs.
        public: the 32 bytes of an Ed25519 public key.
        kind: ED25519 or COSIGNATURE.
    """

    name: str
    public: bytes
    kind: int = ED25519

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before a signature of this key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        """The key as verifiers are configured with it: ``name+hex8+base64``."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.kind]) + self.public)}"

    def named(self, name: str, kind: int = ED25519) -> VerifierKey:
        """This public key under another name, or for another kind of signature."""
        return VerifierKey(name, self.public, kind)

    def covers(self, origin: str) -> bool:
        """Whether this is the key of a log, or of the site that the log's name begins with."""
        return self.kind == ED25519 and (origin == self.name or origin.startswith(self.name + "/"))

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check an Ed25519 signature.

        Raises:
            NoteSignatureError: it is not this key's over this message.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise NoteSignatureError(f"the signature is not one of {self.name}") from None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the name it signs under. Its ``repr`` shows no secret."""

    name: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        """The public key that others verify signatures with."""
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())

    def named(self, name: str) -> SigningKey:
        """This private key under another name."""
        return SigningKey(name, self.private)

    def reveal(self) -> str:
        """The private key as text, for its file: ``PRIVATE+KEY+name+hex8+base64``."""
        secret = bytes([ED25519]) + self.private.private_bytes_raw()
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{encode_base64(secret)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{_DASH} {self.name} {encode_base64(self.key_id + self.signature)}\n"

    def is_of(self, key: VerifierKey) -> bool:
        """Whether the line says that it is of a key; the key has to confirm it."""
        return self.name == key.name and self.key_id == key.key_id


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends with a newline, and the signatures under it: nothing is verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """The note as it is sent."""
        return (self.text + "\n" + "".join(map(str, self.signatures))).encode()


def parse_verifier_key(text: str) -> VerifierKey:
    """Read ``name+hex8+base64``.

    Raises:
        KeyFormatError: it is none, of a kind not known here, or its parts belong to different keys.
    """
    name, key_id, material = _parse_key(text)
    key = VerifierKey(name, material[1:], material[0])
    if key.kind not in (ED25519, COSIGNATURE) or len(key.public) != 32:
        raise KeyFormatError("the key is not an Ed25519 key")
    if key.key_id.hex() != key_id:
        raise KeyFormatError("the key's short hash is not that of its name and key: part of it is missing")
    return key


def parse_signing_key(text: str) -> SigningKey:
    """Read the text of a private key.

    Raises:
        KeyFormatError: it is none. The message holds nothing of the text.
    """
    if not text.startswith(_PRIVATE):
        raise KeyFormatError("the file holds no private key of a log")
    name, key_id, material = _parse_key(text.removeprefix(_PRIVATE))
    if material[0] != ED25519 or len(material) != 33:
        raise KeyFormatError("the private key is not an Ed25519 key")
    key = SigningKey(name, Ed25519PrivateKey.from_private_bytes(material[1:]))
    if key.verifier.key_id.hex() != key_id:
        raise KeyFormatError("the private key's short hash is not that of its name and key")
    return key


def sign_note(text: str, key: SigningKey) -> Note:
    """Sign a text, which ends with a newline."""
    signature = Signature(key.name, key.verifier.key_id, key.private.sign(text.encode()))
    return Note(text, (signature,))


def parse_note(data: bytes) -> Note:
    """Read a signed note; who signed it has still to be verified.

    Raises:
        NoteFormatError: it is none.
    """
    if len(data) > MAX_NOTE:
        raise NoteFormatError(f"a note has at most {MAX_NOTE} bytes")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise NoteFormatError("the note is not UTF-8") from None
    if any(c < " " and c != "\n" for c in whole):
        raise NoteFormatError("the note holds control characters")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise NoteFormatError("the note has no signatures behind an empty line")
    found = lines[:-1].split("\n")
    if len(found) > MAX_SIGNATURES:
        raise NoteFormatError(f"a note has at most {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(map(parse_signature, found)))


def parse_signature(line: str) -> Signature:
    """Read a signature line without its newline.

    Raises:
        NoteFormatError: it is none.
    """
    match = re.fullmatch(rf"{_DASH} ([^ ]+) ([A-Za-z0-9+/=]+)", line)
    if match is None or not is_key_name(match[1]):
        raise NoteFormatError("a line under the note is not a signature")
    try:
        data = decode_base64(match[2])
    except ValueError:
        raise NoteFormatError("a signature under the note is not base 64") from None
    if len(data) < 5:
        raise NoteFormatError("a signature under the note is too short")
    return Signature(match[1], data[:4], data[4:])


def verify_note(data: bytes, keys: Sequence[VerifierKey]) -> Note:
    """Check that a note is signed by one of several keys; only its signatures are returned.

    Raises:
        NoteFormatError: the bytes are no note.
        NoteSignatureError: none of the keys signed it, or a line under it claims so falsely.
    """
    note = parse_note(data)
    verified = []
    for line in note.signatures:
        for key in keys:
            if line.is_of(key):
                key.verify(line.signature, note.text.encode())
                verified.append(line)
    if not verified:
        raise NoteSignatureError("no key that is known here signed the note")
    return Note(note.text, tuple(dict.fromkeys(verified)))


def is_key_name(name: str) -> bool:
    """Whether a text can name a key: neither spaces nor plus signs, and not endless."""
    return 0 < len(name) <= MAX_NAME and name.isprintable() and "+" not in name and len(name.split()) == 1


def _parse_key(text: str) -> tuple[str, str, bytes]:
    parts = text.split("+", 2)
    if len(parts) != 3 or not is_key_name(parts[0]) or not re.fullmatch("[0-9a-f]{8}", parts[1]):
        raise KeyFormatError("a key is written name+hex8+base64")
    try:
        material = decode_base64(parts[2])
    except ValueError:
        raise KeyFormatError("the key's last part is not base 64") from None
    if not material:
        raise KeyFormatError("the key's last part is empty")
    return parts[0], parts[1], material
