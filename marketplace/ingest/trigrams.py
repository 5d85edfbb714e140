"""SQLite's index of the words in lists, brought up to date once in a transaction.

FTS5 writes what it gathered to disk whenever a statement needs a savepoint, and a
trigger makes every statement need one: row by row the index costs more than
everything else that is stored. So the rows are handed over all together, in
statements of their own, before the commit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import Connection, text

from marketplace.models.current import TRIGRAMS

_EXISTS = text("SELECT count(*) FROM sqlite_master WHERE name = :name").bindparams(name=TRIGRAMS)
_NEWEST = text("SELECT coalesce(max(id), 0) FROM current")
# FTS5 keeps no text of its own: to forget a row it has to be told what it learnt.
_FORGET = text(
    f"INSERT INTO {TRIGRAMS} ({TRIGRAMS}, rowid, search_text) VALUES ('delete', :key, :learnt)"  # noqa: S608  # no input
)
_LEARN = text(
    f"INSERT INTO {TRIGRAMS} (rowid, search_text) SELECT id, search_text FROM current"  # noqa: S608  # no input
    " WHERE id > :newest OR id IN (SELECT value FROM json_each(:keys))"
)


class TrigramIndex:
    """The index within one transaction that writes to ``current``; make it before the first row is written.

    What a savepoint undoes needs no word: rows are read when the index learns them.
    PostgreSQL, and a SQLite without FTS5, have no such index, and this does nothing.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept = connection.dialect.name == "sqlite" and connection.execute(_EXISTS).scalar_one() > 0
        self._newest: int = connection.execute(_NEWEST).scalar_one() if self._kept else 0
        self._learnt: dict[int, str] = {}

    def note(self, learnt: Mapping[int, str]) -> None:
        """Say which rows are about to change.

        Args:
            learnt: by their keys, the texts that they have.
        """
        for key, words in learnt.items():
            if key <= self._newest:
                self._learnt.setdefault(key, words)

    def finish(self) -> None:
        """Forget how changed rows were, and learn them and the new ones as they are."""
        if not self._kept:
            return
        if self._learnt:
            self._connection.execute(
                _FORGET, [{"key": key, "learnt": words} for key, words in self._learnt.items()]
            )
        self._connection.execute(_LEARN, {"newest": self._newest, "keys": json.dumps(list(self._learnt))})
        self._newest = self._connection.execute(_NEWEST).scalar_one()
        self._learnt.clear()
