"""The lines of lists: rows with their tags, and who else speaks about their images, remembered for a while.

What a line says follows from what the logs show and from the verdicts on certificates. While neither has
changed, whoever asks again is answered from memory, and the database is asked one small question for a list:
how far the logs are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.orm import Session

from marketplace.entries.bounded_cache import BoundedCache
from marketplace.entries.current_statements import Listed, find_listed
from marketplace.entries.records import EntryRow
from marketplace.entries.rows import lines_of, to_row
from marketplace.models.current import SEPARATOR
from marketplace.portions import NAMED, portions
from marketplace.rules.visibility import VisibleLogs

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: Bytes of lines that are remembered, and as many of what is said of images.
_BYTES = 4 * 2**20
#: What a row takes beside its longest texts, and a thing in memory, about.
_LINE, _ENTRY = 2500, 300


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as lists show it, with its tags in order."""

    row: EntryRow
    tags: tuple[str, ...]


class LineMemory:
    """What a process remembers of lines. Safe to share between threads."""

    def __init__(self) -> None:
        self._lines: BoundedCache[Hashable, Line] = BoundedCache(_BYTES, _cost_of_line)
        self._said: BoundedCache[Hashable, _Said] = BoundedCache(_BYTES, _cost_of_said)

    def find(self, session: Session, scope: VisibleLogs, keys: Sequence[int]) -> dict[int, Line]:
        """The lines of some entries, by their keys; those that the scope does not show are missing."""

        def read(missing: Sequence[int]) -> Mapping[int, Line]:
            found = dict[int, Line]()
            for portion in portions(missing, NAMED):
                # Through the connection: the session would look for objects to make of these values.
                asked = {"keys": portion}
                for *values, told in session.connection().execute(lines_of(scope.keys), asked):
                    row = to_row(values)
                    found[row.key] = Line(row, _tags(told))
            return found

        return _recall(self._lines, scope, keys, read)

    def listed_of(
        self, session: Session, scope: VisibleLogs, images: Collection[str]
    ) -> tuple[Sequence[Listed], frozenset[str]]:
        """The current statements about images of a list by whoever may count; see ``find_listed``."""

        def read(missing: Sequence[str]) -> Mapping[str, _Said]:
            listed, unshown = find_listed(session, scope, missing)
            by_image: defaultdict[str, list[Listed]] = defaultdict(list)
            for one in listed:
                by_image[one.row.identifier].append(one)
            return {image: _Said(tuple(by_image[image]), image in unshown) for image in missing}

        said = _recall(self._said, scope, images, read)
        return [one for told in said.values() for one in told.listed], frozenset(
            image for image, told in said.items() if told.unshown
        )


@dataclass(frozen=True, slots=True)
class _Said:
    """What whoever may count says of an image, and whether something about it is not shown."""

    listed: tuple[Listed, ...]
    unshown: bool


def _recall(
    memory: BoundedCache[Hashable, V],
    scope: VisibleLogs,
    keys: Collection[K],
    read: Callable[[Sequence[K]], Mapping[K, V]],
) -> dict[K, V]:
    """What is remembered of some things as of what a scope shows now, and what is read of the others.

    Args:
        scope: of the transaction that reads.
        read: gives what there is of some of them.
    """
    state = scope.version, scope.verdicts
    found = {key: known for key in keys if (known := memory.find((state, key))) is not None}
    missing = [key for key in keys if key not in found]
    if missing:
        for key, value in read(missing).items():
            memory.keep((state, key), value)
            found[key] = value
    return found


def _tags(told: str | None) -> tuple[str, ...]:
    """The tags of ``lines_of``, in order."""
    numbered = (one.partition(":") for one in told.split(SEPARATOR)) if told else ()
    return tuple(tag for _, _, tag in sorted(numbered, key=lambda one: int(one[0])))


def _cost_of_line(line: Line) -> int:
    return _cost(line.row) + 2 * sum(map(len, line.tags))


def _cost_of_said(said: _Said) -> int:
    return _ENTRY + sum(_cost(one.row) + _ENTRY * len(one.checksums) for one in said.listed)


def _cost(row: EntryRow) -> int:
    return _LINE + 2 * sum(
        len(text) for text in (row.title, row.description, row.location, row.deprecated) if text
    )
