"""The rules of the upload gate that need a clock but no store (FORMAT, step 8).

Acceptance has no clock, so an entry made in the future passes it, and one that is
over before it is made. Whoever verifies a document today, at the gate or offline,
asks this as well.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from validators.document import AcceptedEntry, format_time
from validators.errors import CreatedAheadError
from validators.status import Status, status_of

#: How far an entry's creation may lie ahead of the verifier's clock.
MAX_AHEAD: Final = timedelta(minutes=5)


def verify_not_ahead(entry: AcceptedEntry, now: datetime) -> AcceptedEntry:
    """Check that an entry was not made in the future.

    Args:
        now: aware time of the verification, one for the whole run.

    Raises:
        CreatedAheadError: the endorsement's time is further ahead.
    """
    if entry.created - now > MAX_AHEAD:
        expected = f"a time at most {int(MAX_AHEAD.total_seconds())} seconds after {format_time(now)}"
        raise CreatedAheadError("dcterms:created", format_time(entry.created), expected)
    return entry


def is_over_at_birth(entry: AcceptedEntry) -> bool:
    """Whether an entry's validity ends before it was made; one that deprecates the image may say so."""
    return status_of(entry.metadata.deprecated, entry.metadata.valid, entry.created) is Status.EXPIRED


def find_expiry(entry: AcceptedEntry, now: datetime) -> str | None:
    """That an entry is over, in words; None where it is not, or where it deprecates the image.

    Args:
        now: aware time, one for the whole run.
    """
    said = entry.metadata
    if said.valid is None:
        return None
    ended = f"dcterms:valid is {format_time(said.valid)}"
    if is_over_at_birth(entry):
        return (
            f"the entry expires before its creation time: {ended}, dcterms:created "
            f"{format_time(entry.created)}"
        )
    if status_of(said.deprecated, said.valid, now) is Status.EXPIRED:
        return f"the entry has expired: {ended}, and it is {format_time(now)}"
    return None
