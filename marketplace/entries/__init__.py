"""The read side: entries as a principal may see them."""

from marketplace.entries.query import EntryQuery, EntryQueryError, LocationFilter, StatusFilter
from marketplace.entries.records import (
    EndorserRecord,
    EndorserRow,
    EntryPage,
    EntryRecord,
    EntryRow,
    Rival,
    StoredEntry,
    current_among,
)
from marketplace.entries.service import ListCaches, VisibleEntries
from marketplace.rules.columns import Column, Direction
from validators.status import Status

__all__ = [
    "Column",
    "Direction",
    "EndorserRecord",
    "EndorserRow",
    "EntryPage",
    "EntryQuery",
    "EntryQueryError",
    "EntryRecord",
    "EntryRow",
    "ListCaches",
    "LocationFilter",
    "Rival",
    "Status",
    "StatusFilter",
    "StoredEntry",
    "VisibleEntries",
    "current_among",
]
