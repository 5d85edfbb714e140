"""The copies of a site: one row for each image in each store, moved by the table of transitions."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from marketplace.sites.state.database import StateDatabase
from marketplace.sites.state.history import History
from marketplace.sites.state.transitions import CopyState, verify_transition


@dataclass(frozen=True, slots=True)
class Copy:
    """An image in a store.

    Args:
        digest: ``sha512:HEX``, or the strongest that was endorsed.
        entry_id: by which it was imported.
        attempt: counts up where the name of an earlier one is burnt.
        external: its name in the store, once it is reserved.
        size: bytes, as endorsed.
        next_at: wall clock of the next attempt; None where nothing is due.
        format, virtual_size, measured_by: as found in the bytes, and by whom.
    """

    digest: str
    store: str
    identifier: str
    entry_id: str
    state: CopyState
    attempt: int
    external: str | None
    size: int
    reason: str
    changed: float
    failures: int
    next_at: float | None
    format: str | None = None
    virtual_size: int | None = None
    measured_by: str | None = None


class Copies:
    """The rows of copies; each change is one transaction and one line of history."""

    def __init__(self, database: StateDatabase, history: History) -> None:
        self._database = database
        self._history = history

    def all(self) -> list[Copy]:
        """Every copy, also what is gone."""
        return [_copy(row) for row in self._database.rows("SELECT * FROM copy ORDER BY store, digest")]

    def find(self, digest: str, store: str) -> Copy | None:
        """An image's copy in a store."""
        row = self._database.find("SELECT * FROM copy WHERE digest = ? AND store = ?", (digest, store))
        return None if row is None else _copy(row)

    def want(self, copy: Copy) -> Copy:
        """Begin with a copy, or begin again with one that failed or is gone."""
        known = self.find(copy.digest, copy.store)
        if known is not None:
            return self.move(
                known, CopyState.WANTED, copy.reason, copy.changed,
                identifier=copy.identifier, entry_id=copy.entry_id, size=copy.size,
                failures=copy.failures, next_at=None,
            )  # fmt: skip
        with self._database.write():
            self._database.run(
                "INSERT INTO copy (digest, store, identifier, entry_id, state, attempt, external, size, "
                "reason, changed, failures, next_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    copy.digest, copy.store, copy.identifier, copy.entry_id, copy.state.value, copy.attempt,
                    copy.external, copy.size, copy.reason, copy.changed, copy.failures, copy.next_at,
                ),
            )  # fmt: skip
            self._history.note(copy.changed, copy.state.value, copy.reason, copy.identifier, copy.store)
        return copy

    def move(self, copy: Copy, to: CopyState, reason: str, now: float, **changes: Any) -> Copy:
        """Take a copy to its next state.

        Raises:
            TransitionError: the state does not follow.
            StateError: it cannot be written down, so it did not happen.
        """
        verify_transition(copy.state, to)
        values = {"state": to.value, "reason": reason[:1000], "changed": now, **changes}
        names = ", ".join(f"{name} = :{name}" for name in values)
        with self._database.write():
            self._database.run(
                f"UPDATE copy SET {names} WHERE digest = :digest AND store = :store",  # noqa: S608  # names are ours
                {**values, "digest": copy.digest, "store": copy.store},
            )
            self._history.note(now, to.value, reason, copy.identifier, copy.store)
        moved = self.find(copy.digest, copy.store)
        assert moved is not None  # noqa: S101  # rows are never deleted
        return moved


def _copy(row: sqlite3.Row) -> Copy:
    return Copy(**{**dict(row), "state": CopyState(row["state"])})
