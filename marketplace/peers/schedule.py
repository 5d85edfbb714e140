"""When a peer is asked next. Pure but for the dice."""

from __future__ import annotations

import random

#: Seconds between two looks at a peer that has nothing new.
POLL = 5.0
#: How far a poll may be off, as a share: many sites must not ask in step.
_SPREAD = 0.2
#: The longest pause after failures, in seconds.
LONGEST = 300.0
#: Seconds until a body that nobody handed out is asked for again, the first time and at most.
_FIRST_RETRY, _LAST_RETRY = 5, 300


def poll_pause() -> float:
    """Seconds until the next look at a peer that answers."""
    return random.uniform(POLL * (1 - _SPREAD), POLL * (1 + _SPREAD))  # noqa: S311 - keeps no secret


def backoff_pause(failures: int, asked: float | None) -> float:
    """Seconds until the next attempt.

    Args:
        failures: in a row, at least 1.
        asked: seconds the peer asked to wait, if it did: honoured up to the cap.
    """
    most = min(LONGEST, 2.0 ** min(failures, 16))
    pause = random.uniform(0, most)  # noqa: S311 - spreads attempts, keeps no secret
    return pause if asked is None else max(pause, min(asked, LONGEST))


def wanted_pause(attempts: int) -> int:
    """Seconds until a missing body is asked for again."""
    return min(_LAST_RETRY, _FIRST_RETRY << min(attempts, 10))
