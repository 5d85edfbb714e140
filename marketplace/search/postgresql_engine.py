"""The engine of a marketplace on PostgreSQL: its full text search, one table a log.

Words are cut here and written as ready-made tsvectors, so the server's parsers,
dictionaries and locale never see the text. A word of a field is in the vector
twice: as itself, and with the field's name before it. Both have one position,
so phrases work in a field as they do anywhere.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from hashlib import sha256

from pyroaring import BitMap
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from marketplace.db import Database
from marketplace.entries.bounded_cache import BoundedCache
from marketplace.search.document import ENTRY_WORDS, SearchDocument, runs
from marketplace.search.engine import (
    SCHEMA_VERSION,
    START,
    CurrentKeys,
    Equals,
    IndexBatch,
    Matches,
    Position,
    Ranked,
)
from marketplace.search.errors import IndexBrokenError, SearchError, too_costly
from marketplace.search.postgresql_clauses import STATEMENT_LIMIT, Clauses
from marketplace.search.postgresql_late import LATE_LIMIT, LateAnswers, is_cancelled
from marketplace.search.words import Clause, Match, SearchField, WordQuery

#: More entries than this are not ranked word by word: reading their vectors takes longer than anybody waits.
RANKED_ENTRIES = 1500
#: Bytes of scores that are remembered.
SCORE_BYTES = 4 * 2**20

_SCHEMA = "marketplace_search"
#: Key of the one row that is no entry: its note holds the position, so both commit together.
_POSITION_KEY = 0
#: Makes the row of an entry so long that the server keeps its vector beside the table.
_LENGTH = " " * 2100


class PostgresqlEngine:
    """Tables in a schema of their own, which no migration knows: they can go at any time.

    Args:
        limit: milliseconds for who has a word, while somebody waits.
        late_limit: the same in the background.
    """

    name = "postgresql"

    def __init__(
        self, database: Database, limit: int = STATEMENT_LIMIT, late_limit: int = LATE_LIMIT
    ) -> None:
        if database.dialect != "postgresql":
            raise ValueError("search.engine = postgresql needs a PostgreSQL database")
        self._database = database
        self._limit = limit
        self._late = LateAnswers(database, late_limit)

    def copy(self) -> str:
        """See SearchEngine: all processes use the one of the database."""
        return ""

    def has(self, log: str) -> bool:
        """Whether there is an index of a log; see SearchEngine."""
        with self._database.read() as session:
            return _exists(session, _table(log))

    def open(self, log: str) -> PostgresqlIndex:
        """Open or begin a log's index; see SearchEngine."""
        table = _table(log)
        with _broken(table), self._database.write() as session:
            # CREATE ... IF NOT EXISTS fails when two processes start at the same moment.
            session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": _SCHEMA})
            if not _exists(session, table):
                _create(session, table)
        opened = PostgresqlIndex(self._database, table, Clauses(table, _clause, self._late, self._limit))
        opened.position()
        return opened

    def destroy(self, log: str) -> None:
        """Remove a log's index; see SearchEngine."""
        with _broken(log), self._database.write() as session:
            session.execute(text(f"DROP TABLE IF EXISTS {_table(log)}"))


class PostgresqlIndex:
    """The table of a log; see SearchIndex."""

    def __init__(self, database: Database, table: str, clauses: Clauses) -> None:
        self._database = database
        self._table = table
        self._clauses = clauses
        #: What entries score for lexemes.
        self._scores: BoundedCache[Hashable, Ranked] = BoundedCache(SCORE_BYTES, Ranked.bytes)

    def position(self) -> Position:
        """How far it follows the log; see SearchIndex."""
        with _broken(self._table), self._database.read() as session:
            told = session.scalar(
                text(f"SELECT note FROM {self._table} WHERE entry_key = {_POSITION_KEY}")  # noqa: S608 - a hash
            )
            if told is None:
                return START
            version, *position = json.loads(told)
            if version != SCHEMA_VERSION:
                raise IndexBrokenError(
                    f"{self._table} has schema {version}, and this is schema {SCHEMA_VERSION}"
                )
            return Position(*position)

    def apply(self, batch: IndexBatch) -> None:
        """Commit a batch; see SearchIndex."""
        put = text(
            f"INSERT INTO {self._table} (entry_key, words, note)"  # noqa: S608 - a hash
            " VALUES (:key, CAST(:words AS tsvector), :note) ON CONFLICT (entry_key)"
            " DO UPDATE SET words = excluded.words, note = excluded.note"
        )
        note = json.dumps([SCHEMA_VERSION, *astuple(batch.position)])
        rows = [{"key": one.entry_key, "words": _vector(one), "note": _LENGTH} for one in batch.documents]
        rows.append({"key": _POSITION_KEY, "words": "", "note": note})
        with _broken(self._table), self._database.write() as session:
            if batch.forgotten:
                forget = text(f"DELETE FROM {self._table} WHERE entry_key = ANY(:keys)")  # noqa: S608 - a hash
                session.execute(forget, {"keys": list(batch.forgotten)})
            session.execute(put, rows)

    def match(self, query: WordQuery, current: CurrentKeys) -> Matches:
        """Find the entries that fit; see SearchIndex."""
        whole = self.position().whole
        keys = self._find(query.required, query.excluded, current) if whole else BitMap()
        return PostgresqlMatches(self, query, keys, current, whole=whole)

    def best(
        self, query: WordQuery, current: CurrentKeys, among: BitMap, limit: int, last: float | None
    ) -> list[Equals]:
        """The best-fitting entries among some; see Matches."""
        scoring = _scoring(query)
        if len(among) > RANKED_ENTRIES or not scoring:
            coarse = self._coarsely(scoring, current, among)
            return [one for one in coarse if one.keys and (last is None or one.score <= last)]
        return self._ranked(tuple(scoring), current.since, among).best(among, limit, last)

    def _ranked(self, scoring: tuple[str, ...], since: Hashable, among: BitMap) -> Ranked:
        """Entries by what they score for some lexemes, which never changes: at least those given."""
        ranked = self._scores.find((scoring, since)) or Ranked((), whole=True)
        missing = among - ranked.keys
        if missing:
            with _broken(self._table), self._database.read() as session:
                session.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_LIMIT}"))
                found = session.execute(
                    text(
                        "SELECT entry_key, ts_rank(words, CAST(:words AS tsquery), 1)::float8 AS score"  # noqa: S608 - a hash
                        f" FROM {self._table} WHERE entry_key = ANY(:among)"
                    ),
                    {"words": " | ".join(f"'{lexeme}'" for lexeme in scoring), "among": list(missing)},
                )
                ranked = Ranked(((row.score, row.entry_key) for row in found), whole=True, before=ranked)
                session.execute(text("SET LOCAL statement_timeout TO DEFAULT"))
            self._scores.keep((scoring, since), ranked)
        return ranked

    def close(self) -> None:
        """The database belongs to the process, which closes it."""

    def _coarsely(self, scoring: list[str], current: CurrentKeys, among: BitMap) -> list[Equals]:
        """Entries with all the words in the title first, then the rest."""
        titled = BitMap()
        if scoring:
            in_title = [Clause((lexeme.rpartition(":")[2],), SearchField.TITLE) for lexeme in scoring]
            titled = self._find(in_title, (), current) & among
        return [Equals(1.0, titled), Equals(0.0, among - titled)]

    def _find(self, required: Sequence[Clause], excluded: Sequence[Clause], current: CurrentKeys) -> BitMap:
        clauses = list(dict.fromkeys((*required, *excluded)))
        with _broken(self._table), self._database.read() as session:
            holding, keys = self._clauses.find(session, clauses, current)
        for clause in required:
            keys = keys & holding[clause]
        for clause in excluded:
            keys = keys - holding[clause]
        return keys


class PostgresqlMatches:
    """The answer to one query; see Matches."""

    def __init__(
        self, owner: PostgresqlIndex, query: WordQuery, keys: BitMap, current: CurrentKeys, *, whole: bool
    ) -> None:
        self._owner = owner
        self._query = query
        self._current = current
        self.keys = keys
        self.whole = whole

    def best(self, among: BitMap, limit: int, last: float | None = None) -> list[Equals]:
        """The best-fitting entries among some; see Matches."""
        return self._owner.best(self._query, self._current, among & self.keys, limit, last)

    def score_of(self, entry_key: int) -> None:
        """The score of an entry, which never depends on other entries; see Matches."""


def _table(log: str) -> str:
    """The table of a log. A hash, so no name of a log is ever part of a statement."""
    return f"{_SCHEMA}.words_{sha256(log.encode()).hexdigest()[:20]}"


def _exists(session: Session, table: str) -> bool:
    return session.scalar(text("SELECT to_regclass(:name)"), {"name": table}) is not None


def _create(session: Session, table: str) -> None:
    session.execute(text(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}"))
    # Vectors live beside the table, so that finding keys reads short rows only. The server moves nothing of a
    # row of less than two kilobytes, so rows are longer: by spaces, of which it keeps some bytes.
    session.execute(
        text(
            f"CREATE TABLE {table} (entry_key bigint PRIMARY KEY, words tsvector NOT NULL, note text)"
            " WITH (toast_tuple_target = 128)"
        )
    )
    session.execute(text(f"ALTER TABLE {table} ALTER COLUMN words SET STORAGE EXTERNAL"))
    session.execute(text(f"ALTER TABLE {table} ALTER COLUMN note SET STORAGE MAIN"))
    session.execute(text(f"CREATE INDEX ON {table} USING gin (words)"))


def _vector(document: SearchDocument) -> str:
    places: dict[str, list[str]] = defaultdict(list)
    position = 1
    fields = [(f"{field.value}:", found) for field, found in document.field_words().items()]
    for prefix, found in [*fields, ("", runs(document.further))]:
        weight = "A" if prefix == "title:" else ""
        for run in found:
            for word in run[: max(0, ENTRY_WORDS - position)]:
                places[word].append(f"{position}{weight}")
                if prefix:
                    places[prefix + word].append(f"{position}{weight}")
                position += 1
            position += 1  # a gap, so that no phrase spans two runs
    return " ".join(f"'{word}':{','.join(at)}" for word, at in places.items())


def _lexemes(clause: Clause) -> list[str]:
    prefix = f"{clause.field.value}:" if clause.field else ""
    return [prefix + word for word in clause.words]


def _clause(clause: Clause) -> str:
    end = ":*" if clause.match is Match.PREFIX else ""
    return "(" + " <-> ".join(f"'{lexeme}'{end}" for lexeme in _lexemes(clause)) + ")"


def _scoring(query: WordQuery) -> list[str]:
    """The lexemes that score."""
    exact = (clause for clause in query.required if clause.match is Match.EXACT)
    return list(dict.fromkeys(lexeme for clause in exact for lexeme in _lexemes(clause)))


@contextmanager
def _broken(table: str) -> Iterator[None]:
    """Turn the server's errors into the search's."""
    try:
        yield
    except SearchError:
        raise
    except DBAPIError as error:
        if is_cancelled(error):
            raise too_costly() from None
        if isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) is None:
            raise  # the server is away, which says nothing about the index
        raise IndexBrokenError(f"{table}: {error.orig}") from error
    except (ValueError, TypeError) as error:
        raise IndexBrokenError(f"{table}: its position cannot be read: {error}") from error
