"""From stored entries to the images of views; what was read stays in memory, since an entry never changes."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.db import Database
from marketplace.models import ChangeRow, Entry, EntryBody, Log
from marketplace.portions import portions
from marketplace.rules.visibility import VisibleLogs
from marketplace.views.entry_image import image_of
from marketplace.views.value import ViewImage
from validators.errors import RefusedError

#: Images kept, about 4 KiB each; the oldest unused goes first.
KEPT: Final = 50_000
#: Keys named in one statement.
_CHUNK: Final = 500

_logger = logging.getLogger(__name__)


class ImageReader:
    """Reads entries as images of views. Safe to share between threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, int], ViewImage] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, session: Session, scope: VisibleLogs, keys: Sequence[int]) -> Mapping[int, ViewImage]:
        """Some entries by their keys, without those that the scope does not show, or that are damaged."""
        found: dict[int, ViewImage] = {}
        for portion in portions(keys, _CHUNK):
            chunk = list(portion)
            served = session.connection().execute(_served(scope.keys), {"keys": chunk}).all()
            # By the log that serves it too: each took it at a time of its own.
            known = self._find([(row.entry_key, row.log_id) for row in served])
            missing = {row.body_id: row for row in served if row.entry_key not in known}
            read = dict(_read(session, missing))
            self._keep(read)
            found |= known | {key: image for (key, _), image in read.items()}
        return found

    def forget(self) -> None:
        """Let go of everything: something was erased."""
        with self._lock:
            self._known.clear()

    def _find(self, wanted: Sequence[tuple[int, int]]) -> dict[int, ViewImage]:
        with self._lock:
            found = {}
            for one in wanted:
                image = self._known.get(one)
                if image is not None:
                    self._known.move_to_end(one)
                    found[one[0]] = image
            return found

    def _keep(self, read: Mapping[tuple[int, int], ViewImage]) -> None:
        with self._lock:
            self._known.update(read)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)


@lru_cache(maxsize=256)
def _served(logs: tuple[int, ...]) -> Select[Any]:
    """Which bytes serve each entry. Kept: putting the statement together takes longer than running it."""
    scope = VisibleLogs.of(logs)
    return (
        select(
            ChangeRow.entry_key,
            ChangeRow.log_id,
            ChangeRow.body_id,
            ChangeRow.accepted_at,
            ChangeRow.sequence,
            Log.name,
        )
        .join(Log, Log.id == ChangeRow.log_id)
        .where(ChangeRow.entry_key.in_(bindparam("keys", expanding=True)), scope.serves())
    )


_BODIES: Final = (
    select(
        Entry.id,
        Entry.entry_id,
        EntryBody.id.label("body_id"),
        EntryBody.data,
    )
    .join(EntryBody, EntryBody.entry_key == Entry.id)
    .where(EntryBody.id.in_(bindparam("bodies", expanding=True)))
)


def _read(session: Session, served: Mapping[int, Any]) -> Iterator[tuple[tuple[int, int], ViewImage]]:
    if not served:
        return
    for row in session.connection().execute(_BODIES, {"bodies": list(served)}):
        change = served[row.body_id]
        try:
            image = image_of(
                row.entry_id, row.data, change.accepted_at,
                private=change.name != PUBLIC, sequence=change.sequence,
            )  # fmt: skip
        except RefusedError as error:
            # One damaged entry must not keep a view from being written; marketplace fsck tells what to do.
            _logger.error(
                "views: a stored entry is damaged", extra={"entry": row.entry_id, "reason": str(error)}
            )
            continue
        yield (row.id, change.log_id), image


def read_entries(database: Database, scope: VisibleLogs, entry_ids: Sequence[str]) -> Mapping[str, bytes]:
    """Signed entries by their ids, as the logs of a scope serve them; what is not there is left out.

    Args:
        entry_ids: a few hundred at most.
    """
    statement = (
        select(Entry.entry_id, EntryBody.data)
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .join(EntryBody, EntryBody.id == ChangeRow.body_id)
        .where(Entry.entry_id.in_(entry_ids), scope.serves())
    )
    with database.read() as session:
        return {row.entry_id: row.data for row in session.execute(statement)}
