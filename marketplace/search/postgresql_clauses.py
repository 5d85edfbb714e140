"""Which entries hold a word or phrase, as the database told once: an entry's words never change.

Most searches are for words that others asked for, and words that many entries have take the database longest.
What is known of each is kept as a bitmap. The bitmaps of a query are put together here, and the database is
asked about words that are new here, and about entries that came since. What takes longer than a search may
wait is found out in the background, and kept for the next one who asks (``postgresql_late``).
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock

from cachetools import TTLCache
from pyroaring import BitMap
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from marketplace.search.engine import CurrentKeys
from marketplace.search.errors import SearchUnavailableError, too_costly
from marketplace.search.postgresql_late import QUICKLY, LateAnswers, LateQuestion, is_cancelled
from marketplace.search.words import Clause

#: Milliseconds that the server may take for a statement of a search.
STATEMENT_LIMIT = 1500
#: Bytes of what is known of clauses of an index, and seconds for which it is.
_BYTES, _SECONDS = 8 * 2**20, 600.0
#: Clauses that are remembered as too costly, for the same time.
_HOPELESS = 1000
#: More entries than this are not asked about one by one, but so many keys at a time.
_MOST_ASKED, _AT_A_TIME = 2000, 100_000
#: Bytes that tell of 65,536 keys at the most, and of each of a few keys.
_PIECE, _KEY = 8192, 2


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a clause.

    Args:
        decided: entries of which it is known whether they hold it.
        holding: those that do.
    """

    decided: BitMap
    holding: BitMap


class Clauses:
    """What is known of the clauses of one index. Safe to share between threads.

    Args:
        table: of the index.
        tsquery: writes a clause as a tsquery.
        late: asks for what took too long.
        limit: milliseconds for who holds a clause, while somebody waits.
    """

    def __init__(
        self, table: str, tsquery: Callable[[Clause], str], late: LateAnswers, limit: int = STATEMENT_LIMIT
    ) -> None:
        self._table = table
        self._tsquery = tsquery
        self._late = late
        self._limit = limit
        self._known: TTLCache[Clause, _Known] = TTLCache(_BYTES, _SECONDS, getsizeof=_bytes_of)
        #: What even the background did not find out in its time.
        self._hopeless: TTLCache[Clause, None] = TTLCache(_HOPELESS, _SECONDS)
        #: Entries that were seen in the index, and the state of the log that this is of.
        self._there, self._since = BitMap(), object()
        self._lock = Lock()

    def find(
        self, session: Session, clauses: Sequence[Clause], current: CurrentKeys
    ) -> tuple[dict[Clause, BitMap], BitMap]:
        """Which current entries hold some clauses.

        Args:
            session: of one snapshot.

        Returns:
            by clause those that hold it and perhaps others, and those that are in the index.

        Raises:
            SearchUnavailableError: it takes long; the answer is there the next time.
            SearchRefusedError: it took too long in the background too.
        """
        there, known = self._recall(clauses, current.since)
        asking = _Asking(session, self._table, self._limit)
        came = current.keys - there
        if len(came) > _MOST_ASKED:
            # Of an index that was just opened, or that was behind for long, nearly nothing is known.
            there, came = there | asking.present(came), BitMap()
            self._keep({}, there, current.since)
        visible = there & current.keys
        open_ = {clause: visible - one.decided for clause, one in known.items()}
        known = {clause: one for clause, one in known.items() if len(open_[clause]) <= _MOST_ASKED}
        missing = [clause for clause in clauses if clause not in known]
        if any(self._late.is_waiting(self._question(clause)) for clause in missing):
            raise self._postpone(missing, there, current.since)
        for number, clause in enumerate(missing):
            holding = asking.holding(self._tsquery(clause))
            if holding is None:
                raise self._postpone(missing[number:], there, current.since)
            known[clause] = _Known(there, holding)
            self._keep(known, there, current.since)
        undecided = BitMap.union(came, *(visible - one.decided for one in known.values()))
        if undecided:
            words = [self._tsquery(clause) for clause in known]
            seen, *held = asking.holding_among(words, undecided)
            there = there | seen
            known = {
                clause: _Known(one.decided | seen, one.holding | holding)
                for (clause, one), holding in zip(known.items(), held, strict=True)
            }
            self._keep(known, there, current.since)
        asking.end()
        return {clause: one.holding for clause, one in known.items()}, there & current.keys

    def _question(self, clause: Clause) -> LateQuestion:
        return LateQuestion(_holding(self._table), self._tsquery(clause))

    def _postpone(self, clauses: Sequence[Clause], there: BitMap, since: Hashable) -> SearchUnavailableError:
        """Have clauses looked up in the background; returns the refusal of the search."""
        waits = [
            self._late.put(self._question(clause), partial(self._learn, clause, there, since))
            for clause in clauses
        ]
        return SearchUnavailableError(
            "Finding all images with these words takes longer than usual. The search goes on meanwhile: "
            f"ask again in {max(waits)} seconds.",
            max(waits),
        )

    def _learn(self, clause: Clause, there: BitMap, since: Hashable, told: bytes | None) -> None:
        """Keep an answer that came late; None where even that took too long."""
        known = None if told is None else _Known(there, _unpacked(told))
        with self._lock:
            if self._since == since and (known is None or not self._store(clause, known)):
                self._hopeless[clause] = None

    def _recall(self, clauses: Sequence[Clause], since: Hashable) -> tuple[BitMap, dict[Clause, _Known]]:
        with self._lock:
            if any(clause in self._hopeless for clause in clauses):
                raise too_costly()
            if self._since != since:
                # Entries may have become current again that the index did not have meanwhile.
                self._known.clear()
                self._there, self._since = BitMap(), since
            found = ((clause, self._known.get(clause)) for clause in clauses)
            return self._there, {clause: one for clause, one in found if one is not None}

    def _keep(self, known: Mapping[Clause, _Known], there: BitMap, since: Hashable) -> None:
        there.run_optimize()
        with self._lock:
            if self._since != since:
                return
            self._there = there
            for clause, one in known.items():
                self._store(clause, one)

    def _store(self, clause: Clause, one: _Known) -> bool:
        one.decided.run_optimize()
        fits = _bytes_of(one) <= _BYTES // 4
        if fits:
            self._known[clause] = one
        return fits


#: One value of four bytes an entry: rows of one number each take ten times as long to arrive.
_PACKED = "string_agg(int4send(CAST(entry_key AS int4)), '')"


def _holding(table: str) -> str:
    """Who fits a tsquery, which is its one value."""
    return f"SELECT {_PACKED} FROM {table} WHERE entry_key > 0 AND words @@ CAST(%s AS tsquery)"  # noqa: S608 - a hash


class _Asking:
    """Questions of one search; what holds words takes about as long as a statement may in all, and no longer.

    Args:
        session: whose settings are at the end what they were before.
        limit: milliseconds for a statement that looks for who holds words.
    """

    def __init__(self, session: Session, table: str, limit: int) -> None:
        self._session = session
        self._table = table
        self._limit = limit
        self._deadline = 0.0
        #: The limit that is set in the session, 0 for none, and how the settings were before.
        self._set = 0
        self._before: dict[str, str] = {}

    def present(self, keys: BitMap) -> BitMap:
        """Which of many entries are in the index, and others between them: in parts, as long as it takes."""
        condition = "entry_key BETWEEN :first AND :last"
        starts = range(max(1, keys.min()), keys.max() + 1, _AT_A_TIME)
        parts = [
            self._ask(
                f"SELECT {_PACKED} FROM {self._table} WHERE {condition}",  # noqa: S608 - a hash
                first=first,
                last=first + _AT_A_TIME - 1,
            )[0]
            for first in starts
        ]
        return BitMap.union(BitMap(), *parts)

    def holding(self, words: str) -> BitMap | None:
        """The entries that fit a tsquery; None where the time for all of them is over."""
        now = time.monotonic()
        self._deadline = self._deadline or now + self._limit / 1000
        if now > self._deadline:
            return None
        self._prepare(self._limit)
        try:
            told = self._session.connection().exec_driver_sql(_holding(self._table), (words,)).scalar_one()
        except DBAPIError as error:
            if is_cancelled(error):
                return None
            raise
        return _unpacked(told)

    def holding_among(self, words: Sequence[str], among: BitMap) -> list[BitMap]:
        """Which of some entries are in the index, and which of these fit each of some tsqueries."""
        fits = (f"{_PACKED} FILTER (WHERE words @@ CAST(:w{n} AS tsquery))" for n in range(len(words)))
        return self._ask(
            f"SELECT {', '.join((_PACKED, *fits))} FROM {self._table} WHERE entry_key = ANY(:among)",  # noqa: S608 - constants and a hash
            among=list(among),
            **{f"w{n}": one for n, one in enumerate(words)},
        )

    def end(self) -> None:
        """Leave the session as it was."""
        if self._set:
            self._session.execute(text(f"SELECT {_setting(self._before)}"))

    def _prepare(self, limit: int) -> None:
        if self._set == limit:
            return
        wanted = {"statement_timeout": str(limit), **QUICKLY}
        before = ", ".join(f"current_setting('{name}')" for name in wanted)
        found = self._session.execute(text(f"SELECT {before}, {_setting(wanted)}")).one()
        self._set, self._before = limit, self._before or dict(zip(wanted, found, strict=False))

    def _ask(self, statement: str, **values: object) -> list[BitMap]:
        self._prepare(STATEMENT_LIMIT)
        return [_unpacked(told) for told in self._session.execute(text(statement), values).one()]


def _setting(wanted: Mapping[str, str]) -> str:
    """What sets some settings until the end of the transaction."""
    return ", ".join(f"set_config('{name}', '{value}', true)" for name, value in wanted.items())


def _unpacked(told: bytes | None) -> BitMap:
    """The keys that were told as four bytes each."""
    keys = array("I")
    keys.frombytes(told or b"")
    if sys.byteorder == "little":
        keys.byteswap()
    return BitMap(keys)


def _bytes_of(one: _Known) -> int:
    """Bytes of memory, about."""
    count = len(one.holding)
    pieces = 1 + (one.holding.max() - one.holding.min()) // 65_536 if count else 0
    # What is decided is nearly everything, and known by where it begins and ends.
    return 500 + min(_KEY * count + 16 * pieces, _PIECE * pieces) + 32 * pieces
