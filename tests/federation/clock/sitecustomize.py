"""Loaded at the start of processes whose clock is wrong.

libfaketime 0.9.10 does not know the call by which Python sleeps: a sleep fails, or lasts as long as
the clock is off. Waiting for something that never happens is a sleep by another call.
"""

from __future__ import annotations

import threading
import time


def _sleep(seconds: float) -> None:
    threading.Event().wait(seconds)


time.sleep = _sleep
