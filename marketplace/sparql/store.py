"""The triple store on disk: one writer, a mark of how far it has come, and published copies."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, Quad, Store

from marketplace.system_errors import find_condition

from .generations import Generations
from .service import GENERATIONS

#: Number of the way entries are turned into statements; a store of another number is built anew.
FORMAT = 2
#: The one that lacked the renewals in its mark, and has the same statements.
_FORMER = 1

#: What the engine raises where its files cannot be read or written; corruption is a RuntimeError.
ENGINE_ERRORS = (OSError, RuntimeError)

_MARK = NamedNode("urn:x-marketplace:mark")


class StoreInUseError(Exception):
    """Another process writes this store; queries can be answered from it all the same."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"{directory} is in use by another process")


@dataclass(frozen=True, slots=True)
class StorePosition:
    """How far the store has come, kept inside it.

    Args:
        store_id: random, new with every new store.
        position: the sequence wanted next.
        entry_id: of the row before it; empty at position 0. Two databases have different entries there.
        renewals: of the log that are in it.
    """

    store_id: str
    position: int
    entry_id: str
    renewals: int = 0


class TripleStore:
    """Every statement of every public entry, written by this process alone.

    Args:
        directory: the ``sparql`` directory of the data directory.

    Raises:
        StoreInUseError: some process has it open already.
        OSError: the system keeps it from being opened: no room, no rights.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / "store"
        self._closed = False
        self._store: Store | None = None
        self._lock = os.open(directory / "writer.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise StoreInUseError(directory) from None
        self._generations = Generations(directory / GENERATIONS)
        self.damaged = False
        try:
            self._open()
        except ENGINE_ERRORS:
            os.close(self._lock)
            raise

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever stored."""
        return self.mark.position == 0

    def verify_open(self) -> None:
        """Open the files again where ``let_go`` closed them; ``mark`` says what they hold.

        Raises:
            OSError: the system keeps them from being opened.
        """
        if self._store is None and not self._closed:
            self._open()

    def let_go(self) -> None:
        """Close the files after an error: the engine keeps refusing work when the cause is gone long ago."""
        self._store = None

    def withdraw(self) -> None:
        """Let queries read nothing until something is published."""
        self._generations.withdraw()

    def clear(self) -> None:
        """Start again with an empty store; nothing published stays readable."""
        self.withdraw()
        self._remove()
        self._store = Store(str(self._path))
        self.mark = self._new_mark()

    def add(self, quads: Iterable[Quad]) -> None:
        """Add statements; those that are there already stay as they are."""
        self._opened.extend(quads)

    def add_many(self, quads: Iterable[Quad]) -> None:
        """As ``add``, writing files instead of memory: for so many that memory matters."""
        self._opened.bulk_extend(quads)

    def remove(self, quads: Iterable[Quad]) -> None:
        """Remove the statements that are there."""
        for quad in quads:
            if quad in self._opened:
                self._opened.remove(quad)

    def has_resource(self, subject: NamedNode) -> bool:
        """Whether anything is said about a resource."""
        found = self._opened.quads_for_pattern(subject, None, None, DefaultGraph())
        return next(found, None) is not None

    def remove_resource(self, subject: NamedNode) -> None:
        """Remove everything said about a resource and about the blank nodes that hang on it."""
        found: list[Quad] = []
        waiting: list[NamedNode | BlankNode] = [subject]
        seen: set[NamedNode | BlankNode] = {subject}
        while waiting:
            for quad in self._opened.quads_for_pattern(waiting.pop(), None, None, DefaultGraph()):
                found.append(quad)
                if isinstance(quad.object, BlankNode) and quad.object not in seen:
                    seen.add(quad.object)
                    waiting.append(quad.object)
        # From the far end, so that after a crash in between the rest is found from the resource again.
        self.remove(reversed(found))

    def move_mark(self, position: int, entry_id: str, renewals: int) -> None:
        """Record that every row before ``position`` is in, and renewals; call it after the statements are."""
        self._write_mark(StorePosition(self.mark.store_id, position, entry_id, renewals))

    def publish(self) -> None:
        """Let queries read what is stored now."""
        self._generations.publish(lambda path: self._opened.backup(str(path)))

    def count(self) -> int:
        """How many statements there are."""
        return len(self._opened)

    def close(self) -> None:
        """Close the files and let another process write."""
        self._store = None
        self._closed = True
        os.close(self._lock)

    def _open(self) -> None:
        try:
            self._store = Store(str(self._path))
        except ENGINE_ERRORS as error:
            if find_condition(error) is not None:
                raise
            # The log has everything: what cannot be opened is not worth repairing.
            self.damaged = True
            self._remove()
            self._store = Store(str(self._path))
        self.mark = self._read_mark() or self._new_mark()

    @property
    def _opened(self) -> Store:
        if self._closed:
            raise ValueError("the triple store is closed")
        self.verify_open()
        assert self._store is not None  # noqa: S101  # opened above
        return self._store

    def _remove(self) -> None:
        self._store = None  # releases the engine's own lock
        if self._path.exists():
            shutil.rmtree(self._path)

    def _new_mark(self) -> StorePosition:
        mark = StorePosition(secrets.token_hex(4), 0, "")
        self._write_mark(mark)
        return mark

    def _write_mark(self, mark: StorePosition) -> None:
        text = f"{FORMAT} {mark.store_id} {mark.position} {mark.entry_id} {mark.renewals}"
        # One update is one transaction: there is always exactly one mark.
        self._opened.update(
            f"DELETE WHERE {{ GRAPH {_MARK} {{ ?s ?p ?o }} }};"
            f"INSERT DATA {{ GRAPH {_MARK} {{ {_MARK} {_MARK} {Literal(text)} }} }}"
        )
        self.mark = mark

    def _read_mark(self) -> StorePosition | None:
        """The store's mark; None, with an empty store, where there is no mark of this format."""
        quads = list(self._opened.quads_for_pattern(None, None, None, _MARK))
        if len(quads) == 1 and isinstance(quads[0].object, Literal):
            number, _, rest = quads[0].object.value.partition(" ")
            if number in {str(FORMAT), str(_FORMER)}:
                store_id, position, entry_id, *renewals = rest.split(" ")
                return StorePosition(store_id, int(position), entry_id, int(renewals[0]) if renewals else 0)
        if len(self._opened):
            self.damaged = True
            self.clear()
            return self.mark
        return None
