"""Values that many entries share, each kept once."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from marketplace.catalogue.sections import DamagedError, Reader, Writer


class Pool:
    """Values that many entries share, each kept once, for as long as an entry has it."""

    def __init__(self) -> None:
        self.values: list[tuple[str, ...]] = []
        self._numbers: dict[tuple[str, ...], int] = {}
        self._uses = array("I")
        self._free: list[int] = []

    def take(self, value: tuple[str, ...]) -> int:
        """The number of a value, of which one entry more makes use."""
        number = self._numbers.get(value)
        if number is None:
            if self._free:
                number = self._free.pop()
                self.values[number] = value
            else:
                number = len(self.values)
                self.values.append(value)
                self._uses.append(0)
            self._numbers[value] = number
        self._uses[number] += 1
        return number

    def drop(self, number: int) -> None:
        """Let a value go, where nothing else makes use of it."""
        self._uses[number] -= 1
        if not self._uses[number]:
            del self._numbers[self.values[number]]
            self.values[number] = ()
            self._free.append(number)

    def used(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """Each value with how many entries have it."""
        return ((value, uses) for value, uses in zip(self.values, self._uses, strict=True) if uses)

    def write(self, name: str, writer: Writer) -> None:
        """Write the values to a file."""
        writer.json(f"{name}.values", self.values)
        writer.array(f"{name}.uses", self._uses)

    @classmethod
    def read(cls, name: str, reader: Reader) -> Pool:
        """The values of a file."""
        pool = cls()
        pool.values = [tuple(value) for value in reader.json(f"{name}.values")]
        pool._uses = reader.array(f"{name}.uses", "I")
        if len(pool._uses) != len(pool.values):
            raise DamagedError(f"{name} has other values than uses")
        for number, value in enumerate(pool.values):
            if pool._uses[number]:
                pool._numbers[value] = number
            else:
                pool._free.append(number)
        return pool
