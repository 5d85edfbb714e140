"""Writing a Whoosh index: a commit a batch, and segments that stay few without a commit that takes long.

Whoosh is pure Python: while it writes hundreds of entries, or merges segments, everything else in its process
waits for the interpreter, uploads and searches too. So large batches are written by a process of their own,
whose ``main`` is here. It begins with the first large batch and ends by itself when none comes any more.
"""

from __future__ import annotations

import logging
import pickle
import select
import sys
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from threading import Lock
from typing import Any

from whoosh import index
from whoosh.index import LockError
from whoosh.reading import SegmentReader

from marketplace.processes import KillableProcess, ProcessEndedError
from marketplace.processes.frames import read_frame
from marketplace.processes.inside import begin_trusted, send
from marketplace.search.directory import Broken, busy, note_sizes
from marketplace.search.document import SearchDocument
from marketplace.search.engine import IndexBatch
from marketplace.search.errors import SearchError
from marketplace.search.whoosh_fields import ANYWHERE, KEY, LENGTHS, NUMBER, POSITION, POSITION_KEY

#: Documents from which on a batch is large: fewer are written before a process has started.
LARGE = 16
#: Seconds without a batch after which the process ends.
_IDLE = 30.0
#: Seconds a batch may take: the largest one takes some seconds, and the machine may have other things to do.
_SECONDS = 600.0
#: Memory that the writer may hold before it spills to disk, in mebibytes.
WRITER_MIB = 64

#: So many segments are merged, the smallest first, where the largest of them has at most so many times the
#: documents of the smallest. Were all small ones merged each time, a document that comes alone would be
#: written dozens of times.
ALIKE_SEGMENTS, _ALIKE = 8, 10
#: Documents merged in one commit. Whoosh's own policy merges tens of thousands at once: a minute, and
#: gigabytes, in which nothing that is uploaded is found. Merging these takes about as long as a commit may.
MERGED_DOCUMENTS = 2000
#: So many segments are too many files: then more documents are merged, a second for each thousand, and of the
#: smallest segments that are alike. To read a segment more takes a search a fifth of a millisecond a word.
MOST_SEGMENTS = 64

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
        """Commit a batch.

        Args:
            opened: the index, as Whoosh opened it.
            where: its directory.

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
        request = pickle.dumps((where, batch))
        with self._lock:
            try:
                answer = self._process.ask(request, _SECONDS)
            except (OSError, ProcessEndedError) as error:  # TimeoutError is an OSError
                self._process.kill()
                # What was written of it is not committed, or comes to the same when it is written again.
                _logger.warning("a batch of the search index is written here", extra={"reason": str(error)})
                return False
        if (refused := pickle.loads(answer)) is not None:  # noqa: S301  # from our own process, which runs our code
            raise refused
        return True


def main() -> None:
    """Write batches until none comes for a while, or the parent is gone. Arguments: seconds of that while."""
    idle = float(sys.argv[1])
    requests, answers = begin_trusted()
    while True:
        try:
            where, batch = pickle.loads(read_frame(requests))  # noqa: S301  # from the parent of this process
        except EOFError:
            return
        refused = None
        try:
            with Broken(where):
                write(index.open_dir(str(where)), where, batch)
        except SearchError as error:
            refused = error
        send(answers, pickle.dumps(refused))
        # Nothing of a next request can have been read yet: it is sent when this one is answered.
        if not select.select([requests], [], [], idle)[0]:
            return


def write(opened: Any, where: Path, batch: IndexBatch) -> None:
    """Commit a batch in this process; see BatchWriter.write."""
    try:
        # Files put together into one are copied into memory by every reader of them.
        writer = opened.writer(limitmb=WRITER_MIB, compound=False)
    except LockError:
        raise busy(where) from None
    try:
        _change(writer, batch)
        writer.commit(mergetype=_merge)
    except BaseException:  # also when interrupted: no lock stays
        if not writer.is_closed:
            writer.cancel()
        raise
    note_sizes(where, opened.latest_generation())


def _merge(writer: Any, segments: list[Any]) -> list[Any]:
    """Whoosh's hook for merging: puts some segments into the one being written and returns the others."""
    merged = merged_segments([segment.doc_count_all() for segment in segments])
    for number in merged:
        reader = SegmentReader(writer.storage, writer.schema, segments[number])
        writer.add_reader(reader)
        reader.close()
    return [segment for number, segment in enumerate(segments) if number not in merged]


def merged_segments(sizes: Sequence[int]) -> Sequence[int]:
    """The places of the segments that the next commit merges with what it adds.

    Args:
        sizes: documents of each segment.
    """
    by_size = sorted(range(len(sizes)), key=sizes.__getitem__)
    for end in range(ALIKE_SEGMENTS, len(by_size) + 1):
        alike = by_size[end - ALIKE_SEGMENTS : end]
        few = len(sizes) >= MOST_SEGMENTS or sum(sizes[number] for number in alike) <= MERGED_DOCUMENTS
        if few and sizes[alike[-1]] <= _ALIKE * sizes[alike[0]]:
            return alike
    return ()


def _change(writer: Any, batch: IndexBatch) -> None:
    replaced = [POSITION_KEY, *batch.forgotten, *(document.entry_key for document in batch.documents)]
    with writer.reader() as reader:
        # Not by a query: a large batch takes a fifth longer then, and mostly nothing is replaced.
        for term in ((KEY, str(key)) for key in replaced):
            for number in list(reader.postings(*term).all_ids()) if term in reader else ():
                writer.delete_document(number)
    for document in batch.documents:
        writer.add_document(**_values(document))
    writer.add_document(**{KEY: POSITION_KEY, POSITION: astuple(batch.position), NUMBER: 0})


def _values(document: SearchDocument) -> dict[str, Any]:
    by_field = document.field_words()
    values: dict[str, Any] = {field.value: runs for field, runs in by_field.items() if runs}
    values[ANYWHERE] = document.all_words(by_field)
    number = document.entry_key * LENGTHS + sum(map(len, values[ANYWHERE]))
    return values | {KEY: str(document.entry_key), NUMBER: number}
