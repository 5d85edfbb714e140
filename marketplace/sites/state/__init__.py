"""What a site keeps: what was said, where the bytes are, what people at the site said, what happened."""

from __future__ import annotations

from pathlib import Path

from marketplace.sites.state.copies import Copies, Copy
from marketplace.sites.state.database import StateDatabase
from marketplace.sites.state.evidence import EvidenceStore, Followed, SignedEntry, WantedImage
from marketplace.sites.state.history import History, SiteEvent
from marketplace.sites.state.interventions import Intervention, InterventionKind, InterventionTable
from marketplace.sites.state.lists import SiteLists
from marketplace.sites.state.lock import StateLock
from marketplace.sites.state.transitions import UNDER_WAY, CopyState


class State:
    """All stored state of a site, in one file.

    Args:
        folder: made where it is not there.

    Raises:
        StateError: it cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self.database = StateDatabase(folder)
        self.history = History(self.database)
        self.evidence = EvidenceStore(self.database)
        self.copies = Copies(self.database, self.history)
        self.interventions = InterventionTable(self.database, self.history)
        self.lists = SiteLists(self.database)

    def close(self) -> None:
        """Close the file."""
        self.database.close()


__all__ = [
    "UNDER_WAY",
    "Copy",
    "CopyState",
    "Followed",
    "Intervention",
    "InterventionKind",
    "SignedEntry",
    "SiteEvent",
    "State",
    "StateLock",
    "WantedImage",
]
