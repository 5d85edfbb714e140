"""A policy as one immutable value."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Generic, TypeVar

from validators.policy.patterns import ChecksumPattern, EndorserPattern, Glob, NamePattern, TagPattern

P = TypeVar("P")


class Deprecation(StrEnum):
    """What a deprecation by somebody whose statements count withdraws."""

    #: The image, whoever else endorses it.
    COUNTED = "counted"
    #: Only what the same endorser says of it.
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Choice(Generic[P]):
    """What is allowed and what is denied; where ``allow`` is not empty, something of it has to fit."""

    allow: tuple[P, ...] = ()
    deny: tuple[P, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.allow or self.deny)


@dataclass(frozen=True, slots=True)
class Requirement:
    """So many endorsers with different keys, out of these, have to say yes.

    Args:
        least: how many.
        of: whom; nobody named: anybody whose statement counts.
    """

    least: int = 1
    of: tuple[EndorserPattern, ...] = ()


@dataclass(frozen=True)
class Policy:
    """What a site asks of an image before it may be started. Without arguments it asks for trust alone.

    Args:
        images: identifiers.
        least_checksum: the weakest algorithm by which a statement counts (``sha256``); None: any.
        require: all have to be met, by statements that agree on one checksum: SHA-256 or better, and no
            weaker than ``least_checksum``.
        most_age: since the endorsement.
        valid_required: a statement has to say until when it holds.
        most_size, most_virtual_size: bytes.
        hosts: of locations.
    """

    endorsers: Choice[EndorserPattern] = Choice()
    anchors: Choice[NamePattern] = Choice()
    images: Choice[str] = Choice()
    checksums: Choice[ChecksumPattern] = Choice()
    tags: Choice[TagPattern] = Choice()
    groups: Choice[str] = Choice()
    formats: Choice[Glob] = Choice()
    licences: Choice[Glob] = Choice()
    hosts: Choice[Glob] = Choice()
    least_checksum: str | None = None
    require: tuple[Requirement, ...] = ()
    deprecation: Deprecation = Deprecation.COUNTED
    most_age: timedelta | None = None
    valid_required: bool = False
    most_size: int | None = None
    most_virtual_size: int | None = None

    @property
    def digest(self) -> str:
        """What stands for the policy: the same for the same rules, in whatever order they are written."""
        parts = []
        for name, value in sorted(vars(self).items()):
            if isinstance(value, Choice):
                written = [sorted(map(repr, side)) for side in (value.allow, value.deny)]
                parts.append(f"{name} {written}")
            elif isinstance(value, tuple):
                parts.append(f"{name} {sorted(f'{one.least} {sorted(map(repr, one.of))}' for one in value)}")
            else:
                parts.append(f"{name} {value!r}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


#: What a marketplace goes by: a trusted current entry says yes, and no trusted one withdraws the image.
MARKETPLACE: Final = Policy()


@dataclass(frozen=True, slots=True)
class LocalWord:
    """Somebody at the site holds the image back.

    Args:
        reason: for people.
        until: when that ends; None: not by itself.
    """

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found in the image's bytes themselves; it counts beside what is claimed.

    Args:
        size, virtual_size: bytes.
    """

    size: int | None = None
    virtual_size: int | None = None
    format: str | None = None
