"""Pages that the one writer has and has not confirmed yet."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, wait
from types import TracebackType

from marketplace.ingest import IngestResult

#: Pages that may be with the writer while the next one is judged.
AT_ONCE = 2
#: Seconds that the writer may take for a page, on a disk that has other things to do.
COMMIT_SECONDS = 300.0


class WrittenPages:
    """Pages that the writer has and has not confirmed, a few at a time, for one ``with`` block.

    So the next page is judged while this one is written. The first failure ends the
    block; nothing is under way when it is left.
    """

    def __init__(self) -> None:
        self._waiting: deque[Future[list[IngestResult | Exception]]] = deque()

    def __enter__(self) -> WrittenPages:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            while self._waiting:
                self._waiting.popleft().result(COMMIT_SECONDS)
        wait(self._waiting, COMMIT_SECONDS)

    def add(self, page: Future[list[IngestResult | Exception]]) -> None:
        """Take a page; waits for an earlier one if there are too many."""
        self._waiting.append(page)
        if len(self._waiting) > AT_ONCE:
            self._waiting.popleft().result(COMMIT_SECONDS)
