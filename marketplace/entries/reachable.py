"""Which entries name a location at which the content was found."""

from __future__ import annotations

from sqlalchemy import Select, and_, select

from marketplace.models import Current, EntryLocation, WatchedLocation
from marketplace.rules.visibility import VisibleLogs

#: How the last look at a location ended where the content was there; ``marketplace.locations.Reach``.
THERE = "there"


def reaching(scope: VisibleLogs) -> Select[tuple[int]]:
    """Keys of the entries, current in a log of the scope, with a location that has the content."""
    return _looked_at(scope).where(WatchedLocation.reach == THERE)


def not_reaching(scope: VisibleLogs) -> Select[tuple[int]]:
    """Keys of those whose locations were looked at, and none had it."""
    return _looked_at(scope).where(Current.entry_key.not_in(reaching(scope)))


def _looked_at(scope: VisibleLogs) -> Select[tuple[int]]:
    return (
        select(Current.entry_key)
        .join(EntryLocation, EntryLocation.entry_key == Current.entry_key)
        .join(
            WatchedLocation,
            and_(WatchedLocation.uri == EntryLocation.uri, WatchedLocation.log_id == Current.log_id),
        )
        .where(scope.covers(Current.log_id), WatchedLocation.reach.is_not(None))
    )
