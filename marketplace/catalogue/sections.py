"""The file that the catalogue is written to and read from: named sections, and one digest of everything.

The values are numbers as the processor has them, bitmaps in the portable format of Roaring, and JSON.
Nothing in a file is ever run, and no section is looked at before the digest was found right.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from mmap import ACCESS_COPY, ACCESS_WRITE, MADV_DONTNEED, mmap
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Literal, TypeAlias

from pyroaring import BitMap

#: What a file begins with; the number changes whenever the sections mean something else.
MAGIC = b"marketplace catalogue 7\n"
#: Bytes of the digest: against damage, not against somebody who can write the file.
_DIGEST = 32
#: Types of numbers, as ``array`` names them.
Code = Literal["B", "I", "Q", "q"]
Numbers: TypeAlias = "array[int] | memoryview"
#: Bytes that are copied at a time.
_COPIED = 1 << 20
#: Bytes of a label that are read at most.
_MOST_LABEL = 16_000_000


class DamagedError(Exception):
    """A file is not what was written."""


class Writer:
    """Writes sections to a file, one after another.

    Args:
        file: empty, open for writing.
        label: says what the file belongs to; JSON.

    Raises:
        OSError: the file cannot be written; out of every method.
    """

    def __init__(self, file: BinaryIO, label: Mapping[str, Any]) -> None:
        self._file, self._digest, self._end = file, blake2b(digest_size=_DIGEST), 0
        #: Where each begins, and its bytes.
        self._sections: dict[str, tuple[int, int]] = {}
        told = json.dumps({**label, "byteorder": sys.byteorder}).encode()
        self._write(MAGIC + len(told).to_bytes(8, "big") + told)

    def numbers(self, name: str, data: bytes | bytearray | Numbers, room: int = 0) -> None:
        """Write bytes or numbers, and behind them room for so many bytes more."""
        start = self._end
        self._write(memoryview(data).cast("B"))
        self._write(bytes(room))
        self._sections[name] = start, self._end - start

    def json(self, name: str, value: Any) -> None:
        """Write a value that JSON can hold."""
        self.numbers(name, json.dumps(value, separators=(",", ":")).encode())

    def bitmaps(self, name: str, maps: Iterable[BitMap]) -> None:
        """Write bitmaps."""
        sets = [one.serialize() for one in maps]
        self.numbers(f"{name}.lengths", array("Q", map(len, sets)))
        self.numbers(f"{name}.sets", b"".join(sets))

    def named(self, name: str, maps: Mapping[Any, BitMap]) -> None:
        """Write bitmaps by names that JSON can hold."""
        self.json(f"{name}.names", list(maps))
        self.bitmaps(name, maps.values())

    def close(self) -> None:
        """Write which sections there are. The file stays open."""
        index = json.dumps(self._sections).encode()
        self._write(index + len(index).to_bytes(8, "big"))
        self._file.write(self._digest.digest())

    def _write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._digest.update(data)
        self._end += len(data)


def read_label(file: BinaryIO) -> dict[str, Any]:
    """The label of a file, which is open at its beginning; whether it is damaged, ``Reader`` knows.

    Raises:
        DamagedError: it has none.
        ValueError: it is no JSON.
        OSError: it cannot be read.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise DamagedError("it is of another version, or no catalogue")
    length = int.from_bytes(file.read(8), "big")
    found = json.loads(file.read(min(length, _MOST_LABEL)))
    if not isinstance(found, dict) or found.pop("byteorder", None) != sys.byteorder:
        raise DamagedError("it was written by another kind of machine")
    return found


class Reader:
    """Reads the sections of a file, as memory that this process may change.

    That memory is a copy of the file without a name, which goes with the process. What is in memory of it can
    be dropped at any time, because changes are in the copy. Where there is no room for a copy, changes are in
    memory alone, and nothing that was read is dropped.

    Args:
        file: is not changed.
        directory: for the copy, on a disk with room.

    Raises:
        DamagedError: it is not what was written.
        OSError: it cannot be read.
    """

    def __init__(self, file: BinaryIO, directory: Path) -> None:
        file.seek(0)
        try:
            with TemporaryFile(dir=directory) as copy:
                copyfileobj(file, copy, _COPIED)
                copy.flush()
                #: The whole file.
                self.data, self._is_copy = mmap(copy.fileno(), 0, access=ACCESS_WRITE), True
        except OSError:
            self.data, self._is_copy = mmap(file.fileno(), 0, access=ACCESS_COPY), False
        with memoryview(self.data) as every, every[:-_DIGEST] as written:
            if blake2b(written, digest_size=_DIGEST).digest() != every[-_DIGEST:]:
                raise DamagedError("it is cut or damaged")
        self.release()
        end = len(self.data) - _DIGEST - 8
        length = int.from_bytes(self.data[end : end + 8], "big")
        self._sections: dict[str, tuple[int, int]] = json.loads(self.data[end - length : end])

    def release(self) -> None:
        """Keep nothing of the file in memory that can be read again."""
        if self._is_copy:
            self.data.madvise(MADV_DONTNEED)

    def extent(self, name: str) -> tuple[int, int]:
        """Where in ``data`` the bytes of a section begin and end."""
        start, length = self._sections[name]
        return start, start + length

    def view(self, name: str, code: Code = "B") -> memoryview:
        """Numbers that stay in the file: processes share what nobody changed, and the system may drop it.

        Args:
            code: their type.
        """
        start, end = self.extent(name)
        return memoryview(self.data)[start:end].cast(code)

    def array(self, name: str, code: Code) -> array[int]:
        """Numbers in memory.

        Args:
            code: their type.
        """
        values = array(code)
        values.frombytes(self.view(name))
        return values

    def json(self, name: str) -> Any:
        """The value of a section of JSON."""
        return json.loads(bytes(self.view(name)))

    def bitmaps(self, name: str) -> list[BitMap]:
        """Bitmaps."""
        data, found, start = self.view(f"{name}.sets"), [], 0
        for length in self.array(f"{name}.lengths", "Q"):
            found.append(BitMap.deserialize(data[start : start + length].tobytes()))
            start += length
        return found

    def named(self, name: str) -> dict[Any, BitMap]:
        """Bitmaps by their names."""
        return dict(zip(self.json(f"{name}.names"), self.bitmaps(name), strict=True))
