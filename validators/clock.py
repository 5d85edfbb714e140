"""The one rule of the upload gate that needs a clock but no store (FORMAT, step 8).

Acceptance has no clock, so an entry made in the future passes it. Whoever verifies
a document today, at the gate or offline, asks this as well.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from validators.document import AcceptedEntry, format_time
from validators.errors import CreatedAheadError

#: How far an entry's creation may lie ahead of the verifier's clock.
MAX_AHEAD: Final = timedelta(minutes=5)


def verify_not_ahead(entry: AcceptedEntry, now: datetime, max_ahead: timedelta = MAX_AHEAD) -> AcceptedEntry:
    """Check that an entry was not made in the future.

    Args:
        now: aware time of the verification, one for the whole run.
        max_ahead: how wrong clocks may be.

    Raises:
        CreatedAheadError: the endorsement's time is further ahead.
    """
    if entry.created - now > max_ahead:
        expected = f"a time at most {int(max_ahead.total_seconds())} seconds after {format_time(now)}"
        raise CreatedAheadError("dcterms:created", format_time(entry.created), expected)
    return entry
