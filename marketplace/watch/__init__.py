"""Looks at the locations of current entries from time to time, and keeps what it found."""

from marketplace.watch.service import Reachability, WatchService, location_digest, look_soon
from marketplace.watch.thread import LocationWatch

__all__ = ["LocationWatch", "Reachability", "WatchService", "location_digest", "look_soon"]
