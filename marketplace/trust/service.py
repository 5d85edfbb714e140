"""Asking what this site holds of an entry."""

from __future__ import annotations

from datetime import datetime

from marketplace.trust.store import TrustStore
from validators.decision import Decision, decide
from validators.document import AcceptedEntry


class TrustService:
    """Decides about entries by what is in force at the moment."""

    def __init__(self, store: TrustStore) -> None:
        self._store = store

    def decide(self, entry: AcceptedEntry, now: datetime) -> Decision:
        """The site's decision about an entry, rule by rule."""
        return decide(entry, self._store.material, now)

    def find_decision(self, entry: AcceptedEntry, now: datetime) -> Decision | None:
        """The site's decision; None where it has no anchors and so nothing to decide by."""
        return self.decide(entry, now) if self._store.material.anchors else None
