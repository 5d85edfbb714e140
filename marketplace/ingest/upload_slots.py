"""Keeps uploads that wait for a database that does not move from taking every thread that answers readers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from marketplace.db.errors import StalledError
from marketplace.ingest.errors import StoreUnavailableError
from marketplace.ingest.items import IngestResult
from marketplace.thread_slots import ThreadSlots

#: Seconds after which an upload is told that nothing is known of it. A proxy in front waits longer.
LONGEST = 60.0

_UNKNOWN = "it may have stored this entry or not: upload it again, it is stored once"


class UploadSlots:
    """Where uploads wait for their commit.

    Args:
        slots: for uploads, and for whatever else waits for the database.
        longest: seconds that one waits.
    """

    def __init__(self, slots: ThreadSlots, *, longest: float = LONGEST) -> None:
        self._slots = slots
        self._longest = longest

    def wait(self, hand_over: Callable[[], Future[IngestResult]]) -> IngestResult:
        """Hand an upload to the writer and wait for its receipt.

        Raises:
            StoreUnavailableError: it took too long; or as many wait as may, and none of them got an answer in
                time: then nothing was handed over.
            IngestError, LogNotFoundError: what the writer found.
        """
        try:
            with self._slots.wait(self._longest) as longest:
                return hand_over().result(longest)
        except StalledError as error:
            raise StoreUnavailableError(str(error)) from None
        except TimeoutError:
            raise StoreUnavailableError(
                f"the database has not answered for {longest:.2g} s; {_UNKNOWN}"
            ) from None
