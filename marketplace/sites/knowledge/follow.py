"""Follows a marketplace: what is new since the last look, and whether its log still holds together.

With the key of its published log, what the marketplace says is held against what it
signed before: a log that shrinks or forks is found out and nothing is read from it, so
that nothing is un-deprecated by it. Rows of the signed log that its list of changes does
not name are asked for one by one: hiding one needs a false log.

With a token, the logs of the groups it belongs to are read as well. Those are read from their
beginning: what a group said before the site came to it counts too.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from marketplace.client.errors import EntryNotFoundError
from marketplace.sites.errors import KnowledgeError, UnprovenError
from marketplace.sites.knowledge.reader import LEAVES, ListedChange, MarketplaceReader
from marketplace.sites.settings import MarketplaceTable
from marketplace.sites.state import Followed, State
from marketplace.tlog.checkpoint import SignedCheckpoint, parse_checkpoint, verify_checkpoint
from marketplace.tlog.encoding import HASH_SIZE
from marketplace.tlog.errors import TlogError
from marketplace.tlog.following import TrustedLog, judge_head, judge_page
from marketplace.tlog.leaf import EntryLeaf
from marketplace.tlog.merkle import Frontier
from marketplace.tlog.note import VerifierKey, parse_note
from validators.document import AcceptedEntry

log = logging.getLogger(__name__)

#: Seconds between our clock and a marketplace's from which on nothing new is imported.
MOST_SKEW = 300.0
#: Ids of changes that wait for the signed log to show them too.
_MOST_WAITING = 100_000
#: Seconds between two notes of when a marketplace was heard.
_NOTED_EVERY = 10.0
#: Seconds between two questions for the groups that a token belongs to.
_GROUPS_EVERY = 300.0


class MarketplaceFollower:
    """One marketplace and how far it was read. Used by one thread.

    Args:
        wall: seconds since 1970.
    """

    def __init__(self, table: MarketplaceTable, state: State, wall: Callable[[], float]) -> None:
        self.table = table
        self.reader = MarketplaceReader(table.url, table.token_file, wall)
        self._state = state
        self._wall = wall
        self.followed = state.evidence.followed(table.url)
        self._told: OrderedDict[str, None] = OrderedDict()
        self._pending: Followed | None = None
        self._heard = 0.0
        self._grouped = float("-inf")
        #: Why the last look brought nothing; None where it did.
        self.failure: str | None = None

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever read from it."""
        return self.followed.heard == 0

    @property
    def skewed(self) -> bool:
        """Whether its clock and ours are too far apart."""
        offset = self.reader.clock_offset
        return offset is not None and abs(offset) > MOST_SKEW

    def look(self) -> list[ListedChange]:
        """Read what is new at the marketplace.

        Raises:
            KnowledgeError: it is not reached, or contradicts itself; what was read before stays.
        """
        try:
            rows = self._look()
        except (KnowledgeError, TlogError) as error:
            self.reader.forget()
            self.failure = str(error)
            if isinstance(error, KnowledgeError):
                raise
            self._note_fault(f"{self.table.url}: {error}")
            raise KnowledgeError(f"{self.table.url}: {error}") from error
        self.failure = None
        return rows

    def _look(self) -> list[ListedChange]:
        followed = self.followed
        key = self.table.verifier
        trusted, head_is_new = (None, False) if key is None else self._read_head(followed, key)
        rows: list[ListedChange] = []
        if self.is_new:
            page = self.reader.changes(0, 1)
            followed = replace(followed, cursor=0 if page is None else page.size)
        else:
            rows, followed = self._read_changes(followed)
        if self.table.token_file is not None:
            said, followed = self._read_groups(followed)
            rows += said
        if trusted is not None and head_is_new:
            hidden, trusted = self._read_leaves(trusted, only_fold=self.is_new)
            rows += hidden
            assert trusted.newest is not None  # noqa: S101  # a head was judged
            followed = replace(
                followed, note=trusted.newest.note.to_bytes(), reached=b"".join(trusted.reached.hashes)
            )
        now = self._wall()
        changed = now if rows or self.is_new else followed.changed
        settled = replace(followed, heard=now, changed=changed, fault=None)
        # Where nothing but the time changed, that is worth a write now and then only.
        same = replace(settled, heard=self.followed.heard) == self.followed
        self._pending = self.followed if same and now < self.followed.heard + _NOTED_EVERY else settled
        self._heard = now
        return rows

    @property
    def heard(self) -> float:
        """Wall clock of the last answer that proved progress or sameness."""
        return max(self._heard, self.followed.heard)

    def settle(self) -> None:
        """Write down how far it was read: after what was read has been kept."""
        if self._pending is not None and self._pending != self.followed:
            self._state.evidence.save_followed(self._pending)
            self.followed = self._pending
        self._pending = None

    def forget(self) -> None:
        """What the last look brought could not be kept: the next one brings it again."""
        self._pending = None
        self._grouped = float("-inf")
        self.reader.forget()

    def _read_changes(self, followed: Followed) -> tuple[list[ListedChange], Followed]:
        rows, cursor = self._read_log(followed.cursor)
        for row in rows:
            self._told[row.entry_id] = None
        while len(self._told) > _MOST_WAITING:
            self._told.popitem(last=False)
        return rows, replace(followed, cursor=cursor)

    def _read_groups(self, followed: Followed) -> tuple[list[ListedChange], Followed]:
        """What is new in the logs of the groups that the token belongs to."""
        cursors = dict(followed.groups)
        now = self._wall()
        if not self._grouped <= now < self._grouped + _GROUPS_EVERY:
            cursors = {name: cursors.get(name, 0) for name in self.reader.own_groups()}
            self._grouped = now
        rows: list[ListedChange] = []
        for name, cursor in list(cursors.items()):
            try:
                said, cursors[name] = self._read_log(cursor, name)
            except KnowledgeError as error:
                if not isinstance(error.__cause__, EntryNotFoundError):
                    raise
                # The group is closed, or the token's owner is no longer in it. What it said stays said.
                del cursors[name]
                continue
            rows += said
        return rows, replace(followed, groups=tuple(sorted(cursors.items())))

    def _read_log(self, cursor: int, group: str | None = None) -> tuple[list[ListedChange], int]:
        """The rows from a cursor on, and the cursor behind them."""
        rows: list[ListedChange] = []
        while True:
            page = self.reader.changes(cursor, group=group)
            if page is None:
                return rows, cursor
            if page.size < cursor:
                which = "its list" if group is None else f"the list of the group {group}"
                fault = f"{self.table.url}: {which} went back from {cursor} to {page.size} rows"
                self._note_fault(fault)
                raise KnowledgeError(fault)
            rows += page.rows
            cursor = max(cursor, page.following)
            if cursor >= page.size:
                return rows, cursor

    def _read_head(self, followed: Followed, key: VerifierKey) -> tuple[TrustedLog, bool]:
        """What is known of the signed log, and whether its head is another one than before."""
        newest = None
        if followed.note is not None:
            note = parse_note(followed.note)
            newest = SignedCheckpoint(parse_checkpoint(note.text), note)
        size = 0 if newest is None else newest.checkpoint.size
        hashes = followed.reached or b""
        frontier = Frontier(
            size, tuple(hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE))
        )
        trusted = TrustedLog(key.name, newest, frontier, frontier)
        body = self.reader.checkpoint()
        if body is None:
            return trusted, False
        judged = judge_head(trusted, verify_checkpoint(body, key))
        return judged, judged != trusted

    def _read_leaves(self, trusted: TrustedLog, *, only_fold: bool) -> tuple[list[ListedChange], TrustedLog]:
        """Fold the rows up to the head; those that the list of changes did not name are asked for."""
        hidden: list[ListedChange] = []
        while trusted.behind:
            page = judge_page(
                trusted, self.reader.leaves(trusted.reached.size)[: min(LEAVES, trusted.behind)]
            )
            trusted = page.log
            for leaf in page.leaves:
                if only_fold or not isinstance(leaf, EntryLeaf):
                    continue
                if leaf.entry_id in self._told:
                    del self._told[leaf.entry_id]
                elif not self._state.evidence.knows(leaf.entry_id):
                    entry = self._find_hidden(leaf.entry_id)
                    if entry is not None:
                        hidden.append(ListedChange(entry.entry_id, entry.identifier, entry.endorser.email))
        return hidden, trusted

    def _find_hidden(self, entry_id: str) -> AcceptedEntry | None:
        try:
            return self.reader.entry(entry_id)
        except UnprovenError as error:
            log.warning("%s", error)
            return None

    def _note_fault(self, fault: str) -> None:
        if self.followed.fault != fault:
            log.error("a marketplace contradicts itself: %s", fault)
            self.followed = replace(self.followed, fault=fault)
            self._state.evidence.save_followed(self.followed)
            self._state.history.note(self._wall(), "marketplace contradicts itself", fault)
