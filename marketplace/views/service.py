"""Views for whoever asks: found by name, evaluated once for each state of the logs, written once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy.orm import Session

from marketplace.access.principal import Principal
from marketplace.accounts.secrets import is_view
from marketplace.db import Database
from marketplace.locations import Reach
from marketplace.search.errors import SearchRefusedError, SearchUnavailableError
from marketplace.usage import Use, UseKind
from marketplace.views.definitions import Definition
from marketplace.views.dialects import DIALECTS, Dialect, Document
from marketplace.views.errors import DialectUnavailableError, LocationAwayError, ViewNotFoundError
from marketplace.views.registry import ViewRegistry
from marketplace.views.selecting import MOST_ENTRIES, Selected, Selector
from marketplace.views.value import View, ViewImage
from marketplace.watch import WatchService
from validators.policy import PolicyError

#: Views kept with their documents; the oldest unused goes first, and so do documents beyond these bytes.
KEPT: Final = 64
KEPT_BYTES: Final = 256 * 1024 * 1024
#: Images of all views in memory, a few KiB each where no other view shows the same.
KEPT_IMAGES: Final = 4 * MOST_ENTRIES
#: After that long the database is asked whether something changed that nobody told of.
_TOLD: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Written:
    """A document of a view.

    Args:
        etag: strong, quoted.
        left_out: how many images of the view are not in it.
    """

    body: bytes
    media_type: str
    etag: str
    left_out: int


@dataclass
class _Kept:
    """A view in memory; ``lock`` lets one thread make it, or a document of it, while others wait."""

    definition: Definition | None = None
    selected: Selected | None = None
    generation: int = -1
    looked_at: datetime | None = None
    selected_at: datetime | None = None
    documents: dict[str, Written] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def holds(self, generation: int, now: datetime) -> bool:
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


class ViewService:
    """The views of a marketplace. Safe to share between threads.

    Args:
        watch: knows which locations answer.
        at_once: threads that may make views, or wait for one that is made.
        count: told of each document that is read and each download, with whether who asked showed
            credentials.
    """

    def __init__(
        self,
        database: Database,
        selector: Selector,
        watch: WatchService,
        now: Callable[[], datetime],
        at_once: int = 4,
        count: Callable[[Use, bool], None] = lambda use, known: None,
    ) -> None:
        self._database = database
        self._selector = selector
        self._watch = watch
        self._now = now
        self._count = count
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._generation = 0
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(at_once)

    def forget(self) -> None:
        """Something may have changed that views are made of: a log, a verdict, a definition."""
        with self._lock:
            self._generation += 1

    def find(self, address: str, principal: Principal) -> View:
        """A view, as it is now.

        Args:
            address: its name, or its secret name, which lets everybody in who knows it.

        Raises:
            ViewNotFoundError: there is none, or none for this principal.
            DialectUnavailableError: it cannot be evaluated now.
        """
        return self._selected(address, principal).view

    def find_defined(self, address: str, principal: Principal) -> tuple[View, Definition]:
        """A view with its definition.

        Raises:
            ViewNotFoundError, DialectUnavailableError: as ``find`` does.
        """
        view = self._selected(address, principal).view
        kept = self._find_kept(address)
        if kept is None or kept.definition is None:
            raise ViewNotFoundError
        return view, kept.definition

    def preview(self, definition: Definition) -> View:
        """What a definition that is not kept would show now.

        Raises:
            DialectUnavailableError: it cannot be evaluated now.
        """
        # Nobody else has it: the lock is its own, the turn is everybody's.
        with self._making(_Kept()), self._database.read() as session:
            return self._select(session, definition, definition.name, self._now()).view

    def document(self, address: str, path: str, principal: Principal) -> Written:
        """A document of a view.

        Raises:
            ViewNotFoundError: there is no such view for this principal, or no such document.
            DialectUnavailableError: it cannot be written now.
        """
        found = self._document(address, path, principal)
        self._count_read(address, principal)
        return found

    def _document(self, address: str, path: str, principal: Principal) -> Written:
        selected = self._selected(address, principal)
        kept = self._find_kept(address)
        if kept is None or kept.selected is not selected:
            # Another thread is ahead, or there are very many views.
            return write_document(selected.view, path)
        found = kept.documents.get(path)
        if found is not None:
            return found
        with self._making(kept):
            found = kept.documents.get(path)
            if found is None:
                found = write_document(selected.view, path)
                if kept.selected is selected:
                    kept.documents[path] = found
        self._drop_oldest()
        return found

    def answer(
        self, address: str, path: str, pairs: Sequence[tuple[str, str]], principal: Principal
    ) -> Written:
        """What a document that is asked by arguments answers.

        Args:
            pairs: the arguments, repeated ones included.

        Raises:
            ViewNotFoundError, DialectUnavailableError: as ``document`` does.
        """
        view = self.find(address, principal)
        for dialect in DIALECTS:
            document = None if dialect.answer is None else dialect.find_document(view, path)
            if dialect.answer is not None and document is not None:
                self._count_read(address, principal)
                return _written(dialect, document, view, dialect.answer(view, pairs))
        raise ViewNotFoundError

    def find_remembered(self, address: str, path: str, principal: Principal) -> Written | None:
        """A document that is in memory and holds, without asking anything; None: ask ``document``."""
        kept = self._find_kept(address)
        if kept is None or not kept.holds(self._generation, self._now()):
            return None
        definition = kept.definition
        if definition is None or not _may_see(address, definition, principal):
            return None
        found = kept.documents.get(path)
        if found is not None:
            self._count(Use(UseKind.DOCUMENT, definition.name), _is_known(address, principal))
        return found

    def location(self, address: str, image: ViewImage, principal: Principal) -> str:
        """Where the content of an image can be had now, as far as is known; counted as a download.

        Raises:
            LocationAwayError: it was looked for at each location, and it is at none.
        """
        if not image.locations:
            raise LocationAwayError("the entry has no web location that may be followed")
        known = self._watch.find(image.locations, self._logs(address))
        there = [uri for uri in image.locations if uri in known and known[uri].reach is Reach.THERE]
        unknown = [uri for uri in image.locations if uri not in known or known[uri].reach is Reach.INSIDE]
        best = next(iter([*there, *unknown]), None)
        if best is None:
            first = known[image.locations[0]]
            raise LocationAwayError(f"no location has the content now; at the first one: {first.reason}")
        known_asker = _is_known(address, principal)
        self._count(Use(UseKind.DOWNLOAD, image.entry_id), known_asker)
        name = self._name(address)
        if name is not None:
            self._count(Use(UseKind.VIEW_DOWNLOAD, name), known_asker)
        return best

    def _count_read(self, address: str, principal: Principal) -> None:
        name = self._name(address)
        if name is not None:
            self._count(Use(UseKind.DOCUMENT, name), _is_known(address, principal))

    def _name(self, address: str) -> str | None:
        """The name of the view at an address; None where so many are read that it left the memory."""
        kept = self._find_kept(address)
        return kept.definition.name if kept is not None and kept.definition is not None else None

    def _logs(self, address: str) -> frozenset[str]:
        kept = self._find_kept(address)
        return kept.definition.logs if kept is not None and kept.definition is not None else frozenset()

    def _selected(self, address: str, principal: Principal) -> Selected:
        # By its name alone: what others have must not cost other work than what is not there.
        if not is_view(address) and not Definition(address).logs <= principal.logs:
            raise ViewNotFoundError
        kept = self._find_kept(address) or self._admit(address, principal)
        if not kept.holds(self._generation, self._now()):
            with self._making(kept):
                generation, now = self._generation, self._now()
                if not kept.holds(generation, now):
                    self._renew(kept, address, generation, now)
        definition, selected = kept.definition, kept.selected
        if definition is None or selected is None or not _may_see(address, definition, principal):
            raise ViewNotFoundError
        return selected

    @contextmanager
    def _making(self, kept: _Kept) -> Iterator[None]:
        """A turn to make a view, or a document of it, alone.

        Raises:
            DialectUnavailableError: so many make views, or wait, that others need the threads.
        """
        if not self._turns.acquire(blocking=False):
            raise DialectUnavailableError("other views are being made: try again in a moment")
        try:
            with kept.lock:
                yield
        finally:
            self._turns.release()

    def _admit(self, address: str, principal: Principal) -> _Kept:
        """A place in memory for a view that is there; names that nobody gave take none."""
        with self._database.read() as session:
            definition = _find_definition(session, address)
        if not _may_see(address, definition, principal):
            raise ViewNotFoundError
        with self._lock:
            kept = self._kept.setdefault(address, _Kept())
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return kept

    def _renew(self, kept: _Kept, address: str, generation: int, now: datetime) -> None:
        """Look whether a view is still what it was, and evaluate it where it is not.

        Raises:
            ViewNotFoundError, DialectUnavailableError: as ``find`` does.
        """
        with self._database.read() as session:
            try:
                definition = _find_definition(session, address)
            except ViewNotFoundError:
                with self._lock:
                    self._kept.pop(address, None)
                raise
            selected = kept.selected
            if (
                selected is None
                # The clock was wrong then, or is now: what ended in between may not have.
                or kept.selected_at is None
                or now < kept.selected_at
                or not self._selector.is_current(session, definition, selected)
                or (selected.until is not None and selected.until <= now)
            ):
                selected = self._select(session, definition, address, now, selected)
                kept.documents, kept.selected_at = {}, now
        kept.definition, kept.selected = definition, selected
        kept.generation, kept.looked_at = generation, now

    def _select(
        self,
        session: Session,
        definition: Definition,
        address: str,
        now: datetime,
        before: Selected | None = None,
    ) -> Selected:
        try:
            return self._selector.select(session, definition, address, now, before)
        except (PolicyError, SearchRefusedError) as error:
            raise DialectUnavailableError(f"the view can no longer be used: {error}") from None
        except SearchUnavailableError as error:
            raise DialectUnavailableError(error.message) from None

    def _find_kept(self, address: str) -> _Kept | None:
        with self._lock:
            kept = self._kept.get(address)
            if kept is not None:
                self._kept.move_to_end(address)
            return kept

    def _drop_oldest(self) -> None:
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


def _find_definition(session: Session, address: str) -> Definition:
    registry = ViewRegistry(session)
    return registry.get_secret(address) if is_view(address) else registry.get(address)


def _is_known(address: str, principal: Principal) -> bool:
    """Whether who asks showed something that others do not have."""
    return principal.name is not None or is_view(address)


def _may_see(address: str, definition: Definition, principal: Principal) -> bool:
    """Whether somebody who gives an address sees the view: who knows a secret one always does."""
    return is_view(address) or definition.may_be_seen_by(principal)


def find_image(view: View, path: str, dialects: Sequence[Dialect] = DIALECTS) -> ViewImage | None:
    """The image whose content a path leads to: below ``images/``, or where a dialect has it."""
    found = view.by_path.get(path)
    return found or next(filter(None, (one.find_image(view, path) for one in dialects)), None)


def write_document(view: View, path: str, dialects: Sequence[Dialect] = DIALECTS) -> Written:
    """A document of a view: what HTTP answers and what an export writes.

    Raises:
        ViewNotFoundError: no dialect has it.
        DialectUnavailableError: it cannot be written now.
    """
    for dialect in dialects:
        document = dialect.find_document(view, path)
        if document is not None:
            return _written(dialect, document, view, dialect.write(view, path))
    raise ViewNotFoundError


def _written(dialect: Dialect, document: Document, view: View, body: bytes) -> Written:
    left_out = sum(dialect.left_out(view).values())
    return Written(body, document.media_type, f'"{sha256(body).hexdigest()[:32]}"', left_out)
