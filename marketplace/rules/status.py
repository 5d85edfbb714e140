"""The status of an entry at a moment."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from marketplace.models.base import to_seconds


class Status(StrEnum):
    """What a current entry is at some moment (FORMAT, Words)."""

    VALID = "valid"
    DEPRECATED = "deprecated"
    EXPIRED = "expired"


class _Dated(Protocol):
    """The part of an entry that decides its status."""

    @property
    def valid(self) -> datetime | None: ...
    @property
    def deprecated(self) -> str | None: ...


def status_of(deprecated: str | None, valid: datetime | None, now: datetime) -> Status:
    """The status at a moment; an entry is still valid during the last second of its validity."""
    if deprecated is not None:
        return Status.DEPRECATED
    if valid is not None and to_seconds(valid) < to_seconds(now):
        return Status.EXPIRED
    return Status.VALID


def status(entry: _Dated, now: datetime) -> Status:
    """The status of an entry at a moment."""
    return status_of(entry.deprecated, entry.valid, now)
