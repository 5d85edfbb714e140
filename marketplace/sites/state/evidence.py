"""What was said: marketplaces and how far they were read, signed entries, what subscriptions ask for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from marketplace.sites.state.database import StateDatabase
from validators.document import AcceptedEntry


@dataclass(frozen=True, slots=True)
class Followed:
    """How far a marketplace was read.

    Args:
        cursor: rows of its list of changes that were read.
        note: the newest checkpoint of its log, with a key.
        reached: the frontier behind the rows that were read, with a key.
        heard: wall clock of the last answer that proved progress or sameness; 0 before the first.
        changed: wall clock of the last look that brought rows.
        fault: how it contradicted itself; None while it did not.
        groups: of which logs are read besides, and how many rows of each were read.
    """

    url: str
    cursor: int = 0
    note: bytes | None = None
    reached: bytes | None = None
    heard: float = 0.0
    changed: float = 0.0
    fault: str | None = None
    groups: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class WantedImage:
    """An image that a subscription asks for, and its place in the subscription's order."""

    subscription: str
    source: str
    identifier: str
    place: int


@dataclass(frozen=True, slots=True)
class SignedEntry:
    """A signed entry that is kept; ``EvidenceStore.data`` has its bytes."""

    entry_id: str
    identifier: str
    groups: frozenset[str]


class EvidenceStore:
    """What marketplaces said, in the site's state."""

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def followed(self, url: str) -> Followed:
        """How far a marketplace was read."""
        row = self._database.find("SELECT * FROM marketplace WHERE url = ?", (url,))
        if row is None:
            return Followed(url)
        groups = tuple((str(name), int(cursor)) for name, cursor in json.loads(row["groups"]))
        return Followed(**{**dict(row), "groups": groups})

    def save_followed(self, followed: Followed) -> None:
        """Write down how far a marketplace was read."""
        with self._database.write():
            self._database.run(
                "INSERT OR REPLACE INTO marketplace "
                "(url, cursor, note, reached, heard, changed, fault, groups) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    followed.url, followed.cursor, followed.note, followed.reached,
                    followed.heard, followed.changed, followed.fault, json.dumps(followed.groups),
                ),
            )  # fmt: skip

    def knows(self, entry_id: str) -> bool:
        """Whether the state has an entry."""
        return self._database.find("SELECT 1 FROM statement WHERE entry_id = ?", (entry_id,)) is not None

    def keep(self, entry: AcceptedEntry, source: str, groups: Iterable[str], now: float) -> bool:
        """Keep an entry that was proven; returns whether it is new."""
        at = entry.coordinates
        with self._database.write():
            return bool(
                self._database.run(
                    "INSERT OR IGNORE INTO statement "
                    "(entry_id, identifier, email, created, scope, source, seen, data) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        entry.entry_id, at.identifier, at.email, at.created_text,
                        ",".join(sorted(groups)), source, now, entry.data,
                    ),
                )
            )  # fmt: skip

    def identifiers(self) -> set[str]:
        """Every image of which something is known."""
        return {row[0] for row in self._database.rows("SELECT DISTINCT identifier FROM statement")}

    def current(self, identifiers: Collection[str] | None = None) -> dict[str, list[SignedEntry]]:
        """The newest entry of each endorser about images, all where none are named.

        Two entries of one second are both here.
        """
        question = (
            "SELECT entry_id, identifier, scope FROM statement s WHERE {where}created = (SELECT max(created) "
            "FROM statement o WHERE o.identifier = s.identifier AND o.email = s.email)"
        )
        found: dict[str, list[SignedEntry]] = {}
        rows = (
            self._database.rows(question.format(where=""))
            if identifiers is None
            else [
                row
                for identifier in identifiers
                for row in self._database.rows(question.format(where="identifier = ? AND "), (identifier,))
            ]
        )
        for row in rows:
            found.setdefault(row["identifier"], []).append(_stored(row))
        return found

    def data(self, entry_id: str) -> bytes | None:
        """The bytes of an entry."""
        row = self._database.find("SELECT data FROM statement WHERE entry_id = ?", (entry_id,))
        return None if row is None else bytes(row["data"])

    def source(self, entry_id: str) -> str | None:
        """The marketplace that showed an entry first."""
        row = self._database.find("SELECT source FROM statement WHERE entry_id = ?", (entry_id,))
        return None if row is None else str(row["source"])

    def groups(self, entry_id: str) -> frozenset[str]:
        """The groups that alone may see an entry; none where it is a public one."""
        row = self._database.find("SELECT scope FROM statement WHERE entry_id = ?", (entry_id,))
        return frozenset() if row is None else frozenset(filter(None, row["scope"].split(",")))

    def set_wishes(self, subscription: str, source: str, identifiers: Sequence[str]) -> bool:
        """What a subscription asks for at one marketplace now; returns whether that is something else."""
        before = [
            row[0]
            for row in self._database.rows(
                "SELECT identifier FROM wish WHERE subscription = ? AND source = ? ORDER BY place",
                (subscription, source),
            )
        ]
        if before == list(identifiers):
            return False
        with self._database.write():
            self._database.run(
                "DELETE FROM wish WHERE subscription = ? AND source = ?", (subscription, source)
            )
            for place, identifier in enumerate(identifiers):
                self._database.run(
                    "INSERT INTO wish (subscription, source, identifier, place) VALUES (?, ?, ?, ?)",
                    (subscription, source, identifier, place),
                )
        return True

    def wishes(self) -> list[WantedImage]:
        """What every subscription asks for, in the order of each."""
        return [
            WantedImage(**dict(row))
            for row in self._database.rows("SELECT * FROM wish ORDER BY subscription, place, source")
        ]

    def covered(self, source: str) -> set[str]:
        """The images for which a marketplace was asked for all earlier entries."""
        return {
            row[0]
            for row in self._database.rows("SELECT identifier FROM covered WHERE source = ?", (source,))
        }

    def note_covered(self, source: str, identifiers: Iterable[str]) -> None:
        """Note that a marketplace was asked for all entries about images."""
        with self._database.write():
            for identifier in identifiers:
                self._database.run(
                    "INSERT OR IGNORE INTO covered (source, identifier) VALUES (?, ?)", (source, identifier)
                )

    def asked(self, subscription: str, source: str) -> tuple[str, float]:
        """With which question, and when, a subscription was asked for at a marketplace."""
        row = self._database.find(
            "SELECT question, at FROM asked WHERE subscription = ? AND source = ?", (subscription, source)
        )
        return ("", 0.0) if row is None else (row["question"], row["at"])

    def note_asked(self, subscription: str, source: str, question: str, at: float) -> None:
        """Write down that a subscription was asked for."""
        with self._database.write():
            self._database.run(
                "INSERT OR REPLACE INTO asked (subscription, source, question, at) VALUES (?, ?, ?, ?)",
                (subscription, source, question, at),
            )

    def forget_wishes(self, subscriptions: Collection[str], sources: Collection[str]) -> None:
        """Forget what subscriptions and marketplaces asked for that are no longer configured."""
        with self._database.write():
            for row in self._database.rows("SELECT DISTINCT subscription, source FROM wish"):
                if row[0] not in subscriptions or row[1] not in sources:
                    values = (row[0], row[1])
                    self._database.run("DELETE FROM wish WHERE subscription = ? AND source = ?", values)
                    self._database.run("DELETE FROM asked WHERE subscription = ? AND source = ?", values)


def _stored(row: sqlite3.Row) -> SignedEntry:
    groups = frozenset(filter(None, row["scope"].split(",")))
    return SignedEntry(row["entry_id"], row["identifier"], groups)
