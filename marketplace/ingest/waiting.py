"""Keeps uploads that wait for a database that does not move from taking every thread that answers readers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager

from marketplace.db import StalledError
from marketplace.ingest.errors import StoreUnavailableError
from marketplace.ingest.items import IngestResult
from marketplace.places import ThreadPlaces

#: Seconds after which an upload is told that nothing is known of it. A proxy in front waits longer.
LONGEST = 60.0

_UNKNOWN = "it may have stored this entry or not: upload it again, it is stored once"


class WaitingRoom:
    """Where uploads wait for their commit.

    Args:
        places: for uploads, and for whatever else waits for the database.
        longest: seconds that one waits.
    """

    def __init__(self, places: ThreadPlaces, *, longest: float = LONGEST) -> None:
        self._places = places
        self._longest = longest

    @contextmanager
    def place(self) -> Iterator[None]:
        """Have a place for the length of the block.

        Raises:
            StoreUnavailableError: as many wait as may, and none of them got an answer in time.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(self._places.take())
            except StalledError as error:
                raise StoreUnavailableError(str(error)) from None
            yield

    def wait(self, answer: Future[IngestResult]) -> IngestResult:
        """Wait for a receipt.

        Raises:
            StoreUnavailableError: it took too long.
            IngestError, LogNotFoundError: what the writer found.
        """
        try:
            return answer.result(self._longest)
        except TimeoutError:
            raise StoreUnavailableError(
                f"the database has not answered for {self._longest:g} s; {_UNKNOWN}"
            ) from None
