"""The current entries of the logs that somebody asked for, following the logs.

Each process has one. It holds nothing that the database does not: it is read at start, and caught up before
it answers.
"""

from __future__ import annotations

import gc
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from threading import RLock, Timer

from cachetools import LRUCache
from pyroaring import BitMap
from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.access.principal import Principal
from marketplace.catalogue.loading import find_renewed, load_current, load_trusted
from marketplace.catalogue.logs import CatalogueLog, ListedVerdict, load_verdicts
from marketplace.catalogue.sections import Reader, Writer
from marketplace.catalogue.values import Values
from marketplace.catalogue.view import CatalogueView
from marketplace.db import Database
from marketplace.models import Log, TrustState
from marketplace.rules.columns import Column
from marketplace.rules.visibility import Stand, VisibleLogs, find_scope

#: More entries read at once than this are kept from the garbage collector.
_FROZEN = 5000
#: Sets of readers' logs whose views are remembered.
_REMEMBERED = 64
#: Seconds between two times at which the file is kept out of memory.
_SECONDS = 0.25
#: Entries taken in at a time.
_TAKEN = 2000


class Catalogue:
    """The current entries of all logs that somebody asked for. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._reading = RLock()
        self._logs: dict[int, CatalogueLog] = {}
        self._values = Values()
        #: Verdicts on certificates, and the revision up to which they were read.
        self._verdicts: dict[int, ListedVerdict] = {}
        self._revision = 0
        self._views: LRUCache[tuple[int, ...], CatalogueView] = LRUCache(_REMEMBERED)
        #: How often entries went, how many look at views as of then, and what went when and is still held.
        self._generation = 0
        self._lookers: Counter[int] = Counter()
        self._gone: deque[tuple[int, int]] = deque()
        #: The file that was read, where one was, and when it was last kept out of memory.
        self._file: Reader | None = None
        self._released = 0.0
        #: Whether a timer is running that keeps it out of memory.
        self._timed = False

    def warm_up(self, database: Database) -> None:
        """Read every log now, instead of while the first reader waits."""
        with database.read() as session:
            everybody = Principal(None, frozenset(session.scalars(select(Log.name))))
            self.catch_up(session, find_scope(session, everybody))

    def catch_up(self, session: Session, scope: VisibleLogs) -> None:
        """Read what a scope has beyond what is known here.

        Args:
            scope: as the session sees it.
        """
        if scope.verdicts > self._revision:
            self._judge(session, scope.verdicts)
        for name, stand in zip(scope.names, scope.version, strict=True):
            if self._lacks(stand):
                self._read(session, name, stand)

    @contextmanager
    def look(self, session: Session, scope: VisibleLogs) -> Iterator[CatalogueView]:
        """What a scope shows, unchanging while the block runs.

        Where another thread has read more of the logs than this session sees, that counts too.
        """
        self.catch_up(session, scope)
        with self._lock:
            view, generation = self._view_of(scope.keys), self._generation
            self._lookers[generation] += 1
        try:
            yield view
        finally:
            with self._lock:
                self._leave(generation)
            self._release_soon()

    def _release_soon(self) -> None:
        """Keep the file that was read out of memory, a moment after the last look at the latest."""
        if self._file is None:
            return
        if time.monotonic() - self._released >= _SECONDS:
            self._release()
        elif not self._timed:
            self._timed = True
            timer = Timer(_SECONDS, self._release)
            timer.daemon = True
            timer.start()

    def _release(self) -> None:
        self._timed, self._released = False, time.monotonic()
        if self._file is not None:
            self._file.release()

    def size(self) -> int:
        """Entries that are current in some log."""
        with self._lock:
            return len(self._values.items)

    def find(self, column: Column | None, word: str, among: BitMap) -> tuple[BitMap, BitMap]:
        """The given entries with a word, and those that only the database can check; see ``Values``."""
        with self._lock:
            return self._values.find(column, word, among)

    def note(self, word: str, checked: BitMap, holding: BitMap) -> None:
        """Keep which of some entries the database told to hold a word anywhere."""
        with self._lock:
            self._values.texts.note(word, checked, holding)

    def stands(self) -> dict[int, Stand]:
        """How far each log was read, by their keys."""
        with self._lock:
            return {key: log.stand for key, log in self._logs.items()}

    @contextmanager
    def hold_still(self) -> Iterator[dict[int, Stand]]:
        """How far each log was read, by their keys; until the block ends nothing comes and nothing goes."""
        with self._reading:
            with self._lock:
                generation = self._generation
                self._lookers[generation] += 1
            try:
                yield self.stands()
            finally:
                with self._lock:
                    self._leave(generation)

    def write(self, writer: Writer) -> None:
        """Write everything to a file, in a block of ``hold_still``; others go on looking meanwhile.

        Raises:
            OSError: the file cannot be written.
        """
        writer.json("verdicts", list(self._verdicts.items()))
        self._values.write(writer)
        writer.json("logs", list(self._logs))
        for number, log in enumerate(self._logs.values()):
            log.write(number, writer)

    def read(self, session: Session, reader: Reader) -> None:
        """Take what a file holds, in a block of ``hold_still``, unless something was read already.

        Args:
            session: what it reads belongs to the same logs; verdicts are those that it sees.
        """
        former = {
            key: ListedVerdict._make((*told, tuple(confirmed)))
            for key, (*told, confirmed) in reader.json("verdicts")
        }
        values, logs = Values(), dict[int, CatalogueLog]()
        values.read(reader)
        # Verdicts have no history: those that are not as they were when it was written count as changed.
        revision = session.scalar(select(TrustState.revision)) or 0
        verdicts = load_verdicts(session, 0)
        changed = [key for key in former.keys() | verdicts.keys() if former.get(key) != verdicts.get(key)]
        for number, key in enumerate(reader.json("logs")):
            log = logs[key] = CatalogueLog("", values, verdicts)
            log.read(number, reader)
            log.marks.judge(changed, log.signed)
        held, current = values.items.keys(), BitMap.union(BitMap(), *(log.current for log in logs.values()))
        reader.release()
        with self._lock:
            if self._logs:
                return
            self._file = reader
            self._values, self._logs, self._verdicts, self._revision = values, logs, verdicts, revision
            # What somebody still looked at when it was written, and nobody does here.
            self._let_go(held - current)
        gc.freeze()

    def _leave(self, generation: int) -> None:
        self._lookers[generation] -= 1
        if not self._lookers[generation]:
            del self._lookers[generation]
        self._drop_unseen()

    def _judge(self, session: Session, revision: int) -> None:
        """Take in what changed about certificates, unless the snapshot is older than what is known."""
        with self._reading:
            if revision <= self._revision:
                return
            changed = load_verdicts(session, self._revision)
            with self._lock:
                self._verdicts.update(changed)
                for followed in self._logs.values():
                    followed.marks.judge(changed, followed.signed)
                self._revision = revision
                self._views.clear()

    def _lacks(self, stand: Stand) -> bool:
        """Whether a snapshot of a log is newer than what is known of it."""
        followed = self._logs.get(stand.key)
        return followed is None or followed.stand.is_behind(stand)

    def _read(self, session: Session, name: str, stand: Stand) -> None:
        # One thread reads; the others wait for what it reads, which is what they want too.
        with self._reading:
            if not self._lacks(stand):
                return
            log_id = stand.key
            known = self._logs.get(log_id)
            # Where other rows are shown than those that were read, it is read anew; so is one that was empty.
            anew = known is None or not known.stand.size or not known.stand.leads_to(stand)
            log = CatalogueLog(name, self._values, self._verdicts) if known is None or anew else known
            read, gone, fresh, seen = 0, set[int](), list[int](), set[bytes]()
            renewed = log.stand.renewals if log.stand.renewals < stand.renewals else None
            rows = load_current(session, log_id, log.stand.size, stand.size, renewed)
            # The database is read without the other lock, so that searches go on meanwhile.
            while many := list(islice(rows, _TAKEN)):
                read += len(many)
                with self._lock:
                    fresh += self._values.put(many)
                    if not anew:
                        # Somebody may look at this log before all of it is read.
                        self._values.arrange(fresh)
                        fresh.clear()
                    gone.update(log.put(many, seen))
                    for one in many:
                        log.vocabulary.add(one.words)
            others = (
                [] if not self._logs else load_trusted(session, log_id, log.stand.size, stand.size, renewed)
            )
            renewed_images = set() if renewed is None or anew else find_renewed(session, log_id, renewed)
            with self._lock:
                for other, key, best in others:
                    if other in self._logs and key in self._logs[other].current:
                        self._logs[other].trust(key, best)
                self._values.arrange(fresh)
                # Of what was renewed and not read nothing is current any more.
                gone.update(log.drop(renewed_images - seen))
                if anew and known is not None:
                    gone.update(known.current - log.current)
                log.stand = stand
                self._logs[log_id] = log
                self._let_go(gone)
            if read > _FROZEN:
                # These live as long as the process: without this the garbage collector looks at all of
                # them again and again, which stops every thread for a third of a second.
                gc.freeze()

    def _let_go(self, keys: Iterable[int]) -> None:
        """Drop entries that no log has as current any more, once nobody looks at them."""
        self._generation += 1
        self._gone.extend((self._generation, key) for key in keys)
        self._drop_unseen()

    def _drop_unseen(self) -> None:
        oldest = min(self._lookers, default=self._generation)
        while self._gone and self._gone[0][0] <= oldest:
            key = self._gone.popleft()[1]
            if key in self._values.items and not any(key in one.current for one in self._logs.values()):
                self._values.remove(key)

    def _view_of(self, keys: tuple[int, ...]) -> CatalogueView:
        logs = [self._logs[key] for key in keys]
        state = tuple(one.stand for one in logs)
        known = self._views.get(keys)
        if known is None or known.state != state:
            known = self._views[keys] = CatalogueView(state, logs, self._values, self._lock, known)
        return known
