"""What follows the logs in a process: copies of its own, and those that the database has once for all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from marketplace.background import Job
from marketplace.catalogue import Catalogue
from marketplace.catalogue.snapshot import CatalogueSnapshot
from marketplace.changes import BulkImports, ChangeLog, Cursors, Follower, LogNotFoundError
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.ingest.filter_refresh import FilterRefresh
from marketplace.search.indexer import SearchIndexer
from marketplace.sparql.follower import SparqlFollower, open_follower
from marketplace.sparql.service import QueryService
from marketplace.sparql.store import ENGINE_ERRORS
from marketplace.system_errors import reason_of
from marketplace.worker import FAILING, Lag, Worker

log = logging.getLogger(__name__)

#: Followers that keep what words and queries need, by the beginning of their names.
_OPTIONAL = frozenset({"search", "sparql"})
#: Seconds from a failed attempt to open the followers to the next: the first time, and at most.
_FIRST_OPENING, _LAST_OPENING = 0.5, 30.0
#: Seconds from one look to the next whether the catalogue is to be written to disk.
_KEEPING = 600.0


def is_optional(lag: Lag) -> bool:
    """Whether a follower keeps something that entries, lists and uploads do without."""
    return lag.follower.partition(":")[0] in _OPTIONAL


class CommonFollowers(Job):
    """The followers whose copy is in the database: a duty of the process that does the background work.

    Args:
        followers: all of them.
        indexer: the one of them that has to be opened first; None where there is none such.
        bulk_imports: followers go slower while one is in progress.
    """

    def __init__(
        self,
        database: Database,
        followers: Sequence[Follower],
        indexer: SearchIndexer | None,
        bulk_imports: BulkImports,
    ) -> None:
        super().__init__(database, "common-followers", patience=_LAST_OPENING)
        self._followers = followers
        self._indexer = indexer
        self._bulk_imports = bulk_imports
        self._worker = self._make()
        self._opened = threading.Event()

    def nudge(self) -> None:
        """Say that a log has grown."""
        self._worker.nudge()

    def lags(self) -> list[Lag]:
        """How far each follower is behind, whichever process drives it; its failures only in this one."""
        return self._worker.lags()

    @property
    def waiting(self) -> bool:
        """Whether this process has to follow and cannot yet."""
        return self.is_running and not self._opened.is_set()

    def _make(self) -> Worker:
        return Worker(
            self._database, self._followers, bulk_imports=self._bulk_imports, around=self._database.fenced
        )

    def _run(self, stopping: threading.Event) -> None:
        pause = 0.0
        while not stopping.wait(pause) and not self._try_open():
            pause = min(_LAST_OPENING, max(_FIRST_OPENING, 2 * pause))
        worker = self._worker = self._make()
        if not stopping.is_set():
            worker.start()
            self._opened.set()
        stopping.wait()
        worker.stop()
        self._opened.clear()

    def _try_open(self) -> bool:
        try:
            if self._indexer is not None:
                self._indexer.start()
        except (SQLAlchemyError, LogNotFoundError):
            log.exception("the search index cannot be opened; tried again until it can")
            return False
        return True


class Following:
    """The followers of this process and the threads that drive them.

    Args:
        common: the followers that run in one process at a time.
        indexer: keeps an index of this process; None where there is none, or one for all processes.
        queries: answers queries from a store of this process; None where there are none.
        snapshot: has the catalogue on disk; None where this process needs no catalogue.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        common: CommonFollowers,
        indexer: SearchIndexer | None,
        catalogue: Catalogue,
        bulk_imports: BulkImports,
        filter_refresh: FilterRefresh,
        queries: QueryService | None,
        snapshot: CatalogueSnapshot | None,
    ) -> None:
        self.common = common
        self._settings = settings
        self._database = database
        self._indexer = indexer
        self._catalogue = catalogue
        self._bulk_imports = bulk_imports
        self._filter_refresh = filter_refresh
        self._queries = queries
        self._snapshot = snapshot
        self._warm = threading.Event()
        self._warming = threading.Thread(target=self._keep_catalogue, name="catalogue", daemon=True)
        self._opening = threading.Thread(target=self._open_later, name="followers", daemon=True)
        self._stopping = threading.Event()
        self._sparql: SparqlFollower | None = None
        self._workers: tuple[Worker, ...] = ()
        self._followed = False
        #: Why queries cannot be answered; empty where they can, or are off.
        self._queries_refused = ""

    def start(self) -> None:
        """Open each follower's copy and let it follow, as soon as there is a usable database."""
        opened = self._try_open()
        if self._snapshot is not None:
            self._warming.start()
        if not opened:
            self._opening.start()

    def _open_later(self) -> None:
        pause = _FIRST_OPENING
        while not self._stopping.wait(pause):
            if self._try_open():
                log.warning("the log is followed now")
                return
            pause = min(_LAST_OPENING, 2 * pause)

    def _try_open(self) -> bool:
        """Open what is not open yet; whether nothing is left to open."""
        return (self._followed or self._try_follow()) and self._try_queries()

    def _try_follow(self) -> bool:
        try:
            # Before anybody is answered: the settings may show less than they did.
            self._filter_refresh.refresh()
            if self._indexer is not None:
                self._indexer.start()
        except (SQLAlchemyError, LogNotFoundError):
            log.exception("the log cannot be followed; tried again until it can")
            return False
        if self._indexer is not None:
            self._follow([self._indexer])
        self._followed = True
        return True

    def _try_queries(self) -> bool:
        """Open the triple store and what answers queries; everything else works without them."""
        if self._queries is None:
            return True
        try:
            self._queries.start()
            self._sparql = open_follower(self._settings, self._database)
        except (*ENGINE_ERRORS, SQLAlchemyError, LogNotFoundError) as error:
            log.exception("queries cannot be answered; tried again until they can")
            self._queries_refused = reason_of(error)
            return False
        if self._sparql is not None:
            self._follow([self._sparql])
        self._queries_refused = ""
        return True

    def _follow(self, followers: Sequence[Follower]) -> None:
        worker = Worker(self._database, followers, bulk_imports=self._bulk_imports)
        worker.start()
        self._workers = (*self._workers, worker)

    def nudge(self) -> None:
        """Say that a log has grown."""
        self.common.nudge()
        for worker in self._workers:
            worker.nudge()

    def lags(self) -> list[Lag]:
        """How far each follower is behind, the common ones too; empty until the logs can be read."""
        common = self.common.lags() if self._followed else []
        return [*common, *(lag for worker in self._workers for lag in worker.lags())]

    def is_settled(self) -> bool:
        """Whether every follower has all rows, and none that its log shows no longer.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        lags = self.lags()
        if self.waiting or self.warming_up or any(lag.rows for lag in lags):
            return False
        with self._database.read() as session:
            cursors, names = Cursors(session), ChangeLog(session).names()
            return not any(cursors.lacks_renewals(lag.follower, name) for lag in lags for name in names)

    def degraded(self, lags: Sequence[Lag]) -> dict[str, str]:
        """What does not work and keeps nothing else from working, each with the reason.

        Args:
            lags: of the followers, now.
        """
        failing = {lag.follower: lag.reason for lag in lags if is_optional(lag) and lag.failures >= FAILING}
        return failing | ({"queries": self._queries_refused} if self._queries_refused else {})

    @property
    def waiting(self) -> bool:
        """Whether something that has to follow does not yet: at the start the database could not be used."""
        return not self._followed or self.common.waiting

    @property
    def warming_up(self) -> bool:
        """Whether what searches and lists need is still being read: until then they wait for it."""
        return self._warming.is_alive() and not self._warm.is_set()

    def stop(self) -> None:
        """Let each follower finish what it is at. Later calls do nothing."""
        self._stopping.set()
        for thread in (self._warming, self._opening):
            if thread.ident is not None:
                thread.join()
        for worker in self._workers:
            worker.stop()
        self._workers = ()
        if self._sparql is not None:
            self._sparql.close()
            self._sparql = None
        if self._indexer is not None:
            self._indexer.close()
        if self._snapshot is not None:
            self._snapshot.store()

    def _keep_catalogue(self) -> None:
        """Read the catalogue, and write it to disk from time to time."""
        assert self._snapshot is not None  # noqa: S101  # else this thread does not run
        try:
            self._snapshot.restore()
            self._catalogue.warm_up(self._database)
        except (SQLAlchemyError, OSError):
            # The first search or list tries again; until the database answers nothing else works either.
            log.exception("the catalogue cannot be read")
        finally:
            self._warm.set()
        while True:
            try:
                self._snapshot.store_if_due()
            except (SQLAlchemyError, OSError):
                log.exception("the catalogue cannot be written to disk; tried again later")
            if self._stopping.wait(_KEEPING):
                return
