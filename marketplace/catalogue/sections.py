"""Numbered parts of a file, each with its digest: what the catalogue is written to disk as, and read from.

The values are numbers as the processor has them, bitmaps in the portable format of Roaring, and JSON.
Nothing in a file is ever run, and a section is looked at only after its digest was found right.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from mmap import ACCESS_COPY, ACCESS_WRITE, MADV_DONTNEED, mmap
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Literal, TypeAlias

from pyroaring import BitMap

#: What a file begins with; the number changes whenever the sections mean something else.
MAGIC = b"marketplace catalogue 4\n"
_DIGEST = 32
#: Types of numbers, as ``array`` names them.
Code = Literal["B", "I", "Q", "q"]
Numbers: TypeAlias = "array[int] | memoryview"
#: Bytes that are copied at a time.
_COPIED = 1 << 20
#: Bytes of the index of sections, and of the label, that are read at most.
_MOST_INDEX = 16_000_000


class DamagedError(Exception):
    """A file is not what was written."""


def digest_of(data: bytes | bytearray | memoryview) -> bytes:
    """The digest of some bytes: against damage, not against somebody who can write the file."""
    return blake2b(data, digest_size=_DIGEST).digest()


class Writer:
    """Writes sections to a file, one after another.

    Args:
        file: empty, open for writing.
        label: says what the file belongs to; JSON.

    Raises:
        OSError: the file cannot be written; out of every method.
    """

    def __init__(self, file: BinaryIO, label: Mapping[str, Any]) -> None:
        self._file = file
        self._sections: dict[str, tuple[int, str]] = {}
        file.write(MAGIC)
        self._write_checked(json.dumps({**label, "byteorder": sys.byteorder}).encode())

    def raw(self, name: str, data: bytes | bytearray | memoryview) -> None:
        """Write bytes."""
        self._file.write(data)
        self._sections[name] = len(data), digest_of(data).hex()

    def array(self, name: str, values: Numbers) -> None:
        """Write numbers."""
        self.raw(name, memoryview(values).cast("B"))

    def roomy(self, name: str, data: bytes | bytearray | Numbers, room: int) -> None:
        """Write bytes or numbers, and behind them room for so many bytes more."""
        self.raw(name, b"".join((memoryview(data).cast("B"), bytes(room))))

    def json(self, name: str, value: Any) -> None:
        """Write a value that JSON can hold."""
        self.raw(name, json.dumps(value, separators=(",", ":")).encode())

    def bitmaps(self, name: str, maps: Iterable[BitMap]) -> None:
        """Write bitmaps."""
        sets = [one.serialize() for one in maps]
        self.array(f"{name}.lengths", array("Q", map(len, sets)))
        self.raw(f"{name}.sets", b"".join(sets))

    def close(self) -> None:
        """Write which sections there are. The file stays open."""
        index = json.dumps(self._sections).encode()
        self._file.write(digest_of(index) + index + len(index).to_bytes(8, "big"))

    def _write_checked(self, data: bytes) -> None:
        self._file.write(len(data).to_bytes(8, "big") + digest_of(data) + data)


def read_label(file: BinaryIO) -> dict[str, Any]:
    """The label of a file, which is open at its beginning.

    Raises:
        DamagedError: it has none.
        OSError: it cannot be read.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise DamagedError("it is of another version, or no catalogue")
    length = int.from_bytes(file.read(8), "big")
    digest = file.read(_DIGEST)
    label = file.read(length) if length <= _MOST_INDEX else b""
    if len(label) != length or digest_of(label) != digest:
        raise DamagedError("its label is damaged")
    found = json.loads(label)
    if not isinstance(found, dict) or found.pop("byteorder", None) != sys.byteorder:
        raise DamagedError("it was written by another kind of machine")
    return found


class MappedFile:
    """A file as memory that this process may change: a copy without a name, which goes with the process.

    What is in memory of it can be dropped at any time, because changes are in the copy. Where there is no
    room for a copy, changes are in memory alone, and nothing that was read is dropped.

    Args:
        file: is not changed.
        directory: on a disk with room.
    """

    def __init__(self, file: BinaryIO, directory: Path) -> None:
        here = file.tell()
        file.seek(0)
        try:
            with TemporaryFile(dir=directory) as copy:
                copyfileobj(file, copy, _COPIED)
                copy.flush()
                self.data, self._is_copy = mmap(copy.fileno(), 0, access=ACCESS_WRITE), True
        except OSError:
            self.data, self._is_copy = mmap(file.fileno(), 0, access=ACCESS_COPY), False
        file.seek(here)

    def release(self) -> None:
        """Keep nothing of it in memory that can be read again."""
        if self._is_copy:
            self.data.madvise(MADV_DONTNEED)


class Reader:
    """Reads the sections of a file in the order in which they were written.

    Args:
        file: open behind its label.
        directory: for a copy of the file that this process alone has.

    Raises:
        DamagedError: a section is missing, cut or altered; out of every method.
        OSError: the file cannot be read; out of every method.
    """

    def __init__(self, file: BinaryIO, directory: Path) -> None:
        self._file = file
        self._sections = self._read_index()
        #: The whole file. What is changed in it is changed for this process alone.
        self.mapped = MappedFile(file, directory)

    def raw(self, name: str) -> bytearray:
        """The bytes of a section."""
        length, digest = self._next(name)
        data = bytearray(length)
        # Files read into buffers; the type of all binary streams does not say so.
        if self._file.readinto(data) != length or digest_of(data).hex() != digest:  # type: ignore[attr-defined]
            raise DamagedError(f"{name} is damaged")
        return data

    def extent(self, name: str) -> tuple[int, int]:
        """Where in ``mapped`` the bytes of a section begin and end.

        They stay in the file: processes share what nobody changed, and the system may drop it.
        """
        start, length, digest = self._file.tell(), *self._next(name)
        with memoryview(self.mapped.data) as every, every[start : start + length] as data:
            if len(data) != length or digest_of(data).hex() != digest:
                raise DamagedError(f"{name} is damaged")
        self._file.seek(start + length)
        return start, start + length

    def view(self, name: str, code: Code = "B") -> memoryview:
        """Numbers that stay in the file; as ``place`` says.

        Args:
            code: their type.
        """
        start, end = self.extent(name)
        if (end - start) % array(code).itemsize:
            raise DamagedError(f"{name} is cut")
        return memoryview(self.mapped.data)[start:end].cast(code)

    def array(self, name: str, code: str) -> array[int]:
        """Numbers.

        Args:
            code: their type, as ``array`` names it.
        """
        values, data = array(code), self.raw(name)
        if len(data) % values.itemsize:
            raise DamagedError(f"{name} is cut")
        values.frombytes(data)
        return values

    def json(self, name: str) -> Any:
        """The value of a section of JSON."""
        return json.loads(self.raw(name))

    def bitmaps(self, name: str) -> list[BitMap]:
        """Bitmaps."""
        lengths, data = self.array(f"{name}.lengths", "Q"), memoryview(self.raw(f"{name}.sets"))
        found, start = [], 0
        for length in lengths:
            found.append(BitMap.deserialize(data[start : start + length].tobytes()))
            start += length
        return found

    def _next(self, name: str) -> tuple[int, str]:
        found = next(self._sections, None)
        if found is None or found[0] != name:
            raise DamagedError(f"{name} is missing")
        return found[1:]

    def _read_index(self) -> Iterator[tuple[str, int, str]]:
        here = self._file.tell()
        size = self._file.seek(0, 2)
        self._file.seek(max(here, size - 8))
        length = int.from_bytes(self._file.read(8), "big")
        start = size - 8 - length - _DIGEST
        if length > _MOST_INDEX or start < here:
            raise DamagedError("it is cut")
        self._file.seek(start)
        digest, index = self._file.read(_DIGEST), self._file.read(length)
        self._file.seek(here)
        if digest_of(index) != digest:
            raise DamagedError("its end is damaged")
        sections: dict[str, list[Any]] = json.loads(index)
        if sum(length for length, _ in sections.values()) != start - here:
            raise DamagedError("it is cut")
        return iter([(name, length, digest) for name, (length, digest) in sections.items()])
