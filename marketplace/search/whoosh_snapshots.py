"""States of a Whoosh index as commits left them, shared by every thread that searches.

A commit adds a segment and leaves most as they are, so each segment is opened
once and taken over from one snapshot into the next, with all that was read of it.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from pyroaring import BitMap

from marketplace.search.engine import Position
from marketplace.search.whoosh_answers import answer_cache
from marketplace.search.whoosh_segments import Leaf

#: Nanoseconds after which a directory's time of change is told apart from that of any later change.
_SETTLED = 2_000_000_000


class Snapshot:
    """One generation of an index; it never changes.

    Args:
        leaves: the segments, each with the keys that are deleted in it.
    """

    def __init__(self, generation: int, position: Position, leaves: Sequence[tuple[Leaf, BitMap]]) -> None:
        self.generation = generation
        self.position = position
        self.leaves = leaves
        #: Keys of all entries.
        self.everything = BitMap()
        for leaf, dead in leaves:
            self.everything |= leaf.keys - dead
        self.averages = _averages([leaf for leaf, _ in leaves])
        #: Answers to whole queries. They are of this state of this index, and go with it.
        self.answers = answer_cache()
        #: Searches that read it, and one while it is the newest.
        self.users = 1

    def verify(self) -> None:
        """Touch the parts of every segment; raises whatever the damage raises."""
        for leaf, _ in self.leaves:
            with leaf.lock:
                leaf.verify()


class Snapshots:
    """Lends the newest snapshot, and closes segments that no snapshot in use holds. Safe to share."""

    def __init__(self, opened: Any, position_in: Callable[[Any], Position]) -> None:
        """Nothing is opened before it is asked for.

        Args:
            opened: the Whoosh index.
            position_in: reads the position that the index is at from a Whoosh reader.
        """
        self._index = opened
        self._folder: str = opened.storage.folder
        self._position_in = position_in
        self._newest: Snapshot | None = None
        self._lock = Lock()
        #: When the directory changed that was listed last, and the generation found.
        self._listed: tuple[int, int] | None = None

    def newest(self) -> Snapshot:
        """The newest snapshot, for what is known of it; its segments may be closed at any moment."""
        with self._lock:
            return self._current()

    @contextmanager
    def lent(self) -> Iterator[Snapshot]:
        """The newest snapshot with its segments open, for the length of a block."""
        snapshot = self.lend()
        try:
            yield snapshot
        finally:
            self.take_back(snapshot)

    def lend(self) -> Snapshot:
        """The newest snapshot with its segments open until it is taken back."""
        with self._lock:
            snapshot = self._current()
            snapshot.users += 1
            return snapshot

    def take_back(self, snapshot: Snapshot) -> None:
        """End what ``lend`` began."""
        with self._lock:
            self._let_go(snapshot)

    def close(self) -> None:
        """Close what no search uses; the rest is closed when that ends."""
        with self._lock:
            self._let_go(self._newest)
            self._newest = None

    def _current(self) -> Snapshot:
        generation = self._generation()
        if self._newest is None or self._newest.generation != generation:
            fresh = self._open(generation)
            self._let_go(self._newest)
            self._newest = fresh
        return self._newest

    def _generation(self) -> int:
        """Of the newest commit; the directory is only listed again after something changed in it."""
        changed = os.stat(self._folder).st_mtime_ns  # noqa: PTH116 # asked of every log by every search
        if self._listed is not None and self._listed[0] == changed:
            return self._listed[1]
        generation: int = self._index.latest_generation()
        # Until the time of the change is well past, another change may get the same one.
        self._listed = (changed, generation) if time.time_ns() - changed > _SETTLED else None
        return generation

    def _open(self, generation: int) -> Snapshot:
        known = {} if self._newest is None else {leaf.name: leaf for leaf, _ in self._newest.leaves}
        whole = self._index.reader()
        position = self._position_in(whole)
        leaves = []
        for reader, _ in whole.leaf_readers():
            if not reader.doc_count_all():
                continue
            segment = reader.segment()
            leaf = known.get(segment.segment_id())
            if leaf is None:
                leaf = Leaf(reader)
            else:
                reader.close()
            leaf.holders += 1
            dead = BitMap([leaf.numbers[number] for number in segment.deleted_docs()])
            dead.discard(0)
            leaves.append((leaf, dead))
        return Snapshot(generation, position, leaves)

    def _let_go(self, snapshot: Snapshot | None) -> None:
        if snapshot is None:
            return
        snapshot.users -= 1
        if snapshot.users == 0:
            for leaf, _ in snapshot.leaves:
                leaf.holders -= 1
                if leaf.holders == 0:
                    leaf.reader.close()


def _averages(leaves: Sequence[Leaf]) -> Mapping[str, float]:
    """How many words each field has on average; entries without it count."""
    documents = sum(len(leaf.keys) for leaf in leaves)
    words: Counter[str] = Counter()
    for leaf in leaves:
        words.update(leaf.words)
    return {name: count / documents for name, count in words.items() if count and documents}
