"""Which entries are current, and what lists filter by, as bitmaps in memory that follow the logs.

A key of an entry means the same in every log, so a reader of fifty logs is
answered by the same few operations on bitmaps as a reader of one. Each process
has a memory of its own; it holds nothing that the database does not.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from threading import RLock

from pyroaring import BitMap
from sqlalchemy.orm import Session

from marketplace.entries.following import (
    Listed,
    Superseded,
    read_listed,
    read_rivals,
    read_superseded,
)
from marketplace.entries.query import EntryQuery, LocationFilter, StatusFilter
from marketplace.entries.texts import Texts, gather
from marketplace.models.base import to_seconds
from marketplace.models.current import FOREVER
from marketplace.rules.columns import Column
from marketplace.rules.visibility import Scope

#: Sets of readers' logs whose entries are remembered.
_SCOPES = 64
#: Texts that are taken into the index of words at a time.
_INDEXED = 1000
#: Entries taken in at a time.
_TAKEN = 2000
#: More new moments of expiry than this are put in by sorting anew.
_MANY = 500


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a set of logs shows.

    Args:
        sizes: of the logs, as far as it is known what they hide from each other.
    """

    sizes: tuple[int, ...]
    hidden: BitMap
    shown: BitMap


class ListMemory:
    """The current entries of all logs that somebody asked for. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._reading = RLock()
        #: Keys of the current entries of each log; replaced, never changed, so that they can be handed out.
        self._logs: dict[int, BitMap] = {}
        self._positions: dict[int, int] = {}
        self._revisions: dict[int, int] = {}
        self._seen: OrderedDict[tuple[int, ...], _Seen] = OrderedDict()
        self._deprecated = BitMap()
        self._web = BitMap()
        self._pdisk = BitMap()
        self._emails: dict[str, BitMap] = {}
        self._texts = Texts()
        #: Last valid second and key of everything that can expire, ascending.
        self._expiring: list[tuple[int, int]] = []
        self._expired = BitMap()
        self._expired_at = -FOREVER

    def catch_up(self, session: Session, scope: Scope) -> None:
        """Read what the logs of a scope have beyond what is known here."""
        for key, size, revision in scope.version:
            if self._lacks(key, size, revision):
                self._read(session, key, size, revision)

    def shown(self, session: Session, scope: Scope) -> BitMap:
        """Keys of what a scope shows, one entry for each image and endorser; treat it as frozen.

        Where another thread has read more of the logs than this session sees, that counts too.
        """
        self.catch_up(session, scope)
        if len(scope.sizes) < 2:
            return self._logs[scope.keys[0]] if scope.sizes else BitMap()
        with self._reading:
            seen = self._seen.get(scope.keys)
            if seen is None or seen.sizes != tuple(self._positions[key] for key in scope.keys):
                seen = self._seen[scope.keys] = self._look(session, scope, seen)
            self._seen.move_to_end(scope.keys)
            while len(self._seen) > _SCOPES:
                self._seen.popitem(last=False)
            return seen.shown

    def filtered(self, query: EntryQuery, among: BitMap) -> BitMap:
        """Those of some entries whose status, location and endorser a query asks for."""
        with self._lock:
            if query.status is StatusFilter.DEPRECATED:
                among = among & self._deprecated
            elif query.status is StatusFilter.EXPIRED:
                among = among & self._expired_by(to_seconds(query.now))
            elif query.status is StatusFilter.VALID:
                among = among - self._deprecated - self._expired_by(to_seconds(query.now))
            if query.location is LocationFilter.WEB:
                among = among & self._web
            elif query.location is LocationFilter.PDISK:
                among = among & self._pdisk
            if query.email is not None:
                among = among & self._emails.get(query.email, BitMap())
            return among

    def held(self, log_id: int) -> BitMap:
        """Keys of the current entries of a log that was read; treat it as frozen."""
        return self._logs[log_id]

    def find(self, column: Column | None, word: str, among: BitMap) -> tuple[BitMap, BitMap]:
        """Those of some entries that hold a word, and those only the database can tell of; see ``Texts``."""
        with self._lock:
            return self._texts.find(column, word, among)

    def note(self, column: Column | None, word: str, checked: BitMap, holding: BitMap) -> None:
        """Keep what the database told about a word."""
        with self._lock:
            self._texts.note(column, word, checked, holding)

    def forget_words(self) -> None:
        """Drop what was decided about words, as if nobody had asked yet."""
        with self._lock:
            self._texts.forget()

    def index_words(self) -> None:
        """Make the index of words complete. It takes a while; lists are answered meanwhile, slower."""
        while True:
            with self._lock:
                texts = self._texts.without_grams(_INDEXED)
            if not texts:
                return
            grams = gather(texts)
            with self._lock:
                self._texts.index([key for key, _ in texts], grams)

    def _lacks(self, log_id: int, size: int, revision: int) -> bool:
        """Whether a snapshot of a log is newer than what is known of it."""
        known = self._revisions.get(log_id, -1), self._positions.get(log_id, -1)
        return known < (revision, size)

    def _read(self, session: Session, log_id: int, size: int, revision: int) -> None:
        # One thread reads; the others wait for what it reads, which is what they want too.
        with self._reading:
            if not self._lacks(log_id, size, revision):
                return
            # Where other rows are shown than those that were read, all of them are read anew.
            anew = self._revisions.get(log_id, revision) != revision
            position = 0 if anew else self._positions.get(log_id, 0)
            # The database is read without the other lock, so that lists go on meanwhile.
            gone = read_superseded(session, log_id, position, size) if position else []
            # An entry is the same in every log: it is known as long as one of them shows it.
            known = BitMap.union(*self._logs.values()) if self._logs else BitMap()
            shown, listed = BitMap(), read_listed(session, log_id, position, size)
            while chunk := list(islice(listed, _TAKEN)):
                with self._lock:
                    self._add([one for one in chunk if one.key not in known])
                shown.update([one.key for one in chunk])
            held = self._logs.get(log_id, BitMap())
            with self._lock:
                self._logs[log_id] = shown if anew else (held - BitMap([one.key for one in gone])) | shown
                for one in gone:
                    if one.key in known and not any(one.key in keys for keys in self._logs.values()):
                        self._remove(one)
                if anew:
                    self._forget(held - BitMap.union(*self._logs.values()))
                self._positions[log_id], self._revisions[log_id] = size, revision
                if anew:
                    # Whatever these sets of logs hide from each other may be something else now.
                    self._seen.clear()
            if position:
                # A few new entries; very many at once, as at the start, are indexed by whoever warms it up.
                self._index(len(shown))

    def _index(self, read: int) -> None:
        if read <= _INDEXED:
            with self._lock:
                texts = self._texts.without_grams(_INDEXED)
                self._texts.index([key for key, _ in texts], gather(texts))

    def _look(self, session: Session, scope: Scope, seen: _Seen | None) -> _Seen:
        if seen is None:
            hidden = BitMap(read_rivals(session, scope, None)[0])
            known = tuple(size for _, size in scope.sizes)
        else:
            losing, winning = read_rivals(session, scope, dict(zip(scope.keys, seen.sizes, strict=True)))
            hidden = (seen.hidden - BitMap(winning)) | BitMap(losing)
            known = tuple(map(max, seen.sizes, (size for _, size in scope.sizes)))
        return _Seen(known, hidden, BitMap.union(*(self._logs[key] for key in scope.keys)) - hidden)

    def _add(self, many: Iterable[Listed]) -> None:
        expiring = []
        for one in many:
            if one.deprecated:
                self._deprecated.add(one.key)
            elif one.valid_until != FOREVER:
                expiring.append((one.valid_until, one.key))
                if one.valid_until < self._expired_at:
                    self._expired.add(one.key)
            if one.has_web:
                self._web.add(one.key)
            if one.has_pdisk:
                self._pdisk.add(one.key)
            self._emails.setdefault(one.email, BitMap()).add(one.key)
            self._texts.add(one.key, one.leading, one.search_text)
        if len(expiring) > _MANY:
            self._expiring = sorted(self._expiring + expiring)
        else:
            for moment in expiring:
                insort(self._expiring, moment)

    def _remove(self, one: Superseded) -> None:
        for held in (self._deprecated, self._web, self._pdisk, self._expired):
            held.discard(one.key)
        self._emails[one.email].discard(one.key)
        if not self._emails[one.email]:
            del self._emails[one.email]
        self._texts.remove(one.key)
        moment = one.valid_until, one.key
        place = bisect_left(self._expiring, moment)
        if self._expiring[place : place + 1] == [moment]:
            del self._expiring[place]

    def _forget(self, keys: BitMap) -> None:
        """Drop entries of which the database may not say any more what it said: they may have been erased."""
        if not keys:
            return
        for held in (self._deprecated, self._web, self._pdisk, self._expired, *self._emails.values()):
            held.difference_update(keys)
        self._emails = {email: held for email, held in self._emails.items() if held}
        self._expiring = [moment for moment in self._expiring if moment[1] not in keys]
        for key in keys:
            self._texts.remove(key)

    def _expired_by(self, now: int) -> BitMap:
        """Keys of the entries whose last valid second is past; the clock mostly moves a little ahead."""
        first, last = sorted((self._expired_at, now))
        start, end = bisect_left(self._expiring, (first, -1)), bisect_left(self._expiring, (last, -1))
        moved = BitMap([key for _, key in self._expiring[start:end]])
        if now > self._expired_at:
            self._expired |= moved
        else:
            self._expired -= moved
        self._expired_at = now
        return self._expired
