"""Follows the public log into the triple store.

What the store holds is a function of the log up to its mark: each coordinates'
entry as a resource, and ``slterms:tag "latest"`` on the current ones. Where two
entries share their coordinates the resource is the one that every other route
shows too (``rules/current.py``).

Applying the same rows again changes nothing: statements are made of the entry
alone, down to the labels of blank nodes, and what depends on other entries is
looked up in the log, not carried over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, Change, ChangeLog, Cursors, Renewals
from marketplace.db import Database

from .resource import latest, resource
from .series import TouchedSeries, find_claims, find_identifiers
from .service import DIRECTORY
from .store import ENGINE_ERRORS, StoreInUseError, TripleStore

if TYPE_CHECKING:
    from marketplace.config import Settings

log = logging.getLogger(__name__)

#: Seconds between two publications: queries see an entry that much later at most, and no less often
#: because uploads never pause.
_INTERVAL = 0.5
#: A publication takes at most this share of the time, however large the store is.
_SHARE = 0.1
#: Longest pause between two attempts to publish, in seconds.
_LAST_RETRY = 60.0
#: Entries from which on files are written instead of memory.
_MANY = 64


class SparqlFollower:
    """Keeps the triple store current, and publishes it for queries from a separate thread.

    Use ``open``. One process at a time follows into one directory; several
    machines can each follow one log, each into a directory of its own.
    """

    def __init__(self, store: TripleStore) -> None:
        #: The cursor's name: each store has its own, so a new one starts at the log's start by itself.
        self.name = _cursor_name(store)
        self._store = store
        self._guard = threading.Lock()
        self._changed = threading.Event()
        self._stop = threading.Event()
        #: Whether the store once held the whole log: a copy of half of it would answer wrongly.
        self._whole = False
        self._publisher = threading.Thread(target=self._publish_changes, name="sparql-publisher", daemon=True)

    @classmethod
    def open(cls, database: Database, directory: Path) -> SparqlFollower:
        """Open the store, hold it against the log, and start publishing.

        A store that is missing, damaged, of another version or of another
        database is emptied, to be built from the log, and a warning says why.

        Args:
            directory: the ``sparql`` directory of the data directory.

        Raises:
            StoreInUseError: another process follows into this directory.
            OSError: the system keeps the store from being opened.
        """
        store = TripleStore(directory)
        with database.read() as session:
            size = ChangeLog(session).size(PUBLIC)
            reason = _mismatch(session, store, size)
        forgotten = _cursor_name(store)
        if reason is not None:
            log.warning("building the triple store from the log", extra={"reason": reason, "entries": size})
            store.clear()
        follower = cls(store)
        with database.write() as session:
            if follower.name != forgotten:
                Cursors(session).forget(forgotten)
            # The store and the cursor cannot commit together: the store knows what is in it.
            mark = store.mark
            Cursors(session).move(follower.name, PUBLIC, mark.position, renewals=mark.renewals)
            if mark.renewals < ChangeLog(session).renewals(PUBLIC):
                # The settings may show less than they did when this was published.
                store.withdraw()
            follower._whole = follower._has_all(session)
        follower._start()
        return follower

    def apply(self, session: Session, log: str, changes: Sequence[Change]) -> None:
        """Add rows of the public log; entries of other logs are never in the triple store."""
        if log != PUBLIC or not changes:
            return
        with self._guard:
            try:
                self._advance(session, changes)
            except ENGINE_ERRORS:
                self._store.let_go()
                raise
        self._changed.set()

    def _advance(self, session: Session, changes: Sequence[Change]) -> None:
        self._store.verify_open()
        if self.name != _cursor_name(self._store):
            # Opened again after an error, it turned out to be damaged and began anew.
            log.warning("building the triple store from the log", extra={"reason": "the store was damaged"})
            self.name, self._whole = _cursor_name(self._store), False
        end = changes[-1].sequence + 1
        while (position := self._store.mark.position) < end:
            page = [change for change in changes if change.sequence >= position]
            if page[0].sequence > position:
                # The cursor was ahead of this store: the log has what lies between.
                page = ChangeLog(session).page(PUBLIC, position)
            self._take_in(session, page)
        self._whole = self._whole or self._has_all(session)

    def _has_all(self, session: Session) -> bool:
        """Whether the store holds the whole log, as it is shown now."""
        mark, logs = self._store.mark, ChangeLog(session)
        return mark.position == logs.size(PUBLIC) and mark.renewals >= logs.renewals(PUBLIC)

    def reset(self) -> None:
        """Forget every entry; the log is about to come again from its start."""
        with self._guard:
            self._store.clear()
            self.name = _cursor_name(self._store)
            self._whole = False

    def close(self) -> None:
        """Publish what is not yet, and close the store."""
        self._stop.set()
        self._changed.set()
        self._publisher.join()
        with self._guard:
            self._store.close()

    def _start(self) -> None:
        self._changed.set()
        self._publisher.start()

    def _take_in(self, session: Session, page: Sequence[Change]) -> None:
        identifiers = find_identifiers(session, page)
        touched = {change.entry_key for change in page}
        places = TouchedSeries(session, identifiers, page[-1].sequence, lambda row: row.key in touched)
        for coordinates in places.contested:
            self._store.remove_resource(resource(coordinates))
        shown = [change for change in page if places.is_preferred(change.entry_id)]
        contested = {row.key for row in places.winners}
        keys = [change.entry_key for change in shown if change.entry_key not in contested] + sorted(contested)
        add = self._store.add if len(keys) < _MANY else self._store.add_many
        add(places.quads(session, keys))
        self._store.remove(latest(resource(coordinates)) for coordinates in places.superseded)
        mark = self._store.mark
        # From the start rows come as they are now, so that earlier renewals are in them.
        renewals = mark.renewals if mark.position else ChangeLog(session).renewals(PUBLIC)
        self._store.move_mark(page[-1].sequence + 1, page[-1].entry_id, renewals)

    def renew(self, session: Session, log: str, renewals: Renewals) -> None:
        """Look again at what is current and shown of some images; see changes.RenewedFollower."""
        if log != PUBLIC:
            return
        with self._guard:
            try:
                self._store.verify_open()
                if self._store.mark.position:
                    self._renew(session, renewals.images)
                    mark = self._store.mark
                    self._store.move_mark(mark.position, mark.entry_id, renewals.until)
                    self._whole = self._whole or self._has_all(session)
            except ENGINE_ERRORS:
                self._store.let_go()
                raise
        self._changed.set()

    def _renew(self, session: Session, images: Sequence[tuple[str, str]]) -> None:
        wanted, identifiers = set(images), sorted({identifier for identifier, _ in images})
        end = self._store.mark.position - 1
        places = TouchedSeries(session, identifiers, end, lambda row: row.coordinates.image in wanted)
        claims = Counter(at for at in find_claims(session, identifiers, end) if at.image in wanted)
        # Nothing in the store tells which of several entries a resource was made of.
        stale = [
            (at, places.at.get(at))
            for at, entries in claims.items()
            if entries > 1 or at not in places.at or not self._store.has_resource(resource(at))
        ]
        for at, _ in stale:
            self._store.remove_resource(resource(at))
        self._store.add(
            places.quads(session, sorted(winner.key for _, winner in stale if winner is not None))
        )
        self._store.add(latest(resource(coordinates)) for coordinates in places.current)
        self._store.remove(latest(resource(coordinates)) for coordinates in places.superseded)

    def _publish_changes(self) -> None:
        pause, failures = 0.0, 0
        while not self._stop.wait(pause):
            self._changed.wait()
            started = time.monotonic()
            failures = 0 if self._publish() else failures + 1
            took = time.monotonic() - started
            pause = min(_LAST_RETRY, max(_INTERVAL * 2.0 ** min(failures, 16), took / _SHARE))
        self._publish()

    def _publish(self) -> bool:
        """Publish what has changed; False where that has to be tried again."""
        with self._guard:
            if not self._changed.is_set() or not self._whole:
                self._changed.clear()
                return True
            self._changed.clear()
            try:
                self._store.publish()
            except ENGINE_ERRORS:
                log.exception("the triple store cannot be published; queries see an older one")
                self._store.let_go()
                self._changed.set()
                return False
            return True


def _cursor_name(store: TripleStore) -> str:
    return f"sparql:{store.mark.store_id}"


def _mismatch(session: Session, store: TripleStore, size: int) -> str | None:
    """Why a store is not one of this log, or None."""
    position = store.mark.position
    if store.damaged:
        return "the store was damaged or of another version"
    if store.is_new:
        return "there was no store" if size else None
    if position > size:
        return "the store is ahead of the log: it belongs to another database"
    if [row.entry_id for row in ChangeLog(session).page(PUBLIC, position - 1, 1)] != [store.mark.entry_id]:
        return "the store belongs to another database"
    return None


def open_follower(settings: Settings, database: Database) -> SparqlFollower | None:
    """The follower of a marketplace process, or None where queries are off or another process follows.

    Raises:
        SQLAlchemyError: the database cannot be read, or has not this program's schema.
        OSError: the system keeps the store from being opened.
    """
    if not settings.query.enabled:
        return None
    try:
        return SparqlFollower.open(database, settings.data / DIRECTORY)
    except StoreInUseError as error:
        log.info("queries read what another process writes", extra={"reason": str(error)})
        return None
