"""The tables. Importing this package registers all of them."""

from marketplace.models.base import Base
from marketplace.models.certificate import Certificate
from marketplace.models.current import Current
from marketplace.models.entry import Entry, EntryBody, EntryLocation, EntryTag
from marketplace.models.log import Change, FollowerCursor, Log

__all__ = [
    "Base",
    "Certificate",
    "Change",
    "Current",
    "Entry",
    "EntryBody",
    "EntryLocation",
    "EntryTag",
    "FollowerCursor",
    "Log",
]
