"""What a policy names: endorsers, anchors, tags, checksums, and texts with ``*`` in them.

A pattern is made of its text; a text that means nothing raises ``ValueError`` with what is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from validators.checksums import parse_checksum
from validators.distinguished import Name, parse_name
from validators.document import Checksum
from validators.errors import RefusedError
from validators.identifier import is_identifier, sha1_from_identifier
from validators.policy.statements import Statement

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
#: Algorithms as policies write them, and as the format does; weakest first.
ALGORITHMS: Final = {
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
}
_BY_FORMAT: Final = {name: short for short, name in ALGORITHMS.items()}


@dataclass(frozen=True, slots=True)
class Glob:
    """A text in which ``*`` stands for anything; compared without regard to case."""

    text: str
    _parts: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("is empty")
        object.__setattr__(self, "_parts", _parts(self.text.lower()))

    def matches(self, text: str) -> bool:
        """Whether a text fits."""
        return _fits(self._parts, text.lower())


@dataclass(frozen=True, slots=True)
class EndorserPattern:
    """Who signs: an address with ``*`` in it, ``dn:`` and the subject, or ``cert:`` and its SHA-256."""

    text: str
    _address: tuple[str, ...] | None = field(init=False, repr=False, compare=False, default=None)
    _names: frozenset[Name] = field(init=False, repr=False, compare=False, default=frozenset())
    _fingerprint: str | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        kind, _, rest = self.text.partition(":")
        if kind == "cert":
            object.__setattr__(self, "_fingerprint", _fingerprint(rest))
        elif kind == "dn":
            object.__setattr__(self, "_names", _name(rest))
        else:
            object.__setattr__(self, "_address", _address(self.text))

    def matches(self, statement: Statement) -> bool:
        """Whether the statement's signer is meant. An address counts only where the certificate binds it."""
        if self._address is not None:
            email = statement.bound_email
            return email is not None and _fits(self._address, _fold_host(email))
        return self._is_named(statement)

    def might_match(self, statement: Statement) -> bool:
        """Whether a rule that denies matches: an address that is only claimed is denied as well."""
        if self._address is not None:
            return _fits(self._address, _fold_host(statement.endorser.email))
        return self._is_named(statement)

    def _is_named(self, statement: Statement) -> bool:
        if self._fingerprint is not None:
            return statement.certificate == self._fingerprint
        return not self._names.isdisjoint(_names_of(statement.endorser.subject))


@dataclass(frozen=True, slots=True)
class NamePattern:
    """An anchor: its name, or ``cert:`` and the SHA-256 of its certificate."""

    text: str
    _names: frozenset[Name] = field(init=False, repr=False, compare=False, default=frozenset())
    _fingerprint: str | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.text.startswith("cert:"):
            object.__setattr__(self, "_fingerprint", _fingerprint(self.text.removeprefix("cert:")))
        else:
            object.__setattr__(self, "_names", _name(self.text.removeprefix("dn:")))

    def matches(self, statement: Statement) -> bool:
        """Whether the statement's certificate is chained to this anchor."""
        verdict = statement.decision.certificate
        if verdict.anchor is None:
            return False
        if self._fingerprint is not None:
            return verdict.anchor_fingerprint == self._fingerprint
        return not self._names.isdisjoint(_names_of(verdict.anchor))


@dataclass(frozen=True, slots=True)
class TagPattern:
    """A tag of an endorser, ``ADDRESS/TAG``, with ``*`` in either."""

    text: str
    _address: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _tag: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        address, slash, tag = self.text.partition("/")
        if not slash or not tag.strip():
            raise ValueError("is not of the form ADDRESS/TAG, such as alice@example.org/stable or */stable")
        object.__setattr__(self, "_address", _parts(address) if address == "*" else _address(address))
        object.__setattr__(self, "_tag", _parts(tag))

    def matches(self, statement: Statement) -> bool:
        """Whether the statement carries the tag. An address counts only where the certificate binds it."""
        email = statement.bound_email or ""
        return _fits(self._address, _fold_host(email)) and self._carries(statement)

    def might_match(self, statement: Statement) -> bool:
        """Whether a rule that denies matches: an address that is only claimed is denied as well."""
        email = statement.endorser.email
        return _fits(self._address, _fold_host(email)) and self._carries(statement)

    def _carries(self, statement: Statement) -> bool:
        return any(_fits(self._tag, tag) for tag in statement.tags)


@dataclass(frozen=True, slots=True)
class ChecksumPattern:
    """A checksum, ``sha512:HEX`` (md5, sha1, sha256, sha384, sha512)."""

    text: str
    _key: tuple[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        kind, colon, value = self.text.partition(":")
        algorithm = ALGORITHMS.get(kind.strip().lower().replace("-", ""))
        if not colon or algorithm is None:
            raise ValueError(f"is not of the form ALGORITHM:HEX with one of {', '.join(ALGORITHMS)}")
        try:
            found = parse_checksum(algorithm, value.strip())
        except RefusedError:
            raise ValueError(f"needs the hexadecimal digits of {algorithm}") from None
        object.__setattr__(self, "_key", checksum_key(found.algorithm, found.value))

    @property
    def key(self) -> tuple[str, str]:
        """The checksum as ``checksum_key`` writes it."""
        return self._key

    @property
    def checksum(self) -> Checksum:
        """The checksum that is meant, its digits in lower case."""
        return Checksum(ALGORITHMS[self._key[0]], self._key[1])

    def is_named_by(self, statement: Statement) -> bool:
        """Whether a statement has this checksum."""
        return self._key in checksum_keys(statement) or self._key == sha1_key(statement.identifier)


def checksum_key(algorithm: str, value: str) -> tuple[str, str]:
    """A checksum as a value: its algorithm as policies write it, its digits in lower case.

    Args:
        algorithm: as the format writes it, ``SHA-256``.
    """
    digits = value.lower()
    # Signers in use wrote SHA-1 as a number.
    return _BY_FORMAT[algorithm], digits.lstrip("0").rjust(40, "0") if algorithm == "SHA-1" else digits


def checksum_keys(statement: Statement) -> frozenset[tuple[str, str]]:
    """Every checksum that a statement names."""
    return _keys(statement.checksums)


@lru_cache(maxsize=65536)
def _keys(checksums: tuple[Checksum, ...]) -> frozenset[tuple[str, str]]:
    return frozenset(checksum_key(one.algorithm, one.value) for one in checksums)


def sha1_key(identifier: str) -> tuple[str, str] | None:
    """The checksum that an identifier is; None for a text that is no identifier."""
    return ("sha1", f"{sha1_from_identifier(identifier):040x}") if is_identifier(identifier) else None


def _parts(text: str) -> tuple[str, ...]:
    """What stands between the stars."""
    return tuple(text.split("*"))


def _fits(parts: tuple[str, ...], text: str) -> bool:
    """Whether the parts occur in this order, the first one at the start and the last one at the end.

    Not a regular expression: one with many stars can take for ever.
    """
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if not text.startswith(first):
        return False
    place = len(first)
    for part in middle:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(text) - place >= len(last) and text.endswith(last)


def _address(text: str) -> tuple[str, ...]:
    if "@" not in text or text != text.strip():
        raise ValueError(
            "is not an address such as alice@example.org or *@example.org, nor dn:NAME, nor cert:SHA-256 "
            "of a certificate"
        )
    return _parts(_fold_host(text))


def _fold_host(email: str) -> str:
    """An address whose host is in lower case; the part before it is its owner's to spell."""
    local, at, host = email.rpartition("@")
    return f"{local}{at}{host.lower()}"


def _fingerprint(text: str) -> str:
    found = text.strip().lower().replace(":", "")
    if _FINGERPRINT.fullmatch(found) is None:
        raise ValueError("needs the 64 hexadecimal digits of a certificate's SHA-256")
    return found


def _name(text: str) -> frozenset[Name]:
    try:
        return parse_name(text)
    except ValueError as error:
        raise ValueError(f"is not a name such as CN=Example CA,O=Example: {error}") from None


@lru_cache(maxsize=4096)
def _names_of(written: str) -> frozenset[Name]:
    """What a certificate's name, as entries write it, can mean; nothing where it cannot be read."""
    try:
        return parse_name(written)
    except ValueError:
        return frozenset()
