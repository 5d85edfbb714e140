"""Which entries hold a word or phrase, as the database told once: an entry's words never change.

Most searches are for words that others asked for, and words that many entries have take the database longest.
What is known of each is kept as a bitmap. The bitmaps of a query are put together here, and the database is
asked about words that are new here, and about entries that came since.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from cachetools import TTLCache
from pyroaring import BitMap
from sqlalchemy import text
from sqlalchemy.orm import Session

from marketplace.search.engine import CurrentKeys
from marketplace.search.errors import too_costly
from marketplace.search.words import Clause

#: Milliseconds that the server may take for a statement of a search.
STATEMENT_LIMIT = 1500
#: Bytes of what is known of clauses of an index, and seconds for which it is.
_BYTES, _SECONDS = 8 * 2**20, 600.0
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
        clock: seconds.
    """

    def __init__(
        self, table: str, tsquery: Callable[[Clause], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._table = table
        self._tsquery = tsquery
        self._known: TTLCache[Clause, _Known] = TTLCache(_BYTES, _SECONDS, clock, _bytes_of)
        #: Entries that were seen in the index, and the state of the log that this is of.
        self._there, self._since = BitMap(), object()
        self._lock = Lock()

    def clear(self) -> None:
        """Forget everything, as a process that just started knows nothing."""
        with self._lock:
            self._known.clear()
            self._there, self._since = BitMap(), object()

    def find(
        self, session: Session, clauses: Sequence[Clause], current: CurrentKeys
    ) -> tuple[dict[Clause, BitMap], BitMap]:
        """Which current entries hold some clauses.

        Args:
            session: of one snapshot.

        Returns:
            by clause those that hold it and perhaps others, and those that are in the index.
        """
        there, known = self._recall(clauses, current.since)
        asking = _Asking(session, self._table)
        came = current.keys - there
        if len(came) > _MOST_ASKED:
            # Of an index that was just opened, or that was behind for long, nearly nothing is known.
            there, came = there | asking.present(came), BitMap()
            self._keep({}, there, current.since)
        visible = there & current.keys
        open_ = {clause: visible - one.decided for clause, one in known.items()}
        known = {clause: one for clause, one in known.items() if len(open_[clause]) <= _MOST_ASKED}
        for clause in clauses:
            if clause not in known:
                known[clause] = _Known(there, asking.holding(self._tsquery(clause)))
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

    def _recall(self, clauses: Sequence[Clause], since: Hashable) -> tuple[BitMap, dict[Clause, _Known]]:
        with self._lock:
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
                one.decided.run_optimize()
                if _bytes_of(one) <= _BYTES // 4:
                    self._known[clause] = one


#: One value of four bytes an entry: rows of one number each take ten times as long to arrive.
_PACKED = "string_agg(int4send(CAST(entry_key AS int4)), '')"


class _Asking:
    """Questions of one search; what holds words takes about as long as a statement may in all, and no longer.

    Args:
        session: in which nothing is limited before and afterwards.
    """

    def __init__(self, session: Session, table: str) -> None:
        self._session = session
        self._table = table
        self._deadline, self._limited = 0.0, False

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

    def holding(self, words: str) -> BitMap:
        """The entries that fit a tsquery.

        Raises:
            SearchRefusedError: the time for all of them is over.
        """
        now = time.monotonic()
        self._deadline = self._deadline or now + STATEMENT_LIMIT / 1000
        if now > self._deadline:
            raise too_costly()
        condition = "entry_key > 0 AND words @@ CAST(:words AS tsquery)"
        return self._ask(f"SELECT {_PACKED} FROM {self._table} WHERE {condition}", words=words)[0]  # noqa: S608 - a hash

    def holding_among(self, words: Sequence[str], among: BitMap) -> list[BitMap]:
        """Which of some entries are in the index, and which of these fit each of some tsqueries."""
        fits = (f"{_PACKED} FILTER (WHERE words @@ CAST(:w{n} AS tsquery))" for n in range(len(words)))
        return self._ask(
            f"SELECT {', '.join((_PACKED, *fits))} FROM {self._table} WHERE entry_key = ANY(:among)",  # noqa: S608 - constants and a hash
            among=list(among),
            **{f"w{n}": one for n, one in enumerate(words)},
        )

    def end(self) -> None:
        """Limit nothing any more in the session."""
        if self._limited:
            self._session.execute(text("SET LOCAL statement_timeout TO DEFAULT"))

    def _ask(self, statement: str, **values: object) -> list[BitMap]:
        if not self._limited:
            # Compiling such a statement takes longer than it saves.
            limits = (
                f"set_config('statement_timeout', '{STATEMENT_LIMIT}', true), set_config('jit', 'off', true)"
            )
            self._session.execute(text(f"SELECT {limits}"))
            self._limited = True
        return [_unpacked(told) for told in self._session.execute(text(statement), values).one()]


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
