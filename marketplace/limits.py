"""How often somebody may do something: token buckets in memory, one set for a process.

A bucket holds as many turns as a minute allows and fills evenly, so a burst after
silence passes and a stream is held to the rate. A limit keeps one caller from taking
everything, it does not account: each process decides by what is in its memory.
Several processes may tell each other what was used (``shared_limits``).
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

#: Callers remembered; beyond, the one that was silent longest is forgotten, as if it were new.
MOST_CALLERS = 50_000
#: A caller is told of to other processes from this share of its turns on, and at once when it used as much
#: since it was told of last: what most callers do is nobody else's concern.
SHARED_FROM = 0.1
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
        #: Caller -> turns used that other processes do not know of; None where they are not told.
        self._untold: dict[str, float] | None = None
        self._on_much: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def tell_others(self, on_much: Callable[[], None]) -> None:
        """Keep what other processes have to know from now on.

        Args:
            on_much: called when a caller used so much that they should know at once; must be quick.
        """
        self._untold, self._on_much = {}, on_much

    def take_untold(self, most: int) -> dict[str, float]:
        """Turns used by callers that other processes are to be told of, and were not yet.

        Args:
            most: callers; the ones with the fewest turns left come first.
        """
        with self._lock:
            now, due = self._clock(), []
            for caller in list(self._untold or ()):
                left = self._left(caller, now)
                if left >= self.per_minute:
                    self._forget_untold(caller)  # all of it has come back
                elif left <= self.per_minute * (1 - SHARED_FROM) or left < 1:
                    due.append((left, caller))
            return {caller: self._forget_untold(caller) for _, caller in sorted(due)[:most]}

    def put_back(self, untold: Mapping[str, float]) -> None:
        """Keep what could not be told."""
        with self._lock:
            if self._untold is not None:
                for caller in untold.keys() & self._buckets.keys():
                    self._untold[caller] = self._untold.get(caller, 0.0) + untold[caller]

    def learn(self, left: Mapping[str, float]) -> None:
        """Take over how many turns callers have left in all processes together, where that is less."""
        with self._lock:
            now = self._clock()
            for caller, turns in left.items():
                if turns < self._left(caller, now):
                    self._buckets[caller] = (turns, now)

    def _left(self, caller: str, now: float) -> float:
        left, since = self._buckets.get(caller, (float(self.per_minute), now))
        return min(self.per_minute, left + (now - since) * self.per_minute / 60)

    def _forget_untold(self, caller: str) -> float:
        return 0.0 if self._untold is None else self._untold.pop(caller, 0.0)

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
        with self._lock:
            now = self._clock()
            left = self._left(caller, now)
            allowed = left >= 1
            self._buckets[caller] = (left - used if allowed else left, now)
            self._buckets.move_to_end(caller)
            if len(self._buckets) > MOST_CALLERS:
                forgotten, _ = self._buckets.popitem(last=False)
                self._forget_untold(forgotten)
            if allowed and used and self._untold is not None:
                untold = self._untold[caller] = self._untold.get(caller, 0.0) + used
                if untold >= max(1.0, self.per_minute * SHARED_FROM):
                    self._on_much()
        return 0 if allowed else max(1, math.ceil((1 - left) * 60 / self.per_minute))


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
