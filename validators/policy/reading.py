"""The ``[policy]`` table of a site, read into a policy; every fault is named at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from validators.identifier import is_identifier
from validators.policy.patterns import (
    ALGORITHMS,
    ChecksumPattern,
    EndorserPattern,
    Glob,
    NamePattern,
    TagPattern,
)
from validators.policy.values import Choice, Deprecation, Policy, Requirement

P = TypeVar("P")
R = TypeVar("R")

#: The weakest checksum that counts at a site that does not say: identifiers are SHA-1, which can be forged.
DEFAULT_LEAST: Final = "sha256"
#: Largest file, in bytes, and longest list.
MAX_FILE: Final = 1024 * 1024
MAX_LIST: Final = 10_000

_DURATION: Final = re.compile(r"([0-9]{1,6})\s*([smhdw])")
_DURATIONS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_LONGEST: Final = 36_525 * 86400
_SIZE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)\s*([KMGTP]i?)?B?")
_PREFIXES: Final = " KMGTP"
_GROUP: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class PolicyFault:
    """Something in a policy that cannot be used.

    Args:
        key: where, as it is written in the file: ``endorsers.allow[2]``.
        message: what is wrong and what belongs there.
    """

    key: str
    message: str


class PolicyError(ValueError):
    """A policy cannot be used.

    Args:
        faults: every one of them, in the order of the file.
    """

    def __init__(self, faults: Iterable[PolicyFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{one.key} {one.message}" for one in self.faults))


def parse_policy_file(data: bytes) -> Policy:
    """Read a TOML file: a site's, of which the table ``[policy]`` is taken, or one that is a policy alone.

    Raises:
        PolicyError: naming every fault.
    """
    if len(data) > MAX_FILE:
        raise PolicyError([PolicyFault("policy", f"is larger than {MAX_FILE} bytes")])
    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise PolicyError([PolicyFault("policy", "is not UTF-8")]) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PolicyError([PolicyFault("policy", f"is not TOML: {error}")]) from None
    return parse_policy(table.get("policy", table))


def parse_policy(table: object) -> Policy:
    """Read a policy as TOML or JSON give it.

    Args:
        table: the ``[policy]`` table as nested dictionaries; what is left out is not asked for, apart from
            ``checksum.least``, which is SHA-256 unless it says otherwise.

    Raises:
        PolicyError: naming every fault; unknown keys are faults.
    """
    reader = _Reader()
    policy = reader.read(table)
    if reader.faults:
        raise PolicyError(reader.faults)
    return policy


class _Reader:
    """Collects faults while it reads."""

    def __init__(self) -> None:
        self.faults: list[PolicyFault] = []

    def read(self, table: object) -> Policy:
        top = self._table("policy", table)
        least = self._one(top, "checksum", "least", _algorithm)
        policy = Policy(
            endorsers=self._choice(top, "endorsers", EndorserPattern),
            anchors=self._choice(top, "anchors", NamePattern),
            images=self._choice(top, "images", _identifier),
            checksums=self._choice(top, "checksums", ChecksumPattern),
            tags=self._choice(top, "tags", TagPattern),
            groups=self._choice(top, "groups", _group),
            formats=self._choice(top, "formats", Glob),
            licences=self._choice(top, "licences", Glob),
            hosts=self._choice(top, "hosts", Glob),
            least_checksum=None if least == "any" else least or DEFAULT_LEAST,
            require=tuple(self._requirements(top.pop("require", []))),
            deprecation=self._value("deprecation", top.pop("deprecation", "counted"), _deprecation)
            or Deprecation.COUNTED,
            most_age=self._one(top, "age", "most", _duration),
            valid_required=self._one(top, "valid", "required", _truth) or False,
            most_size=self._one(top, "size", "most", _size),
            most_virtual_size=self._one(top, "virtual_size", "most", _size),
        )
        self._leftover("", top, _KEYS)
        return policy

    def _table(self, key: str, found: object) -> dict[str, object]:
        """A copy, from which what is read is taken."""
        if isinstance(found, Mapping):
            return {str(name): value for name, value in found.items()}
        self._fault(key, "is a table, such as [policy]")
        return {}

    def _choice(self, top: dict[str, object], key: str, make: Callable[[str], P]) -> Choice[P]:
        if key not in top:
            return Choice()
        table = self._table(key, top.pop(key))
        allow = tuple(self._list(f"{key}.allow", table.pop("allow", []), make))
        deny = tuple(self._list(f"{key}.deny", table.pop("deny", []), make))
        self._leftover(f"{key}.", table, ("allow", "deny"))
        return Choice(allow, deny)

    def _one(self, top: dict[str, object], key: str, name: str, make: Callable[[object], P]) -> P | None:
        if key not in top:
            return None
        table = self._table(key, top.pop(key))
        found = self._value(f"{key}.{name}", table.pop(name), make) if name in table else None
        self._leftover(f"{key}.", table, (name,))
        return found

    def _requirements(self, found: object) -> Iterable[Requirement]:
        if not isinstance(found, list) or len(found) > MAX_LIST:
            self._fault("require", 'is a list such as [{least = 2, of = ["*@example.org"]}]')
            return
        for place, one in enumerate(found):
            key = f"require[{place}]"
            table = self._table(key, one)
            least = self._value(f"{key}.least", table.pop("least", 1), _count)
            of = tuple(self._list(f"{key}.of", table.pop("of", []), EndorserPattern))
            self._leftover(f"{key}.", table, ("least", "of"))
            yield Requirement(least or 1, of)

    def _list(self, key: str, found: object, make: Callable[[str], P]) -> Iterable[P]:
        if not isinstance(found, list) or len(found) > MAX_LIST:
            self._fault(key, f"is a list of at most {MAX_LIST} texts")
            return
        for place, one in enumerate(found):
            if not isinstance(one, str):
                self._fault(f"{key}[{place}]", "is not a text")
                continue
            made = self._value(f"{key}[{place}]", one, make)
            if made is not None:
                yield made

    def _value(self, key: str, found: P, make: Callable[[P], R]) -> R | None:
        try:
            return make(found)
        except ValueError as error:
            self._fault(key, f"{str(found)[:100]!r} {error}")
            return None

    def _leftover(self, before: str, table: Mapping[str, object], known: Iterable[str]) -> None:
        for name in table:
            self._fault(f"{before}{name}"[:100], f"is an unknown key; the keys are {', '.join(known)}")

    def _fault(self, key: str, message: str) -> None:
        self.faults.append(PolicyFault(key, message))


_KEYS: Final = (
    "endorsers",
    "anchors",
    "images",
    "checksums",
    "tags",
    "groups",
    "formats",
    "licences",
    "hosts",
    "checksum",
    "require",
    "deprecation",
    "age",
    "valid",
    "size",
    "virtual_size",
)


def _identifier(text: str) -> str:
    if not is_identifier(text):
        raise ValueError("is not an image identifier: 27 characters of A-Z a-z 0-9 - _")
    return text


def _group(text: str) -> str:
    if _GROUP.fullmatch(text) is None:
        raise ValueError("is not the name of a group")
    return text


def _algorithm(found: object) -> str:
    name = str(found).lower().replace("-", "")
    if name != "any" and name not in ALGORITHMS:
        raise ValueError(f"is none of {', '.join(ALGORITHMS.values())}, any")
    return name


def _deprecation(found: object) -> Deprecation:
    try:
        return Deprecation(str(found))
    except ValueError:
        raise ValueError("must be counted or own") from None


def _truth(found: object) -> bool:
    if not isinstance(found, bool):
        raise ValueError("must be true or false")
    return found


def _count(found: object) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= 1000:
        raise ValueError("is not a whole number from 1 to 1000")
    return found


def _duration(found: object) -> timedelta:
    match = _DURATION.fullmatch(found.strip()) if isinstance(found, str) else None
    if match is None:
        raise ValueError("is not a duration such as 400d, 24h, 30m")
    seconds = int(match[1]) * _DURATIONS[match[2]]
    if seconds > _LONGEST:
        raise ValueError("is longer than a hundred years")
    return timedelta(seconds=seconds)


def _size(found: object) -> int:
    if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 2**63:
        return found
    match = _SIZE.fullmatch(found.strip()) if isinstance(found, str) else None
    if match is None:
        raise ValueError("is not a size such as 20GiB, 500MB, or a number of bytes")
    prefix = match[2] or " "
    return int(float(match[1]) * (1024 if prefix.endswith("i") else 1000) ** _PREFIXES.index(prefix[0]))
