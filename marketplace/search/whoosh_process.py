"""Writing large batches of Whoosh indexes in a process of their own.

Whoosh is pure Python: while it writes hundreds of entries, or merges segments, everything else in its process
waits for the interpreter, uploads and searches too. The process begins with the first large batch and ends by
itself when none comes any more.
"""

from __future__ import annotations

import json
import logging
import pickle
import select
import sys
from pathlib import Path
from threading import Lock
from typing import Any

from whoosh import index

from marketplace.processes import KillableProcess, ProcessEndedError
from marketplace.processes.frames import read_frame
from marketplace.processes.inside import begin_trusted, send
from marketplace.search.engine import IndexBatch
from marketplace.search.errors import IndexBrokenError, IndexBusyError, SearchError
from marketplace.search.whoosh_writing import write

#: Documents from which on a batch is large: fewer are written before a process has started.
LARGE = 16
#: Seconds without a batch after which the process ends.
_IDLE = 30.0
#: Seconds a batch may take: the largest one takes some seconds, and the machine may have other things to do.
_SECONDS = 600.0

_logger = logging.getLogger(__name__)


class BatchWriter:
    """Writes batches, large ones in a process of their own. Safe to share between threads.

    Args:
        idle: seconds without a batch after which the process ends.
    """

    def __init__(self, idle: float = _IDLE) -> None:
        self._process = KillableProcess(__name__, (str(idle),))
        self._lock = Lock()

    def write(self, opened: Any, where: Path, batch: IndexBatch) -> None:
        """Commit a batch; see whoosh_writing.write.

        Raises:
            IndexBusyError: another process is writing the index.
            IndexBrokenError: the process of its own could not write it.
            Exception: whatever Whoosh raises on a damaged index.
        """
        if len(batch.documents) < LARGE or not self._try_apart(where, batch):
            write(opened, where, batch)

    def close(self) -> None:
        """End the process; one that is writing ends by itself. The next large batch starts another."""
        if self._lock.acquire(blocking=False):
            try:
                self._process.kill()
            finally:
                self._lock.release()

    def _try_apart(self, where: Path, batch: IndexBatch) -> bool:
        """Have the process commit a batch; False where there is no process for it."""
        request = pickle.dumps((str(where), batch))
        with self._lock:
            try:
                answer = json.loads(self._process.ask(request, _SECONDS))
            except (OSError, ProcessEndedError) as error:  # TimeoutError is an OSError
                self._process.kill()
                # What was written of it is not committed, or comes to the same when it is written again.
                _logger.warning("a batch of the search index is written here", extra={"reason": str(error)})
                return False
        if answer is not None:
            kind, message = answer
            raise IndexBusyError(message) if kind == IndexBusyError.__name__ else IndexBrokenError(message)
        return True


def main() -> None:
    """Write batches until none comes for a while, or the parent is gone. Arguments: seconds of that while."""
    idle = float(sys.argv[1])
    requests, answers = begin_trusted()
    while True:
        try:
            request = read_frame(requests)
        except EOFError:
            return
        send(answers, json.dumps(_answer(request)).encode())
        # Nothing of a next request can have been read yet: it is sent when this one is answered.
        if not select.select([requests], [], [], idle)[0]:
            return


def _answer(request: bytes) -> tuple[str, str] | None:
    """What kept a batch from being written: the name of the error and its message; None where nothing did."""
    where, batch = pickle.loads(request)  # noqa: S301  # from the parent of this process
    try:
        write(index.open_dir(where), Path(where), batch)
    except SearchError as error:
        return type(error).__name__, str(error)
    except Exception as error:  # whatever Whoosh raises on a damaged index
        return IndexBrokenError.__name__, f"{where}: {type(error).__name__}: {error}"
    return None
