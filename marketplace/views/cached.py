"""Views in memory with their documents: those that were asked for last, within bounds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from marketplace.views.definitions import Definition
from marketplace.views.documents import Written
from marketplace.views.selector import MOST_ENTRIES, Selected

#: Views kept with their documents; the oldest unused goes first, and so do documents beyond these bytes.
KEPT: Final = 64
KEPT_BYTES: Final = 256 * 1024 * 1024
#: Images of all views in memory, a few KiB each where no other view shows the same.
KEPT_IMAGES: Final = 4 * MOST_ENTRIES
#: After that long the database is asked whether something changed that nobody told of.
_TOLD: Final = timedelta(seconds=10)


@dataclass
class CachedView:
    """A view in memory; ``lock`` lets one thread make it, or a document of it, while others wait."""

    definition: Definition | None = None
    selected: Selected | None = None
    generation: int = -1
    looked_at: datetime | None = None
    selected_at: datetime | None = None
    documents: dict[str, Written] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_fresh(self, generation: int, now: datetime) -> bool:
        """Whether nothing can have changed since it was looked at."""
        return (
            self.selected is not None
            and self.looked_at is not None
            and self.generation == generation
            and self.looked_at <= now < self.looked_at + _TOLD
            and (self.selected.until is None or now < self.selected.until)
        )

    def size(self) -> int:
        """Size of the view's documents in bytes."""
        return sum(len(one.body) for one in self.documents.values())

    def images(self) -> int:
        """Number of images in the view."""
        view = None if self.selected is None else self.selected.view
        return 0 if view is None else len(view.images) + len(view.withdrawn)

    def drop(self) -> None:
        """Let go of what was made; the next one who asks has it made anew."""
        self.selected, self.documents = None, {}


class CachedViews:
    """The views in memory by the addresses they are asked for. Safe to share between threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, CachedView] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, address: str) -> CachedView | None:
        """A view, which is now the one asked for last."""
        with self._lock:
            kept = self._kept.get(address)
            if kept is not None:
                self._kept.move_to_end(address)
            return kept

    def admit(self, address: str) -> CachedView:
        """A place for a view; the oldest unused one goes."""
        with self._lock:
            kept = self._kept.setdefault(address, CachedView())
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return kept

    def remove(self, address: str) -> None:
        """Let go of a view that is no more."""
        with self._lock:
            self._kept.pop(address, None)

    def drop_oldest(self) -> None:
        """Keep the views, and the documents, that were asked for last."""
        with self._lock:
            room, images = KEPT_BYTES, KEPT_IMAGES
            for kept in reversed(self._kept.values()):
                room -= kept.size()
                images -= kept.images()
                if images < 0:
                    kept.drop()
                elif room < 0:
                    kept.documents = {}

    def clear(self) -> None:
        """Let go of all of them."""
        with self._lock:
            self._kept.clear()
