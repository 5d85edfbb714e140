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


#: Characters of a reason that are kept.
_MOST_WHY = 1000


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
                (at, identifier, store, what, why[:_MOST_WHY]),
            )

    def note_answer(self, at: float, allowed: bool, why: str, identifier: str) -> bool:
        """Add a line if the answer about an image, or its reason, differs from the one noted last.

        A process that starts judges every image: a site that a timer runs would note all of them each time.

        Returns:
            whether a known image is allowed now and was refused before, or the other way round.
        """
        what = "allowed" if allowed else "refused"
        last = self._database.find(
            "SELECT what, why FROM history WHERE identifier = ? AND what IN ('allowed', 'refused') "
            "ORDER BY id DESC LIMIT 1",
            (identifier,),
        )
        if last is None or (last["what"], last["why"]) != (what, why[:_MOST_WHY]):
            self.note(at, what, why, identifier)
        return last is not None and last["what"] != what

    def read(self, identifier: str | None, most: int) -> list[SiteEvent]:
        """The newest lines, oldest first; of one image where it is named."""
        where, values = ("WHERE identifier = ?", [identifier]) if identifier is not None else ("", [])
        rows = self._database.rows(
            f"SELECT at, identifier, store, what, why FROM history {where} ORDER BY id DESC LIMIT ?",  # noqa: S608  # constants
            [*values, most],
        )
        return [SiteEvent(**dict(row)) for row in reversed(rows)]
