"""How often somebody may do something: token buckets in memory, one set for a process.

A bucket holds as many turns as a minute allows and fills evenly, so a burst after
silence passes and a stream is held to the rate. Several processes count each for
itself: a limit keeps one caller from taking everything, it does not account.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

#: Callers remembered; beyond, the one that was silent longest is forgotten, as if it were new.
MOST_CALLERS = 50_000
#: Characters of a caller's name that count: some come from outside.
_MOST_CHARACTERS = 100


class RateLimit:
    """Turns of any number of callers. Safe to share between threads.

    Args:
        per_minute: turns that each caller has a minute; 0 sets no limit.
        clock: monotonic seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        #: Caller -> turns left, and when that was counted.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> int:
        """Use a turn.

        Returns:
            0 where the caller had one, else the seconds until it has one again.
        """
        return self._wait(caller, used=1.0)

    def wait(self, caller: str) -> int:
        """The seconds until the caller has a turn, 0 where it has one now; uses none."""
        return self._wait(caller, used=0.0)

    def _wait(self, caller: str, used: float) -> int:
        if not self.per_minute:
            return 0
        caller = caller[:_MOST_CHARACTERS]
        rate = self.per_minute / 60
        with self._lock:
            now = self._clock()
            left, since = self._buckets.pop(caller, (float(self.per_minute), now))
            left = min(self.per_minute, left + (now - since) * rate)
            allowed = left >= 1
            self._buckets[caller] = (left - used if allowed else left, now)
            if len(self._buckets) > MOST_CALLERS:
                self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1 - left) / rate))


def network_of(address: str) -> str:
    """What one caller is by its address: an IPv4 address, or the /64 network that an IPv6 host owns."""
    try:
        parsed = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return address  # behind a proxy, or over a socket without addresses: whatever names the client
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False).network_address)
