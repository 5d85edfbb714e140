"""Events that are owed to hooks: written in the transaction of their reason, crossed off when a hook ran."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketplace.sites.settings import HookTable
from marketplace.sites.state.database import StateDatabase

#: Seconds until an event that failed is tried again; the last one from then on.
_PAUSES = (5.0, 30.0, 120.0, 600.0, 3600.0)


@dataclass(frozen=True, slots=True)
class OwedEvent:
    """An event that a hook has not been told of yet."""

    id: int
    type: str
    digest: str
    hook: str
    environment: Mapping[str, str]
    attempts: int


class EventOutbox:
    """The table of events."""

    def __init__(self, database: StateDatabase, hooks: Sequence[HookTable]) -> None:
        self._database = database
        self._hooks = hooks

    def put(self, type_: str, digest: str, environment: Mapping[str, str], now: float) -> None:
        """Owe an event to each hook that wants it; inside a transaction it is part of that."""
        for hook in self._hooks:
            # Hooks that may keep an image out were asked, and have answered.
            if type_ in hook.on and not (hook.veto and type_ == "AvailablePrefix"):
                with self._database.write():
                    self._database.run(
                        "INSERT INTO event (type, digest, hook, environment, next_at) VALUES (?, ?, ?, ?, ?)",
                        (type_, digest, key(hook), json.dumps(dict(environment)), now),
                    )

    def due(self, now: float, digest: str | None = None) -> list[OwedEvent]:
        """What can be told now: of each image and hook the oldest that is owed, where its time has come.

        Args:
            digest: of the one image that is asked about; None: all.
        """
        rows = self._database.rows(
            "SELECT id, type, digest, hook, environment, attempts FROM event e WHERE done IS NULL "
            "AND next_at <= ? AND (? IS NULL OR digest = ?) AND NOT EXISTS "
            "(SELECT 1 FROM event o WHERE o.done IS NULL AND o.hook = e.hook AND o.digest = e.digest "
            "AND o.id < e.id) ORDER BY id LIMIT 100",
            (now, digest, digest),
        )
        return [OwedEvent(row[0], row[1], row[2], row[3], json.loads(row[4]), row[5]) for row in rows]

    def count(self) -> int:
        """The number of events that are owed."""
        return int(self._database.rows("SELECT count(*) FROM event WHERE done IS NULL")[0][0])

    def done(self, owed: OwedEvent, now: float) -> None:
        """A hook was told."""
        with self._database.write():
            self._database.run("UPDATE event SET done = ? WHERE id = ?", (now, owed.id))

    def failed(self, owed: OwedEvent, now: float) -> None:
        """A hook failed: it is told again later."""
        pause = _PAUSES[min(owed.attempts, len(_PAUSES) - 1)]
        with self._database.write():
            self._database.run(
                "UPDATE event SET attempts = attempts + 1, next_at = ? WHERE id = ?", (now + pause, owed.id)
            )

    def forget(self, before: float) -> None:
        """Forget what was told long ago, and what is owed to hooks that are no longer configured."""
        known = {key(hook) for hook in self._hooks}
        with self._database.write():
            self._database.run("DELETE FROM event WHERE done < ?", (before,))
            for row in self._database.rows("SELECT DISTINCT hook FROM event WHERE done IS NULL"):
                if row[0] not in known:
                    self._database.run("DELETE FROM event WHERE hook = ? AND done IS NULL", (row[0],))


def key(hook: HookTable) -> str:
    """What stands for a hook in the table."""
    return json.dumps(hook.run)
