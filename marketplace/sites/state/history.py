"""What happened and why, in order. Only added to."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.sites.state.database import StateDatabase


@dataclass(frozen=True, slots=True)
class SiteEvent:
    """Something that happened; ``at`` is wall clock."""

    at: float
    identifier: str | None
    store: str | None
    what: str
    why: str


class History:
    """The table of what happened."""

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def note(
        self, at: float, what: str, why: str, identifier: str | None = None, store: str | None = None
    ) -> None:
        """Add a line; inside a transaction it is part of that."""
        with self._database.write():
            self._database.run(
                "INSERT INTO history (at, identifier, store, what, why) VALUES (?, ?, ?, ?, ?)",
                (at, identifier, store, what, why[:1000]),
            )

    def read(self, identifier: str | None, most: int) -> list[SiteEvent]:
        """The newest lines, oldest first; of one image where it is named."""
        where, values = ("WHERE identifier = ?", [identifier]) if identifier is not None else ("", [])
        rows = self._database.rows(
            f"SELECT at, identifier, store, what, why FROM history {where} ORDER BY id DESC LIMIT ?",  # noqa: S608  # constants
            [*values, most],
        )
        return [SiteEvent(**dict(row)) for row in reversed(rows)]
