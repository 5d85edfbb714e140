"""What people at the site said about an image. It counts until somebody says otherwise, or it ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from marketplace.sites.state.database import StateDatabase
from marketplace.sites.state.history import History


class InterventionKind(StrEnum):
    """What people at a site may say about an image."""

    #: Have it, though no subscription asks for it; the policy still has to allow it.
    IMPORT = "import"
    #: No machine may start it.
    WITHDRAW = "withdraw"
    #: Keep it as it is: neither bring it in nor take it out by what subscriptions say.
    HOLD = "hold"
    #: Take back what was said.
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Intervention:
    """A person's statement; times are wall clock, ``until`` is None for one without end."""

    identifier: str
    kind: InterventionKind
    reason: str
    author: str
    since: float
    until: float | None


class InterventionTable:
    """The table of interventions."""

    def __init__(self, database: StateDatabase, history: History) -> None:
        self._database = database
        self._history = history

    def add(self, intervention: Intervention) -> None:
        """Store an intervention."""
        with self._database.write():
            self._database.run(
                "INSERT INTO word (identifier, kind, reason, author, since, until) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    intervention.identifier,
                    intervention.kind.value,
                    intervention.reason,
                    intervention.author,
                    intervention.since,
                    intervention.until,
                ),
            )
            self._history.note(
                intervention.since,
                f"{intervention.kind.value} by hand",
                f"{intervention.reason} ({intervention.author})",
                intervention.identifier,
            )

    def find(self, identifier: str, now: float) -> Intervention | None:
        """What counts for an image at a moment."""
        return self.all(now).get(identifier)

    def all(self, now: float) -> dict[str, Intervention]:
        """What counts at a moment, by image."""
        found: dict[str, Intervention] = {}
        for row in self._database.rows(
            "SELECT identifier, kind, reason, author, since, until FROM word ORDER BY id"
        ):
            intervention = Intervention(row[0], InterventionKind(row[1]), row[2], row[3], row[4], row[5])
            if intervention.until is None or intervention.until > now:
                found[intervention.identifier] = intervention
        return {
            name: intervention
            for name, intervention in found.items()
            if intervention.kind is not InterventionKind.RELEASE
        }
