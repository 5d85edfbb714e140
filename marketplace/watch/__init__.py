"""Looks at the locations of current public entries from time to time, and keeps what it found."""

from marketplace.watch.service import Reachability, WatchService, location_digest
from marketplace.watch.thread import LocationWatch

__all__ = ["LocationWatch", "Reachability", "WatchService", "location_digest"]
