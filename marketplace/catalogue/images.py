"""Which entries are about an image and by an endorser: a few bytes for each entry.

Entries are found by a digest of the two: lately added ones in a dictionary, all others in a sorted column.
What was added stays until the column is made anew, so whoever asks says which entries count.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import chain

from pyroaring import BitMap

from marketplace.catalogue.sections import Numbers, Reader, Writer
from marketplace.catalogue.table import FactsTable

#: More entries than this, and than an eighth of the column, are moved from the dictionary to the column.
_MOST_FRESH = 20_000
#: Bytes of a digest that the column is sorted by.
_SORTED = 8


class Images:
    """The entries of each image and endorser. Not safe to share between threads.

    Args:
        table: holds every entry that counts.
    """

    def __init__(self, table: FactsTable) -> None:
        self._table = table
        #: Digests, ascending, and the keys beside them.
        self._digests: Numbers = array("Q")
        self._keys: Numbers = array("I")
        self._fresh: dict[bytes, tuple[int, ...]] = {}

    def add(self, keys: Sequence[int]) -> None:
        """Take in entries that the table holds."""
        if not self._keys or len(self._fresh) + len(keys) > _MOST_FRESH + len(self._keys) // 8:
            self._gather()
            return
        for key in keys:
            image = self._table.image(key)
            self._fresh[image] = (*self._fresh.get(image, ()), key)

    def find(self, image: bytes, current: BitMap) -> set[int]:
        """The keys of an image's entries among those that count."""
        digest = _sorted_by(image)
        place, keys, found = bisect_left(self._digests, digest), self._keys, set[int]()
        while place < len(keys) and self._digests[place] == digest:
            # Half of a digest can be forged, a whole one cannot.
            if keys[place] in current and self._table.image(keys[place]) == image:
                found.add(keys[place])
            place += 1
        found.update(key for key in self._fresh.get(image, ()) if key in current)
        return found

    def find_many(self, images: Iterable[bytes], current: BitMap) -> dict[bytes, set[int]]:
        """The keys of the entries about many images, without the images that have none."""
        digests, fresh, found = self._digests, self._fresh, dict[bytes, set[int]]()
        for image in images:
            digest = _sorted_by(image)
            place = bisect_left(digests, digest)
            if image in fresh or (place < len(digests) and digests[place] == digest):
                found[image] = self.find(image, current)
        return found

    def write(self, writer: Writer) -> None:
        """Write the images to a file."""
        writer.numbers("images.digests", self._digests)
        writer.numbers("images.keys", self._keys)
        writer.numbers("images.fresh", array("I", chain.from_iterable(self._fresh.values())))

    def read(self, reader: Reader) -> None:
        """Take those of a file."""
        self._digests, self._keys = reader.view("images.digests", "Q"), reader.view("images.keys", "I")
        self.add([key for key in reader.array("images.fresh", "I") if key in self._table])

    def _gather(self) -> None:
        """Make the column of all entries of the table."""
        keys = self._table.keys()
        # One number for both: pairs would take three times the memory.
        both = sorted(_sorted_by(self._table.image(key)) << 32 | key for key in keys)
        self._digests = array("Q", (one >> 32 for one in both))
        self._keys = array("I", (one & 0xFFFFFFFF for one in both))
        self._fresh = {}


def _sorted_by(image: bytes) -> int:
    return int.from_bytes(image[:_SORTED], "big")
