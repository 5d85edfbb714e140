"""The status of an entry at a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from validators.status import Status, status_of

__all__ = ["Status", "status", "status_of"]


class _Dated(Protocol):
    """The part of an entry that decides its status."""

    @property
    def valid(self) -> datetime | None: ...
    @property
    def deprecated(self) -> str | None: ...


def status(entry: _Dated, now: datetime) -> Status:
    """The status of an entry at a moment."""
    return status_of(entry.deprecated, entry.valid, now)
