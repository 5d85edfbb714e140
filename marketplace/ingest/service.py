"""The door: bytes in, a receipt out, durable before it is given.

Acceptance runs on the calling thread. One writer thread then takes every
upload that waits into one transaction, so that a sync of the disk is shared by
as many as arrived during the one before.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from queue import Empty, Queue

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from marketplace.access.principal import PUBLIC
from marketplace.audit import OwedRecord
from marketplace.db import Database
from marketplace.ingest.addressing import Addressing, address_of
from marketplace.ingest.batch import Batch
from marketplace.ingest.errors import IngestError, StoreUnavailableError, TooManyUploadsError
from marketplace.ingest.gate import UploadPolicy
from marketplace.ingest.items import IngestResult, Item, Page, PageRecord, Source
from marketplace.ingest.upload_slots import UploadSlots
from marketplace.limits import RateLimit
from marketplace.moments import counted, utc_now
from marketplace.thread_slots import ThreadSlots
from validators import accept
from validators.document import AcceptedEntry, Coordinates
from validators.errors import RefusedError

#: Most uploads of one transaction: bounds what a failing commit turns away and how long others wait.
BATCH_ENTRIES = 128
#: Most bytes of one transaction; one upload is at most 1 MiB.
BATCH_BYTES = 8 * 1024 * 1024
#: Uploads that may wait; further callers wait for a place.
WAITING = 1024
#: Times a transaction is tried again that PostgreSQL ended in favour of another.
ATTEMPTS = 3
#: SQLSTATEs of such transactions: serialization failure, deadlock.
_TRY_AGAIN = frozenset({"40001", "40P01"})

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Entries that wait for the writer.

    Args:
        record: as of ``Page``; entries with it get a separate transaction.
    """

    items: Sequence[Item]
    record: PageRecord | None = None
    answer: Future[list[IngestResult | Exception]] = field(default_factory=Future)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(len(item.entry.data) for item in self.items)


#: Stands for nothing that waits; None stands for the end.
_NOTHING = _Waiting(())


class IngestService:
    """Takes entries in. Safe to call from any number of threads; ``close`` it at the end.

    Args:
        policy: what the upload gate lets in.
        clock: returns the time as an aware datetime.
        acceptor: acceptance; raises RefusedError.
        limit: uploads of one endorser, told by certificate: anybody may claim an address, and must not use up
            the turns of whoever owns it.
        slots: for callers of ``take`` while the database does not move.
        on_commit: called after each commit that added to a log, on the writer thread; must be quick.
        on_import: called with the coordinates of new entries beside which others have the same coordinates,
            on the writer thread before their uploaders have the answer; must be quick.
        on_outcome: called with created, unchanged, refused or failed, and the code of the rule or failure
            if any, at the end of each upload or import to the public log.
        on_private_outcome: the same for all other logs, whose figures are not for everybody.
    """

    def __init__(
        self,
        database: Database,
        policy: UploadPolicy,
        clock: Callable[[], datetime] = utc_now,
        *,
        acceptor: Callable[[bytes], AcceptedEntry] = accept,
        limit: RateLimit | None = None,
        slots: ThreadSlots | None = None,
        on_commit: Callable[[], None] = lambda: None,
        on_import: Callable[[Sequence[Coordinates]], None] = lambda coordinates: None,
        on_outcome: Callable[[str, str], None] = lambda outcome, code: None,
        on_private_outcome: Callable[[str, str], None] = lambda outcome, code: None,
    ) -> None:
        self._database = database
        self.policy = policy
        self._limit = limit
        self._upload_slots = UploadSlots(slots or ThreadSlots(WAITING))
        self._clock = clock
        self._accept = acceptor
        self._on_commit = on_commit
        self._on_import = on_import
        self._on_outcome = on_outcome
        self._on_private_outcome = on_private_outcome
        self._queue: Queue[_Waiting | None] = Queue(WAITING)
        self._closing = threading.Lock()
        self._closed = False
        self._writer = threading.Thread(target=self._write_until_closed, name="ingest", daemon=True)
        self._writer.start()

    def submit(self, data: bytes, log: str | Addressing = PUBLIC) -> IngestResult:
        """Accept uploaded bytes and store them; returns when they are on disk.

        Args:
            log: its name, or what tells it of an accepted entry. Refusals of acceptance count as
                private ones then, since nobody knows where the entry would have gone.

        Raises:
            RefusedError: they are no valid entry.
            AudienceError: the entry is signed for others than those who read the log.
            GateError: the upload gate refuses the entry.
            TooManyUploadsError: its endorser uploads too often.
            ConflictError: other bytes have its coordinates in the log.
            LogNotFoundError: there is no such log.
            StoreUnavailableError: the database cannot take it now.
        """
        return self.take(self.accept(data, log), log)

    def accept(self, data: bytes, log: str | Addressing = PUBLIC) -> AcceptedEntry:
        """Accept bytes, and count a refusal; to be handed to ``take``.

        Args:
            log: as of ``submit``.

        Raises:
            RefusedError: they are no valid entry.
        """
        try:
            return self._accept(data)
        except RefusedError as error:
            tell = self._on_outcome if log == PUBLIC else self._on_private_outcome
            tell("refused", error.code)
            raise

    def take(self, entry: AcceptedEntry, log: str | Addressing = PUBLIC) -> IngestResult:
        """Store an uploaded entry that was accepted; returns when it is on disk.

        Args:
            log: as of ``submit``.

        Raises:
            IngestError, LogNotFoundError: as of ``submit``.
        """
        tell = self._on_outcome if log == PUBLIC else self._on_private_outcome
        try:
            address = address_of(entry, log)
            tell = self._on_outcome if address.log == PUBLIC else self._on_private_outcome
            self._count(entry)
            receipt = self._upload_slots.wait(
                partial(self.enqueue, entry, address.log, Source.UPLOAD, address.record)
            )
        except StoreUnavailableError as error:
            tell("failed", error.code)
            raise
        except IngestError as error:
            tell("refused", error.code)
            raise
        tell(receipt.outcome, "")
        return receipt

    def _count(self, entry: AcceptedEntry) -> None:
        wait = 0 if self._limit is None else self._limit.take(entry.signer.fingerprint)
        if wait:
            raise TooManyUploadsError(wait)

    def import_all(self, documents: Iterable[bytes], log: str = PUBLIC) -> Iterator[IngestResult | Exception]:
        """Store many documents without the gate, sharing commits; yields what became of each, in order."""
        window: list[Future[IngestResult]] = []
        for data in documents:
            window.append(self._try_enqueue(data, log))
            if len(window) == BATCH_ENTRIES:
                yield from map(_outcome, window)
                window.clear()
        yield from map(_outcome, window)

    def enqueue(
        self,
        entry: AcceptedEntry,
        log: str = PUBLIC,
        source: Source = Source.UPLOAD,
        record: OwedRecord | None = None,
    ) -> Future[IngestResult]:
        """Hand an accepted entry to the writer; the future holds the receipt or the error of ``submit``."""
        waiting = _Waiting([Item(entry, log, source, record)])
        alone: Future[IngestResult] = Future()
        waiting.answer.add_done_callback(lambda answer: _answer_alone(alone, answer))
        self._put(waiting)
        return alone

    def enqueue_page(self, page: Page) -> Future[list[IngestResult | Exception]]:
        """Give a page of replicated entries to the writer, for one separate transaction.

        The future holds what became of each entry, or what ``record`` or the database raised.
        """
        waiting = _Waiting(page.items(), page.record)
        self._put(waiting)
        return waiting.answer

    def close(self) -> None:
        """Store everything that waits, then stop the writer. Later calls do nothing."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._writer.join()

    def _put(self, waiting: _Waiting) -> None:
        with self._closing:
            if self._closed:
                raise StoreUnavailableError("the marketplace is stopping: try again later")
            self._queue.put(waiting)

    def _try_enqueue(self, data: bytes, log: str) -> Future[IngestResult]:
        try:
            return self.enqueue(self._accept(data), log, Source.IMPORT)
        except Exception as error:  # told to whoever waits for it
            failed: Future[IngestResult] = Future()
            failed.set_exception(error)
            return failed

    def _write_until_closed(self) -> None:
        first = self._queue.get()
        while first is not None:
            shared, behind = self._collect(first)
            self._write(shared)
            first = self._queue.get() if behind is _NOTHING else behind

    def _collect(self, first: _Waiting) -> tuple[list[_Waiting], _Waiting | None]:
        """All that waits now and may share a transaction, within the bounds; and what comes behind it."""
        shared, size = [first], first.size
        while first.record is None and len(shared) < BATCH_ENTRIES and size < BATCH_BYTES:
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                break
            if waiting is None or waiting.record is not None:
                return shared, waiting
            shared.append(waiting)
            size += waiting.size
        return shared, _NOTHING

    def _write(self, shared: Sequence[_Waiting]) -> None:
        """Commit what waits and answer everybody; never raises."""
        try:
            outcomes = self._commit(shared)
        except Exception as error:  # told to everybody who waits for it
            if shared[0].record is None:
                _logger.exception("a batch of %s was not stored", counted(len(shared), "entry", "entries"))
            for one in shared:
                # Not known to be on disk: whoever asks again gets the same answer either way.
                one.answer.set_exception(_unavailable(error))
            return
        created = [one for one in outcomes if isinstance(one, IngestResult) and one.outcome == "created"]
        beside = [one.coordinates for one in created if one.may_conflict]
        if beside:
            # Before the answer: the uploader may ask at once what is at these coordinates now.
            self._tell(partial(self._on_import, beside))
        end = 0
        for one in shared:
            start, end = end, end + len(one.items)
            one.answer.set_result(outcomes[start:end])
        if created:
            self._tell(self._on_commit)

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            what()
        except Exception:  # the entries are stored: logged only
            _logger.exception("telling the followers failed; they look by themselves soon")

    def _commit(self, shared: Sequence[_Waiting]) -> list[IngestResult | Exception]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._commit_once(shared)
            except DBAPIError as error:
                if attempt == ATTEMPTS or getattr(error.orig, "sqlstate", None) not in _TRY_AGAIN:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _commit_once(self, shared: Sequence[_Waiting]) -> list[IngestResult | Exception]:
        with self._database.write() as session:
            items = [item for one in shared for item in one.items]
            outcomes = Batch(session, self.policy, self._clock()).take(items)
            if shared[0].record is not None:
                shared[0].record.write(session, outcomes)
            return outcomes


def _answer_alone(alone: Future[IngestResult], answer: Future[list[IngestResult | Exception]]) -> None:
    """Answer for the only entry of a page."""
    error = answer.exception()
    outcome = error if error is not None else answer.result()[0]
    if isinstance(outcome, BaseException):
        alone.set_exception(outcome)
    else:
        alone.set_result(outcome)


def _outcome(answer: Future[IngestResult]) -> IngestResult | Exception:
    error = answer.exception()
    if error is None:
        return answer.result()
    if isinstance(error, Exception):
        return error
    raise error


def _unavailable(error: Exception) -> Exception:
    if isinstance(error, SQLAlchemyError | OSError):
        unavailable = StoreUnavailableError(
            "the database cannot store the entry at the moment: try again later"
        )
        unavailable.__cause__ = error
        return unavailable
    return error
