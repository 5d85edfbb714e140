"""Runs the followers of the log: a thread each, so that none waits for or falls over another."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from sqlalchemy.exc import DataError, SQLAlchemyError

from marketplace.changes import PUBLIC, BulkImports, Change, ChangeLog, Cursors, Follower, RenewedFollower
from marketplace.db import Database
from marketplace.service_thread import ServiceThread
from marketplace.system_errors import reason_of

#: Rows handed to a follower at a time.
BATCH = 512
#: Seconds between looks at the logs when nobody says that one has grown.
POLL = 5.0
#: Seconds from one look to the next while rows come in. A follower's batch costs a durable write of its own
#: and as much whether it holds one row or a hundred: taking each upload by itself slows the uploads down.
GATHER = 0.6
#: Seconds from one batch to the next while a whole log is imported: little by little they go on, and are
#: behind by what comes in.
LET_PASS = 5.0
#: Seconds to wait after the first failure of a follower; doubles with each further one.
FIRST_RETRY = 0.5
#: Longest wait between two attempts, in seconds.
LAST_RETRY = 60.0
#: Failed attempts in a row after which a follower counts as failing and not as unlucky: from then on rows
#: that fail by themselves are stepped over.
FAILING = 3

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a follower is behind.

    Args:
        rows: rows of the public log it has not taken in; how much comes into other logs is not told to
            everybody, and this is.
        failures: attempts in a row that failed; 0 while it works.
        stepped_over: rows that it could not take in since the process began; the log names them.
        reason: why the last attempt failed, in words for everybody; empty while it works.
    """

    follower: str
    rows: int
    failures: int
    stepped_over: int = 0
    reason: str = ""


class Worker:
    """Drives followers until it is stopped.

    Args:
        poll: seconds between looks at the logs when nobody nudges.
        retry: seconds to wait after the first failure of a follower.
        bulk_imports: followers go slower while one is in progress.
        let_pass: seconds from one batch to the next meanwhile.
        around: entered by each thread for as long as it runs.
    """

    def __init__(
        self,
        database: Database,
        followers: Sequence[Follower],
        *,
        poll: float = POLL,
        retry: float = FIRST_RETRY,
        bulk_imports: BulkImports | None = None,
        let_pass: float = LET_PASS,
        around: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._database = database
        others = bulk_imports or BulkImports()
        self._runners = [
            _Runner(database, follower, poll, retry, others, let_pass, around) for follower in followers
        ]

    def start(self) -> None:
        """Start a thread for each follower."""
        for runner in self._runners:
            runner.start()

    def nudge(self) -> None:
        """Say that a log has grown: followers that wait look now. Cheap, callable from any thread."""
        for runner in self._runners:
            runner.nudge()

    def stop(self, timeout: float = 30.0) -> bool:
        """Let each follower finish the batch it is at, then end.

        Args:
            timeout: seconds to wait for a follower.

        Returns:
            whether every follower ended in time.
        """
        for runner in self._runners:
            runner.ask_to_end()
        ended = [runner.join(timeout) for runner in self._runners]
        return all(ended)

    def lags(self) -> list[Lag]:
        """How far each follower is behind, now."""
        with self._database.read() as session:
            size, cursors = ChangeLog(session).size(PUBLIC), Cursors(session)
            return [
                Lag(
                    runner.follower.name,
                    max(0, size - cursors.position(runner.follower.name, PUBLIC)),
                    runner.failures,
                    runner.stepped_over,
                    runner.reason,
                )
                for runner in self._runners
            ]


def catch_up(database: Database, follower: Follower) -> int:
    """Bring a follower to the end of every log, on the calling thread.

    Returns:
        how many rows it took in.

    Raises:
        Exception: whatever the follower raises; what it took in before stays.
    """
    taken = 0
    while batch := step(database, follower):
        taken += batch
    return taken


def rebuild(database: Database, follower: Follower) -> None:
    """Make a follower forget everything, so that it starts again from 0."""
    # The cursors go first: a crash in between leaves a full follower that reads everything again.
    with database.write() as session:
        Cursors(session).forget(follower.name)
    follower.reset()


def _start_again(database: Database, follower: Follower) -> None:
    """Rebuild the follower's data because it contains entries that are no longer shown."""
    name = follower.name
    follower.reset()
    with database.write() as session:
        Cursors(session).forget(name)


def step(database: Database, follower: Follower) -> int:
    """Hand a follower the next rows of each log and move its cursors.

    Returns:
        how many rows and renewals it took in; 0 when it is up to date.

    Raises:
        Exception: whatever the follower raises; its cursor stays where it was.
    """
    with database.read() as session:
        logs = Cursors(session).apart(follower.name)
    return sum(_step_log(database, follower, log) for log in logs)


def _step_log(database: Database, follower: Follower, log: str) -> int:
    with database.read() as session:
        size, position = ChangeLog(session).size(log), Cursors(session).position(follower.name, log)
        outdated = Cursors(session).is_outdated(follower.name, log)
        renewals = Cursors(session).renewals(follower.name, log, BATCH)
        if position == size and not outdated and renewals.since == renewals.until:
            return 0
        revision = ChangeLog(session).revision(log)
        changes = [] if outdated else ChangeLog(session).page(log, position, BATCH)
        if changes:
            follower.apply(session, log, changes)
        if renewals.images and not outdated and isinstance(follower, RenewedFollower):
            follower.renew(session, log, renewals)
    if outdated:
        _logger.info("follower %s starts again: other rows of log %s are shown now", follower.name, log)
        _start_again(database, follower)
        return 0
    if not changes and position != size:
        # The log is shorter than what was followed: it comes from a backup, or is another one.
        _logger.warning("follower %s was ahead of log %s and starts again from 0", follower.name, log)
        rebuild(database, follower)
        return 0
    with database.write() as session:
        end = changes[-1].sequence + 1 if changes else position
        Cursors(session).move(follower.name, log, end, revision, renewals.until)
    return len(changes) + renewals.until - renewals.since


def step_over(database: Database, follower: Follower) -> int:
    """Take in what can be of the rows at which a follower fails, and step over the rest.

    A row is stepped over only where it fails alone, twice, and the follower takes in another one in
    between: otherwise the follower is broken, or what it works with, and not the row.

    Returns:
        how many rows were stepped over; each is named in the log.

    Raises:
        Exception: what the follower raised, where that is no row's fault.
    """
    with database.read() as session:
        logs = Cursors(session).apart(follower.name)
    return sum(_step_over_in(database, follower, log) for log in logs)


def _step_over_in(database: Database, follower: Follower, log: str) -> int:
    with database.read() as session:
        position = Cursors(session).position(follower.name, log)
        revision = ChangeLog(session).revision(log)
        # From the start rows come as they are now, so that earlier renewals are in them.
        renewals = None if position else ChangeLog(session).renewals(log)
        changes = ChangeLog(session).page(log, position, BATCH)
        before = ChangeLog(session).page(log, max(0, position - 1), min(1, position))
    failed = _take(database, follower, log, changes)
    if failed and len(failed) == len(changes):
        _apply(database, follower, log, before)
        if not before:
            raise failed[0][1]
    faults = [(change, _find_fault(database, follower, log, [change])) for change, _ in failed]
    left = [(change, error) for change, error in faults if error is not None]
    for change, error in left:
        _logger.error(
            "follower %s steps over row %d of log %s, which it cannot take in: %s",
            *(follower.name, change.sequence, log, error),
            exc_info=error,
            extra={"entry": change.entry_key},
        )
    if changes:
        with database.write() as session:
            Cursors(session).move(follower.name, log, changes[-1].sequence + 1, revision, renewals)
    return len(left)


def _take(
    database: Database, follower: Follower, log: str, changes: Sequence[Change]
) -> list[tuple[Change, Exception]]:
    """Hand over rows in order, in ever smaller batches where one fails; those that fail alone."""
    error = _find_fault(database, follower, log, changes)
    if error is None:
        return []
    if len(changes) == 1:
        return [(changes[0], error)]
    half = len(changes) // 2
    parts = changes[:half], changes[half:]
    return [one for part in parts for one in _take(database, follower, log, part)]


def _find_fault(
    database: Database, follower: Follower, log: str, changes: Sequence[Change]
) -> Exception | None:
    """What a follower raised about rows, where that may be their fault."""
    try:
        _apply(database, follower, log, changes)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever a row may lead to
        if isinstance(error, SQLAlchemyError) and not isinstance(error, DataError):
            raise
        return error
    return None


def _apply(database: Database, follower: Follower, log: str, changes: Sequence[Change]) -> None:
    if changes:
        with database.read() as session:
            follower.apply(session, log, changes)


class _Runner(ServiceThread):
    """One follower's thread."""

    def __init__(
        self,
        database: Database,
        follower: Follower,
        poll: float,
        retry: float,
        bulk_imports: BulkImports,
        let_pass: float,
        around: Callable[[], AbstractContextManager[None]],
    ) -> None:
        super().__init__(f"follower-{follower.name}")
        self.follower = follower
        self.failures = 0
        self.stepped_over = 0
        self.reason = ""
        self._database = database
        self._poll = poll
        self._retry = retry
        self._bulk_imports = bulk_imports
        self._let_pass = let_pass
        self._around = around

    def _run(self, stopping: threading.Event) -> None:
        with self._around():
            self._follow(stopping)

    def _follow(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            # Cleared before looking: a nudge during the look makes another one.
            self._wake.clear()
            try:
                if self.failures >= FAILING:
                    self.stepped_over += step_over(self._database, self.follower)
                taken = step(self._database, self.follower)
            except Exception as error:  # the thread goes on: counted, logged, tried again
                self.failures += 1
                self.reason = reason_of(error)
                pause = self._pause()
                _logger.exception("follower %s failed; next attempt in %.1f s", self.follower.name, pause)
                # Nudges do not shorten it: uploads must not turn it into a busy loop.
                stopping.wait(pause)
                continue
            self.failures, self.reason = 0, ""
            if taken and self._bulk_imports.in_progress:
                stopping.wait(self._let_pass)
            elif taken < BATCH:
                stopping.wait(GATHER)
            if not taken and not stopping.is_set():
                self._wake.wait(self._poll)

    def _pause(self) -> float:
        longest = min(LAST_RETRY, self._retry * 2.0 ** min(self.failures - 1, 16))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads attempts, keeps no secret
