"""The one rule that decides which process does the background work of a database.

PostgreSQL: a row says who holds the work and until when, by the database's clock. It
goes through connection poolers, and with the data to another machine. The holder renews
it; whoever finds it past its time takes it. The clock of the holder ends its own hold a
second earlier, and each writing transaction of the work locks the row's key, so that
nothing is stored under a term that is over: a process that slept stops by itself.

SQLite: all processes are on one machine, so the operating system knows. It keeps a
lock on a file beside the database until its process ends, however it ends, and no
disk has to write every second. The row is there to be shown.
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from marketplace.db import Database
from marketplace.models import BackgroundLease

#: Seconds that the holder may be silent. Another one takes its place so much later at the earliest.
LIFE = 5.0
#: Seconds by which the holder gives up before another one may begin: clocks do not run quite alike.
MARGIN = 1.0
#: Seconds that taking waits for transactions of the holder before, until the next try.
_WAIT = 3.0
#: Seconds after which the database ends a writing transaction of the work that does nothing: its process may
#: be stopped, and would keep the next one waiting.
_IDLE = 10.0

_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
_VERIFY = text(
    f"SELECT set_config('idle_in_transaction_session_timeout', '{int(_IDLE * 1000)}', true)"  # noqa: S608  # ours
    " FROM (SELECT 1 FROM background_lease WHERE id = 1 AND term = :term FOR KEY SHARE) AS held"
)
_RENEW = text(
    f"UPDATE background_lease SET until_ms = {_NOW} + :life"  # noqa: S608  # no input in it
    " WHERE id = 1 AND term = :term RETURNING term"
)
_FREE = text(f"SELECT until_ms < {_NOW} FROM background_lease WHERE id = 1")  # noqa: S608  # no input in it
# Waits for the transactions that hold the key.
_LOCK = text(f"SELECT until_ms < {_NOW} FROM background_lease WHERE id = 1 FOR UPDATE")  # noqa: S608  # nor here
_BOUND = text("SELECT set_config('lock_timeout', :wait, true)")


class LeaseLostError(SQLAlchemyError):
    """Another process does the background work, or may do so any moment: nothing of this one is stored."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Who does the background work.

    Args:
        term: how many processes have done it, one after the other; 0 where none ever did.
        node: the name of the newest.
        since: when it began.
        asked: how often processes asked for a look at everything.
    """

    term: int
    node: str
    since: datetime
    asked: int


class Lease(Protocol):
    """The right to do the background work, as one process sees it."""

    def is_free(self) -> bool:
        """Whether nobody holds it now; this process does not ask for itself."""

    def take(self) -> int | None:
        """Take the lease, where it is free; the number of the term, None where another process has it."""

    def renew(self, term: int) -> bool:
        """Hold it longer; False where another process has taken it."""

    def is_held(self) -> bool:
        """Whether this process holds it for certain, by its own clock."""

    def verify(self, session: Session, term: int) -> None:
        """Let a transaction be stored only under this term.

        Raises:
            LeaseLostError: the term is over.
        """

    def release(self, term: int) -> None:
        """Release the lease, so that another process can take it now."""


def open_lease(database: Database, node: str) -> Lease:
    """The lease of a database.

    Args:
        node: what this process is called.
    """
    if database.dialect == "sqlite":
        return FileLease(database, Path(f"{database.engine.url.database}.background"), node)
    return RowLease(database, node)


def read_holding(session: Session) -> Holding:
    """Who does the background work, or did last."""
    row = session.execute(
        select(BackgroundLease.term, BackgroundLease.node, BackgroundLease.since, BackgroundLease.asked)
    ).one()
    return Holding(row.term, row.node, row.since, row.asked)


def ask_for_look(session: Session) -> None:
    """Have whoever does the background work look at everything within a second or two."""
    session.execute(
        update(BackgroundLease)
        .values(asked=BackgroundLease.asked + 1)
        .execution_options(synchronize_session=False)
    )


class RowLease:
    """The lease as a row with a deadline; see ``Lease``."""

    def __init__(self, database: Database, node: str) -> None:
        self._database = database
        self._node = node
        self._until = 0.0

    def is_free(self) -> bool:
        """See ``Lease``."""
        with self._database.read() as session:
            return bool(session.scalar(_FREE))

    def take(self) -> int | None:
        """See ``Lease``."""
        if not self.is_free():
            return None
        with self._database.write() as session:
            session.execute(_BOUND, {"wait": f"{int(_WAIT * 1000)}ms"})
            if not session.scalar(_LOCK):
                return None
            term = _begin_term(session, self._node)
            began = _clock()
            session.execute(_RENEW, {"term": term, "life": int(LIFE * 1000)})
        self._until = began + LIFE - MARGIN
        return term

    def renew(self, term: int) -> bool:
        """See ``Lease``."""
        began = _clock()
        with self._database.write() as session:
            held = session.scalar(_RENEW, {"term": term, "life": int(LIFE * 1000)}) is not None
        self._until = began + LIFE - MARGIN if held else 0.0
        return held

    def is_held(self) -> bool:
        """See ``Lease``."""
        return _clock() < self._until

    def verify(self, session: Session, term: int) -> None:
        """See ``Lease``."""
        if not self.is_held() or session.execute(_VERIFY, {"term": term}).one_or_none() is None:
            raise LeaseLostError("another process may do the background work by now")

    def release(self, term: int) -> None:
        """See ``Lease``."""
        self._until = 0.0
        with self._database.write() as session:
            session.execute(
                update(BackgroundLease)
                .where(BackgroundLease.term == term)
                .values(until_ms=0)
                .execution_options(synchronize_session=False)
            )


class FileLease:
    """The lease as the operating system's lock on a file; see ``Lease``."""

    def __init__(self, database: Database, path: Path, node: str) -> None:
        self._database = database
        self._path = path
        self._node = node
        self._held: int | None = None

    def is_free(self) -> bool:
        """See ``Lease``."""
        descriptor = self._lock(fcntl.LOCK_SH)
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is not None

    def take(self) -> int | None:
        """See ``Lease``."""
        descriptor = self._lock(fcntl.LOCK_EX)
        if descriptor is None:
            return None
        try:
            with self._database.write() as session:
                term = _begin_term(session, self._node)
        except BaseException:  # also when interrupted: no lock stays
            os.close(descriptor)
            raise
        self._held = descriptor
        return term

    def renew(self, term: int) -> bool:
        """See ``Lease``; the system takes a lock from nobody."""
        return self.is_held()

    def is_held(self) -> bool:
        """See ``Lease``."""
        return self._held is not None

    def verify(self, session: Session, term: int) -> None:
        """See ``Lease``."""
        if self._held is None:
            raise LeaseLostError("this process does the background work no more")

    def release(self, term: int) -> None:
        """See ``Lease``."""
        descriptor, self._held = self._held, None
        if descriptor is not None:
            os.close(descriptor)

    def _lock(self, kind: int) -> int | None:
        # Processes that this one starts do not inherit it, so that none of them holds it on.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:  # also when interrupted: no handle stays
            os.close(descriptor)
            raise
        return descriptor


def _begin_term(session: Session, node: str) -> int:
    """Write down that a process begins; the number of its term."""
    statement = (
        update(BackgroundLease)
        .values(term=BackgroundLease.term + 1, node=node, since=datetime.now(UTC))
        .returning(BackgroundLease.term)
        .execution_options(synchronize_session=False)
    )
    return int(session.execute(statement).scalar_one())


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where the system counts those."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)
