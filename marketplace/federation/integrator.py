"""Extends the tree of each log and signs its new head: nothing is published before.

Any number of processes may run this on one database: whoever holds the lock
publishes, the others find nothing to do. The lock belongs to the transaction,
so it goes with a process that dies.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, func, or_, select, text, update
from sqlalchemy.orm import Session

from marketplace.background import Job
from marketplace.db import Database
from marketplace.federation.errors import TreeDamagedError
from marketplace.federation.keys import SiteKeys
from marketplace.federation.trees import PublishedLog, Trees, is_newest
from marketplace.models import ChangeRow, Entry, EntryBody, Log, Tree
from marketplace.models.base import to_seconds
from marketplace.tlog.checkpoint import Checkpoint, sign_checkpoint
from marketplace.tlog.leaf import EntryLeaf
from marketplace.tlog.merkle import hash_leaf

#: Seconds between two heads of a log, at least, where all that is new came from other sites: they have it.
INTERVAL = 0.2
#: The same where something new came in here: nobody else has it.
PROMPT = 0.1
#: Seconds between looks at the logs when nobody says that one has grown.
POLL = 2.0
#: Most leaves of one transaction: bounds how long other writers wait for it.
BATCH = 1024
#: Seconds to wait after the first failure, and the longest wait between two attempts.
FIRST_RETRY, LAST_RETRY = 0.5, 30.0

#: The first half of the key of PostgreSQL's advisory lock; the second is the log's.
_LOCK = 0x6D706C67

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unpublished:
    """A log that has rows which no checkpoint covers.

    Args:
        own: whether some of the next ones came in here, and not from another site.
    """

    log: str
    own: bool


#: The sequence of the first row that no checkpoint covers.
_FIRST = func.coalesce(Tree.size - Tree.head, 0)
#: Put together once: a busy site asks it several times a second.
_UNPUBLISHED = (
    select(
        Log.name,
        select(ChangeRow.sequence)
        .where(
            ChangeRow.log_id == Log.id,
            ChangeRow.sequence >= _FIRST,
            ChangeRow.sequence < _FIRST + BATCH,
            ChangeRow.origin.is_(None),
        )
        .exists(),
    )
    .outerjoin(Tree, (Tree.log_id == Log.id) & is_newest())
    .where(
        or_(
            Tree.id.is_(None),
            Tree.halted.is_(None) & (Tree.head + Log.next_sequence > Tree.size),
        )
    )
    .order_by(Log.name)
)


def find_unpublished(session: Session) -> list[Unpublished]:
    """The logs that have rows which no checkpoint covers, by name."""
    # Past the mapper: these are plain values, and this runs all the time.
    return [Unpublished(log, bool(own)) for log, own in session.connection().execute(_UNPUBLISHED)]


def integrate(session: Session, log: str, keys: SiteKeys, now: datetime) -> PublishedLog | None:
    """Publish the next rows of a log, at most BATCH.

    Args:
        session: writes; its commit publishes.

    Returns:
        the log as it is published then; None where there was nothing to do, or another process does it.

    Raises:
        TreeDamagedError: what is stored is not what was signed.
    """
    if not _lock(session, log):
        return None
    trees = Trees(session)
    tree = trees.find(log)
    if tree is None:
        return trees.open(log, keys, now)
    if tree.halted is not None:
        return None
    leaves = _read_new(session, tree)
    if not leaves:
        return None
    edge = trees.right_edge(tree)
    trees.write_leaves(tree.tree_id, tree.size, leaves)
    # What is signed is what the database gives back, not what this process believes to have written.
    stored = trees.leaves(tree.tree_id, tree.size, tree.size + len(leaves))
    if stored != leaves:
        raise TreeDamagedError(f"{tree.origin}: leaves read back are not those that were written")
    trees.write_tiles(tree.tree_id, edge.grow(map(hash_leaf, stored)))
    head = Checkpoint(tree.origin, edge.size, edge.root)
    session.execute(
        update(Tree)
        .where(Tree.id == tree.tree_id)
        .values(
            size=head.size, root=head.root, note=sign_checkpoint(head, keys.log).to_bytes(), signed_at=now
        )
    )
    return trees.find(log)


def _lock(session: Session, log: str) -> bool:
    if session.connection().dialect.name != "postgresql":
        return True  # a writing transaction is alone on SQLite
    taken = session.scalar(
        text("SELECT pg_try_advisory_xact_lock(:lock, CAST(id AS integer)) FROM log WHERE name = :log"),
        {"lock": _LOCK, "log": log},
    )
    return bool(taken)


def _read_new(session: Session, tree: PublishedLog) -> list[bytes]:
    """The leaves of the rows that the tree does not have yet, as bytes to sign."""
    first = tree.size - tree.head
    rows = session.execute(
        select(
            ChangeRow.sequence,
            ChangeRow.accepted_at,
            ChangeRow.origin,
            ChangeRow.origin_sequence,
            ChangeRow.origin_time,
            Entry.entry_id,
            EntryBody.size,
        )
        .join(Entry, Entry.id == ChangeRow.entry_key)
        .join(EntryBody, EntryBody.id == ChangeRow.body_id)
        .where(ChangeRow.log_id == tree.log_id, ChangeRow.sequence >= first)
        .order_by(ChangeRow.sequence)
        .limit(BATCH)
    ).all()
    if [row.sequence for row in rows] != list(range(first, first + len(rows))):
        raise TreeDamagedError(f"{tree.origin}: the log lacks rows behind sequence {first}")
    return [_leaf(tree, row).to_bytes() for row in rows]


def _leaf(
    tree: PublishedLog, row: Row[tuple[int, datetime, str | None, int | None, int | None, str, int]]
) -> EntryLeaf:
    if row.origin is None:
        origin, sequence, time = tree.origin, tree.head + row.sequence, to_seconds(row.accepted_at)
    else:
        origin, sequence, time = row.origin, row.origin_sequence, row.origin_time
    return EntryLeaf(row.entry_id, row.size, origin, sequence, time)


class Integrator(Job):
    """The thread that publishes.

    Args:
        clock: returns the time as an aware datetime.
        poll: seconds between looks at the logs when nobody nudges.
        before: called on the thread before anything is published.
        on_publish: called with each log that has a new head, on this thread; must be quick.
    """

    def __init__(
        self,
        database: Database,
        keys: SiteKeys,
        clock: Callable[[], datetime],
        *,
        poll: float = POLL,
        before: Callable[[], None] = lambda: None,
        on_publish: Callable[[PublishedLog], None] = lambda log: None,
    ) -> None:
        super().__init__(database, "integrator", patience=30.0)
        self._keys = keys
        self._clock = clock
        self._poll = poll
        self._before = before
        self._on_publish = on_publish
        self._last: dict[str, float] = {}
        self.failures = 0

    def step(self) -> int:
        """Publish what there is of each log, up to a batch; returns how many logs have a new head.

        Raises:
            TreeDamagedError, SQLAlchemyError: the first failure; other logs are published all the same.
        """
        return self._publish_all([one.log for one in self._waiting()])

    def _waiting(self) -> list[Unpublished]:
        with self._database.read() as session:
            return find_unpublished(session)

    def _look(self) -> float:
        """Publish what is due; returns in how many seconds something else may be."""
        now, soonest, due = time.monotonic(), self._poll, []
        for one in self._waiting():
            # Each log keeps its own pace: what happens in one must not show in the heads of another.
            left = self._last.get(one.log, 0.0) + (PROMPT if one.own else INTERVAL) - now
            if left > 0:
                soonest = min(soonest, left)
            else:
                due.append(one.log)
        self._publish_all(due)
        return min(soonest, PROMPT) if due else soonest

    def _publish_all(self, logs: Sequence[str]) -> int:
        published, failure = 0, None
        for log in logs:
            try:
                published += self._publish(log)
            except Exception as error:  # raised below, when the other logs were published
                failure = failure or error
        if failure is not None:
            raise failure
        return published

    def _publish(self, log: str) -> int:
        with self._database.write() as session:
            published = integrate(session, log, self._keys, self._clock())
        if published is None:
            return 0
        self._last[log] = time.monotonic()
        self._on_publish(published)
        return 1

    def _run(self, stopping: threading.Event) -> None:
        self._before()
        while not stopping.is_set():
            # Cleared before looking: a nudge during the look makes another one.
            self._wake.clear()
            try:
                pause = self._look()
            except Exception:  # the thread goes on: counted, logged, tried again
                self.failures += 1
                pause = min(LAST_RETRY, FIRST_RETRY * 2.0 ** min(self.failures - 1, 16))
                _logger.exception("publishing failed; next attempt within %.1f s", pause)
                stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads attempts
                continue
            self.failures = 0
            self._wake.wait(pause)
