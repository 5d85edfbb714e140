"""Status: what a current entry says of its image at some moment (FORMAT, Words)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """What an entry is at some moment."""

    VALID = "valid"
    DEPRECATED = "deprecated"
    EXPIRED = "expired"


def status_of(deprecated: str | None, valid: datetime | None, now: datetime) -> Status:
    """The status at a moment; an entry is still valid during the last second of its validity.

    Args:
        deprecated: the reason; an empty one deprecates too.
        valid: until when, in whole seconds; None: without end.
    """
    if deprecated is not None:
        return Status.DEPRECATED
    if valid is not None and valid < now.replace(microsecond=0):
        return Status.EXPIRED
    return Status.VALID
