"""What people at the site said about an image. It counts until somebody says otherwise, or it ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from marketplace.sites.state.database import StateDatabase
from marketplace.sites.state.history import History


class WordKind(StrEnum):
    """The kinds of words that people at a site say about an image."""

    #: Have it, though no subscription asks for it; the policy still has to allow it.
    IMPORT = "import"
    #: No machine may start it.
    WITHDRAW = "withdraw"
    #: Keep it as it is: neither bring it in nor take it out by what subscriptions say.
    HOLD = "hold"
    #: Take back what was said.
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Word:
    """A person's statement; times are wall clock, ``until`` is None for one without end."""

    identifier: str
    kind: WordKind
    reason: str
    author: str
    since: float
    until: float | None


class WordTable:
    """The table of words."""

    def __init__(self, database: StateDatabase, history: History) -> None:
        self._database = database
        self._history = history

    def say(self, word: Word) -> None:
        """Write a word down."""
        with self._database.write():
            self._database.run(
                "INSERT INTO word (identifier, kind, reason, author, since, until) VALUES (?, ?, ?, ?, ?, ?)",
                (word.identifier, word.kind.value, word.reason, word.author, word.since, word.until),
            )
            self._history.note(
                word.since, f"{word.kind.value} by hand", f"{word.reason} ({word.author})", word.identifier
            )

    def find(self, identifier: str, now: float) -> Word | None:
        """What counts for an image at a moment."""
        return self.all(now).get(identifier)

    def all(self, now: float) -> dict[str, Word]:
        """What counts at a moment, by image."""
        found: dict[str, Word] = {}
        for row in self._database.rows(
            "SELECT identifier, kind, reason, author, since, until FROM word ORDER BY id"
        ):
            word = Word(row[0], WordKind(row[1]), row[2], row[3], row[4], row[5])
            if word.until is None or word.until > now:
                found[word.identifier] = word
        return {name: word for name, word in found.items() if word.kind is not WordKind.RELEASE}
