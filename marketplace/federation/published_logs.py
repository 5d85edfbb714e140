"""What peers read: published logs, their leaves, tiles, bundles and bodies. Nothing beyond a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from marketplace.access import PUBLIC
from marketplace.db import Database
from marketplace.federation.errors import HaltedError, UnknownLogError, UnknownPartError
from marketplace.federation.trees import PublishedLog, Trees
from marketplace.models import ChangeRow, Cosignature, Entry, EntryBody, Erasure
from marketplace.tlog.tiles import WIDTH, TileName, join_bundle, width_at

#: Most leaves of one page.
MAX_PAGE = 1024
#: Most ids of one request for bodies, and most bytes of the bodies answered; the first one always fits.
MAX_IDS, MAX_BODIES = 256, 8 * 1024 * 1024
#: Bytes of bodies that are read at a time when a bundle is sent.
_CHUNK = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of an entry as some log received them."""

    entry_id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Bodies:
    """The bodies of entries that were found for a peer.

    Args:
        left: how many ids at the end of the request were not looked at for lack of room.
        erased: places in the request of ids whose entries were here and were erased.
    """

    found: tuple[Body, ...]
    left: int
    erased: tuple[int, ...] = ()


class PublishedLogs:
    """Published logs, as one who may see some of them reads them in one transaction.

    Args:
        visible: names of the logs.
    """

    def __init__(self, session: Session, visible: frozenset[str]) -> None:
        self.session = session
        self._visible = visible
        self._trees = Trees(session)

    def logs(self) -> list[PublishedLog]:
        """Every published log."""
        return [log for log in self._trees.all() if log.name in self._visible and log.halted is None]

    def log(self, slug: str) -> PublishedLog:
        """A log by its part of the URL.

        Raises:
            UnknownLogError: there is none, or none for this reader.
            HaltedError: it is not published now.
        """
        for log in self._trees.all():
            if log.slug == slug and log.name in self._visible:
                if log.halted is not None:
                    raise HaltedError(f"the log {log.origin} is not published at the moment")
                return log
        raise UnknownLogError("there is no such log")

    def checkpoint(self, log: PublishedLog) -> bytes:
        """The signed checkpoint, with the signatures of witnesses that saw this very head."""
        lines = self.session.scalars(
            select(Cosignature.lines)
            .where(Cosignature.tree_id == log.tree_id, Cosignature.size == log.size)
            .order_by(Cosignature.witness)
        )
        return log.note + b"".join(lines)

    def leaves(self, log: PublishedLog, since: int, limit: int) -> list[bytes]:
        """Leaves from a position on, none beyond the checkpoint."""
        end = min(log.size, since + min(limit, MAX_PAGE))
        return self._trees.leaves(log.tree_id, since, end) if since < end else []

    def tile(self, log: PublishedLog, level: int, name: TileName) -> bytes:
        """A tile's hashes.

        Raises:
            UnknownPartError: the published tree has no such tile.
        """
        data = self._trees.tile(log, level, name.number, name.width)
        if data is None:
            raise UnknownPartError(f"the published tree of {log.size} leaves has no such tile")
        return data

    def entry_bundle(self, log: PublishedLog, name: TileName) -> bytes:
        """The leaves of a bundle, each behind its length.

        Raises:
            UnknownPartError: the published tree has no such bundle.
        """
        first = self._first_of(log, name)
        return join_bundle(self._trees.leaves(log.tree_id, first, first + name.width))

    def body_keys(self, log: PublishedLog, name: TileName) -> list[tuple[int, int]]:
        """The bodies of a bundle as (key, bytes), in order; key 0 for a leaf without one: it is no
        entry, or was erased.

        Raises:
            UnknownPartError: the published tree has no such bundle.
        """
        first = self._first_of(log, name)
        sequence = max(0, first - log.head)
        end = first + name.width - log.head
        rows = self.session.execute(
            select(EntryBody.id, EntryBody.size, Erasure.entry_key.label("erased"))
            .join(ChangeRow, ChangeRow.body_id == EntryBody.id)
            .outerjoin(Erasure, Erasure.entry_key == ChangeRow.entry_key)
            .where(ChangeRow.log_id == log.log_id, ChangeRow.sequence >= sequence, ChangeRow.sequence < end)
            .order_by(ChangeRow.sequence)
        )
        return [(0, 0)] * (name.width - (end - sequence)) + [
            (row.id, row.size) if row.erased is None else (0, 0) for row in rows
        ]

    def bodies(self, entry_ids: Sequence[str]) -> Bodies:
        """Bodies by their entries' ids, in the order asked for.

        An entry that stands in several logs this reader sees comes as the public
        log received it, if it is there. What is absent and what is not for this
        reader is left out alike; what was erased is left out and named, to whoever
        sees the leaf that stays of it.

        Args:
            entry_ids: at most MAX_IDS, each once.
        """
        logs = self.logs()
        if not logs:
            return Bodies((), 0)
        # The sum keeps SQLite from reading the whole log to see which of its entries are asked for.
        published = [
            (ChangeRow.log_id + 0 == log.log_id) & (ChangeRow.sequence < log.size - log.head) for log in logs
        ]
        condition = published[0]
        for other in published[1:]:
            condition |= other
        public = next((log.log_id for log in logs if log.name == PUBLIC), 0)
        rows = self.session.execute(
            select(Entry.entry_id, EntryBody.id, EntryBody.size, Erasure.entry_key)
            .join(ChangeRow, ChangeRow.entry_key == Entry.id)
            .join(EntryBody, EntryBody.id == ChangeRow.body_id)
            .outerjoin(Erasure, Erasure.entry_key == Entry.id)
            .where(Entry.entry_id.in_(entry_ids), condition)
            .order_by(case((ChangeRow.log_id == public, 0), else_=1), ChangeRow.log_id)
        )
        known: dict[str, tuple[int, int]] = {}
        gone: set[str] = set()
        for entry_id, key, size, erased in rows:
            if erased is None:
                known.setdefault(entry_id, (key, size))
            else:
                gone.add(entry_id)
        wanted = list(dict.fromkeys(entry_ids))
        answer = self._read(wanted, known)
        looked_at = wanted[: len(wanted) - answer.left]
        return replace(answer, erased=tuple(n for n, one in enumerate(looked_at) if one in gone))

    def _read(self, wanted: list[str], known: dict[str, tuple[int, int]]) -> Bodies:
        taken: list[tuple[str, int]] = []
        room, left = MAX_BODIES, 0
        for number, entry_id in enumerate(wanted):
            if entry_id not in known:
                continue
            key, size = known[entry_id]
            if taken and size > room:
                left = len(wanted) - number
                break
            taken.append((entry_id, key))
            room -= size
        data = read_bodies(self.session, [key for _, key in taken])
        return Bodies(tuple(Body(entry_id, data[key]) for entry_id, key in taken), left)

    def _first_of(self, log: PublishedLog, name: TileName) -> int:
        if name.width > width_at(log.size, 0, name.number):
            raise UnknownPartError(f"the published tree of {log.size} leaves has no such bundle")
        return name.number * WIDTH


def read_bodies(session: Session, keys: Sequence[int]) -> dict[int, bytes]:
    """Stored bytes by their keys."""
    rows = session.execute(select(EntryBody.id, EntryBody.data).where(EntryBody.id.in_(keys)))
    return {row.id: row.data for row in rows}


def stream_bodies(database: Database, keys: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """A body bundle in pieces: a bundle of the largest entries would not fit into memory.

    Args:
        keys: as ``PublishedLogs.body_keys`` gives them; stored bytes never change, so no snapshot is held.
    """
    rest = list(keys)
    while rest:
        count, size = 0, 0
        while count < len(rest) and (count == 0 or size + rest[count][1] <= _CHUNK):
            size += rest[count][1]
            count += 1
        piece, rest = rest[:count], rest[count:]
        with database.read() as session:
            data = read_bodies(session, [key for key, _ in piece if key])
        bodies = [data.get(key, b"") for key, _ in piece]
        yield b"".join(len(body).to_bytes(4) + body for body in bodies)
