"""The thread that notes events, owes them to webhooks, and lets a few threads send them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from marketplace.background import Job
from marketplace.changes import BulkImports
from marketplace.db import Database
from marketplace.events import PAGE, EventNoter
from marketplace.webhooks.planning import Planner
from marketplace.webhooks.sending import Sender

#: Seconds between two looks: other processes write without a word.
POLL = 1.0
#: Seconds from one noting to the next while something happens: each is a durable write, whatever it holds,
#: and one for every upload would slow the uploads down.
GATHER = 0.6
#: Seconds from one look to the next while a whole log is imported.
LET_PASS = 5.0
#: Seconds between two removals of what is of no use any more.
TIDY = 3600.0
#: Deliveries on their way at the same time, each of another webhook.
AT_ONCE = 4
#: Seconds for which the end waits for deliveries on their way.
_PATIENCE = 5.0

_logger = logging.getLogger(__name__)


class WebhookWorker(Job):
    """A part of the background work: notes events and sends them. Several processes at once do no harm.

    Args:
        noter: notes what happened.
        planner: owes it to webhooks.
        sender: sends what is owed.
        bulk_imports: leaves them the processors while one is in progress.
    """

    def __init__(
        self,
        database: Database,
        noter: EventNoter,
        planner: Planner,
        sender: Sender,
        bulk_imports: BulkImports | None = None,
    ) -> None:
        super().__init__(database, "webhooks", _PATIENCE)
        self._noter = noter
        self._planner = planner
        self._sender = sender
        self._bulk_imports = bulk_imports or BulkImports()
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._sent = threading.Event()

    def stop(self) -> None:
        """End; what is on its way may arrive, and is sent again where that was not noted in time."""
        end = time.monotonic() + _PATIENCE
        self.ask_to_end()
        self._sent.set()
        self.join(_PATIENCE)
        held = [self._slots.acquire(timeout=max(0.0, end - time.monotonic())) for _ in range(AT_ONCE)]
        for _ in filter(None, held):
            self._slots.release()

    def step(self) -> int:
        """Note, owe and begin to send what there is; returns how much was noted and owed."""
        done = self._attempt("noting", self._noter.note) + self._attempt("planning", self._planner.plan)
        self._attempt("sending", self._begin)
        return done

    def _run(self, stopping: threading.Event) -> None:
        tidy_at = time.monotonic()
        while not stopping.is_set():
            self._wake.clear()
            busy = self.step()
            if time.monotonic() >= tidy_at:
                self._attempt("tidying", self._tidy)
                tidy_at = time.monotonic() + TIDY
            if self._bulk_imports.in_progress:
                stopping.wait(LET_PASS)
            elif not busy:
                self._wake.wait(POLL)
            elif busy < PAGE:
                self._gather(stopping)

    def _gather(self, stopping: threading.Event) -> None:
        """Let more happen before it is noted; what is owed already is sent meanwhile."""
        end = time.monotonic() + GATHER
        while not stopping.is_set() and self._sent.wait(max(0.0, end - time.monotonic())):
            self._sent.clear()
            self._attempt("sending", self._begin)

    def _begin(self) -> int:
        """Begin to send what is due, as far as threads are free."""
        begun = 0
        while not self.is_ending and self._slots.acquire(blocking=False):
            send = None
            try:
                send = self._sender.take() if self._sender.is_due() else None
            finally:
                if send is None:
                    self._slots.release()
            if send is None:
                break
            begun += 1
            threading.Thread(target=self._finish, args=(send,), name="webhook", daemon=True).start()
        return begun

    def _finish(self, send: Callable[[], None]) -> None:
        try:
            with self._database.fenced():
                send()
        except Exception:  # noted nowhere: it is claimed, and sent again when the claim is over
            _logger.exception("webhooks: a delivery could not be noted; it is tried again")
        finally:
            self._slots.release()
            # The next one of the same webhook.
            self._sent.set()
            self._wake.set()

    def _tidy(self) -> int:
        self._noter.forget_old()
        self._sender.forget_old()
        return 0

    @staticmethod
    def _attempt(name: str, run: Callable[[], int]) -> int:
        try:
            return run()
        except Exception:  # the thread goes on: logged, and tried again
            _logger.exception("webhooks: %s failed; it is tried again", name)
            return 0
