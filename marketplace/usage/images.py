"""How often the images of a view are used: sums over its entries, remembered as they are dear to read."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

from cachetools import TLRUCache
from sqlalchemy import Select, bindparam, func, select

from marketplace.db import Database
from marketplace.models import Entry, EntryUse
from marketplace.portions import portions
from marketplace.usage.figures import STEP, By, Figures, Span, figures_of
from marketplace.usage.sums import number_of

#: What is told of the images of a view; a view has sums of its own for downloads.
IMAGE_SUMS: Final = ("verdicts", "imports")
#: Sums are remembered for so many times as long as they took to read, and at most for so many seconds.
_TIMES: Final = 100
_LONGEST: Final = 300.0
#: Sums remembered: a few hundred numbers each.
_KEPT: Final = 256
#: Entries of one statement. The sums of an endorser lie beside each other, and each statement reads those
#: of all its endorsers: so there are few, and entries are asked for by endorser.
_AT_ONCE: Final = 5000
_NEVER: Final = 9999_99_99


@dataclass(frozen=True, slots=True)
class ViewImages:
    """The images of a view that one reader may see.

    Args:
        key: equal for the same images, but for those that came or went in the last minutes.
        entries: the endorser's address and the id of each entry; only read where nothing is remembered.
        chosen: whether readers of the figures can choose the images of the view.
    """

    key: Hashable
    entries: Iterable[tuple[str, str]]
    chosen: bool


@dataclass(frozen=True, slots=True)
class _SumsOfImage:
    sums: Mapping[int, Mapping[str, int]]
    took: float


class ImageUsage:
    """Reads sums over the images of views. Safe to share between threads; one at a time reads.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._kept: TLRUCache[Hashable, _SumsOfImage] = TLRUCache(_KEPT, _end, timer=clock)
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    def of_images(self, images: ViewImages, span: Span, today: date, *, exact: bool) -> Figures:
        """The sums of the images that are in a view now, also for days before they were.

        Who chooses the images of a view could learn the exact figures of one by adding others whose figures
        are known: each image's figure is rounded by itself then.

        Args:
            exact: whether they are told as they are.
        """
        before = _NEVER if exact else number_of(today)
        rounded = images.chosen and not exact
        key = (images.key, span.by, before, rounded)
        kept = self._find(key)
        if kept is None:
            with self._reading:
                kept = self._find(key)
                if kept is None:
                    begun = self._clock()
                    sums = self._read(images.entries, span.by, before, rounded)
                    kept = _SumsOfImage(sums, self._clock() - begun)
                    with self._lock:
                        self._kept[key] = kept
        rows = ((period, sums) for period, sums in sorted(kept.sums.items()) if span.contains(period))
        return figures_of(rows, IMAGE_SUMS, exact=exact)

    def _find(self, key: Hashable) -> _SumsOfImage | None:
        with self._lock:
            return self._kept.get(key)

    def _read(
        self, entries: Iterable[tuple[str, str]], by: By, before: int, rounded: bool
    ) -> Mapping[int, Mapping[str, int]]:
        sums: dict[int, Counter[str]] = {}
        with self._database.read() as session:
            for some in portions(sorted(entries), _AT_ONCE):
                asked = {
                    "emails": sorted({email for email, _ in some}),
                    "ids": [entry_id for _, entry_id in some],
                    "before": before,
                }
                for row in session.connection().execute(_summed(by, rounded), asked):
                    found = sums.setdefault(row.period, Counter())
                    found.update({name: int(getattr(row, name)) for name in IMAGE_SUMS})
        return sums


def _end(_key: Hashable, kept: _SumsOfImage, now: float) -> float:
    return now + min(_TIMES * kept.took, _LONGEST)


@lru_cache(maxsize=4)
def _summed(by: By, rounded: bool) -> Select[Any]:
    """The sums over some entries by period. Kept, as putting the statement together takes a while.

    Args:
        rounded: whether each entry's figure is rounded down before they are added.
    """
    group = Span.group_by(by, EntryUse.period)
    conditions = [
        EntryUse.email.in_(bindparam("emails", expanding=True)),
        EntryUse.entry_key.in_(select(Entry.id).where(Entry.entry_id.in_(bindparam("ids", expanding=True)))),
        EntryUse.period < bindparam("before"),
    ]
    if by is By.DAY:
        conditions.append(EntryUse.period % 100 > 0)
    if rounded and by is By.MONTH:
        each = select(EntryUse.entry_key, group.label("period"), *_sums(EntryUse)).where(*conditions)
        rows = each.group_by(EntryUse.entry_key, group).subquery().c
        return select(rows.period, *_sums(rows, rounded)).group_by(rows.period)
    # Of a day each entry has one row.
    return select(group.label("period"), *_sums(EntryUse, rounded)).where(*conditions).group_by(group)


def _sums(of: Any, rounded: bool = False) -> list[Any]:
    columns = {name: getattr(of, name) for name in IMAGE_SUMS}
    return [
        func.sum(column - column % STEP if rounded else column).label(name)
        for name, column in columns.items()
    ]
