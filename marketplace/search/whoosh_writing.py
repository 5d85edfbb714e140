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
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from itertools import accumulate
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

#: A segment of fewer documents is small. Small ones are merged when so many of about one size have come
#: together: were all of them merged each time, a document that comes alone would be written dozens of times.
SMALL_SEGMENT, ALIKE_SEGMENTS = 1000, 8
#: Segments are of about one size where their documents are counted in as many digits of this many bits.
_SIZE_BITS = 4
#: Documents merged in one commit. Whoosh's own policy merges tens of thousands at once: a minute, and
#: gigabytes, in which nothing that is uploaded is found. Merging these takes about as long as a commit may.
MERGED_DOCUMENTS = 2000
#: So many segments are too many files: then this many of the smallest that are not small become one, which
#: takes some seconds, once in ten thousand entries or so.
MOST_SEGMENTS, JOINED_SEGMENTS = 32, 8

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
        request = pickle.dumps((str(where), batch))
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
        send(answers, pickle.dumps(_refusal(where, batch)))
        # Nothing of a next request can have been read yet: it is sent when this one is answered.
        if not select.select([requests], [], [], idle)[0]:
            return


def _refusal(where: str, batch: IndexBatch) -> SearchError | None:
    """What kept a batch from being written; None where nothing did."""
    try:
        with Broken(Path(where)):
            write(index.open_dir(where), Path(where), batch)
    except SearchError as error:
        return error
    return None


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
    sizes = [segment.doc_count_all() for segment in segments]
    merged = {id(segments[number]) for number in merged_segments(sizes)}
    for segment in segments:
        if id(segment) in merged:
            reader = SegmentReader(writer.storage, writer.schema, segment)
            writer.add_reader(reader)
            reader.close()
    return [segment for segment in segments if id(segment) not in merged]


def merged_segments(sizes: Sequence[int]) -> list[int]:
    """The places of the segments that the next commit merges with what it adds.

    Args:
        sizes: documents of each segment.
    """
    by_size = sorted(range(len(sizes)), key=sizes.__getitem__)
    small = [number for number in by_size if sizes[number] < SMALL_SEGMENT]
    if len(sizes) >= MOST_SEGMENTS and len(sizes) - len(small) >= JOINED_SEGMENTS:
        return by_size[len(small) :][:JOINED_SEGMENTS]
    alike = Counter(_digits(sizes[number]) for number in small)
    most = max((digits for digits, count in alike.items() if count >= ALIKE_SEGMENTS), default=-1)
    merged = [number for number in small if _digits(sizes[number]) <= most]
    sums = accumulate(sizes[number] for number in merged)
    return [number for number, total in zip(merged, sums, strict=True) if total <= MERGED_DOCUMENTS]


def _digits(documents: int) -> int:
    return documents.bit_length() // _SIZE_BITS


def _change(writer: Any, batch: IndexBatch) -> None:
    keys = [*(str(key) for key in batch.forgotten), *(str(one.entry_key) for one in batch.documents)]
    with writer.reader() as reader:
        for key in [*keys, POSITION_KEY]:
            if (KEY, key) in reader:
                for number in list(reader.postings(KEY, key).all_ids()):
                    writer.delete_document(number)
    for document in batch.documents:
        writer.add_document(**_values(document))
    position = astuple(batch.position)
    writer.add_document(**{KEY: POSITION_KEY, POSITION: position, NUMBER: 0})


def _values(document: SearchDocument) -> dict[str, Any]:
    by_field = document.field_words()
    values: dict[str, Any] = {field.value: runs for field, runs in by_field.items() if runs}
    values[ANYWHERE] = document.all_words(by_field)
    number = document.entry_key * LENGTHS + sum(map(len, values[ANYWHERE]))
    return values | {KEY: str(document.entry_key), NUMBER: number}
