"""What a site keeps: what was said, where the bytes are, what people at the site said, what happened."""

from __future__ import annotations

from pathlib import Path

from marketplace.sites.state.copies import Copies, Copy
from marketplace.sites.state.database import Database
from marketplace.sites.state.evidence import Evidence, Followed, Stored, Wish
from marketplace.sites.state.history import Happening, History
from marketplace.sites.state.lists import SiteLists
from marketplace.sites.state.lock import StateLock
from marketplace.sites.state.transitions import UNDER_WAY, CopyState
from marketplace.sites.state.words import Word, WordKind, Words


class State:
    """All stored state of a site, in one file.

    Args:
        folder: made where it is not there.

    Raises:
        StateError: it cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder)
        self.history = History(self.database)
        self.evidence = Evidence(self.database)
        self.copies = Copies(self.database, self.history)
        self.words = Words(self.database, self.history)
        self.lists = SiteLists(self.database)

    def close(self) -> None:
        """Close the file."""
        self.database.close()


__all__ = [
    "UNDER_WAY",
    "Copy",
    "CopyState",
    "Followed",
    "Happening",
    "State",
    "StateLock",
    "Stored",
    "Wish",
    "Word",
    "WordKind",
]
