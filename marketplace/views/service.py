"""Views for whoever asks: found by name, evaluated once for each state of the logs, written once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.orm import Session

from marketplace.access.principal import Principal
from marketplace.accounts.secrets import is_view
from marketplace.db import Database
from marketplace.locations import Reach
from marketplace.search.errors import SearchRefusedError, SearchUnavailableError
from marketplace.usage import Use, UseKind
from marketplace.views.cached import CachedView, CachedViews
from marketplace.views.definitions import Definition
from marketplace.views.documents import Written, answer_document, write_document
from marketplace.views.endorsed_lists import VerifiedList
from marketplace.views.errors import DialectUnavailableError, LocationAwayError, ViewNotFoundError
from marketplace.views.registry import ViewRegistry
from marketplace.views.selector import Selected, Selector
from marketplace.views.value import View, ViewImage
from marketplace.watch import WatchService
from validators.policy import PolicyError


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
        self._kept = CachedViews()
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
        kept = self._kept.find(address)
        if kept is None or kept.definition is None:
            raise ViewNotFoundError
        return view, kept.definition

    def preview(self, definition: Definition) -> View:
        """What a definition that is not kept would show now.

        Raises:
            DialectUnavailableError: it cannot be evaluated now.
        """
        # Nobody else has it: the lock is its own, the turn is everybody's.
        with self._making(CachedView()), self._database.read() as session:
            return self._select(session, definition, definition.name, self._now()).view

    def verify_list(self, definition: Definition, data: bytes) -> VerifiedList:
        """Verify a signed image list that somebody uploads for a view.

        Raises:
            ListRefusedError: it cannot be taken.
            ListToolError, DialectUnavailableError: it, or the view, cannot be looked at now.
        """
        return self._selector.verify_list(data, self.preview(definition), definition, self._now())

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
        kept = self._kept.find(address)
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
        self._kept.drop_oldest()
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
        found = answer_document(self.find(address, principal), path, pairs)
        self._count_read(address, principal)
        return found

    def find_remembered(self, address: str, path: str, principal: Principal) -> Written | None:
        """A document that is in memory and holds, without asking anything; None: ask ``document``."""
        kept = self._kept.find(address)
        if kept is None or not kept.is_fresh(self._generation, self._now()):
            return None
        definition = kept.definition
        if definition is None or not _may_see(address, definition, principal):
            return None
        found = kept.documents.get(path)
        if found is not None:
            self._count(Use(UseKind.DOCUMENT, definition.name), _is_identified(address, principal))
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
        known_asker = _is_identified(address, principal)
        self._count(Use(UseKind.DOWNLOAD, image.entry_id), known_asker)
        name = self._name(address)
        if name is not None:
            self._count(Use(UseKind.VIEW_DOWNLOAD, name), known_asker)
        return best

    def _count_read(self, address: str, principal: Principal) -> None:
        name = self._name(address)
        if name is not None:
            self._count(Use(UseKind.DOCUMENT, name), _is_identified(address, principal))

    def _name(self, address: str) -> str | None:
        """The name of the view at an address; None where so many are read that it left the memory."""
        kept = self._kept.find(address)
        return kept.definition.name if kept is not None and kept.definition is not None else None

    def _logs(self, address: str) -> frozenset[str]:
        kept = self._kept.find(address)
        return kept.definition.logs if kept is not None and kept.definition is not None else frozenset()

    def _selected(self, address: str, principal: Principal) -> Selected:
        # By its name alone: what others have must not cost other work than what is not there.
        if not is_view(address) and not Definition(address).logs <= principal.logs:
            raise ViewNotFoundError
        kept = self._kept.find(address) or self._admit(address, principal)
        if not kept.is_fresh(self._generation, self._now()):
            with self._making(kept):
                generation, now = self._generation, self._now()
                if not kept.is_fresh(generation, now):
                    self._renew(kept, address, generation, now)
        definition, selected = kept.definition, kept.selected
        if definition is None or selected is None or not _may_see(address, definition, principal):
            raise ViewNotFoundError
        return selected

    @contextmanager
    def _making(self, cached: CachedView) -> Iterator[None]:
        """A turn to make a view, or a document of it, alone.

        Raises:
            DialectUnavailableError: so many make views, or wait, that others need the threads.
        """
        if not self._turns.acquire(blocking=False):
            raise DialectUnavailableError("other views are being made: try again in a moment")
        try:
            with cached.lock:
                yield
        finally:
            self._turns.release()

    def _admit(self, address: str, principal: Principal) -> CachedView:
        """A place in memory for a view that is there; names that nobody gave take none."""
        with self._database.read() as session:
            definition = _find_definition(session, address)
        if not _may_see(address, definition, principal):
            raise ViewNotFoundError
        return self._kept.admit(address)

    def _renew(self, cached: CachedView, address: str, generation: int, now: datetime) -> None:
        """Look whether a view is still what it was, and evaluate it where it is not.

        Raises:
            ViewNotFoundError, DialectUnavailableError: as ``find`` does.
        """
        with self._database.read() as session:
            try:
                definition = _find_definition(session, address)
            except ViewNotFoundError:
                self._kept.remove(address)
                raise
            selected = cached.selected
            if (
                selected is None
                # The clock was wrong then, or is now: what ended in between may not have.
                or cached.selected_at is None
                or now < cached.selected_at
                or not self._selector.is_current(session, definition, selected)
                or (selected.until is not None and selected.until <= now)
            ):
                selected = self._select(session, definition, address, now, selected)
                cached.documents, cached.selected_at = {}, now
        cached.definition, cached.selected = definition, selected
        cached.generation, cached.looked_at = generation, now

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


def _find_definition(session: Session, address: str) -> Definition:
    registry = ViewRegistry(session)
    return registry.get_secret(address) if is_view(address) else registry.get(address)


def _is_identified(address: str, principal: Principal) -> bool:
    """Whether who asks showed something that others do not have."""
    return principal.name is not None or is_view(address)


def _may_see(address: str, definition: Definition, principal: Principal) -> bool:
    """Whether somebody who gives an address sees the view: who knows a secret one always does."""
    return is_view(address) or definition.is_visible_to(principal)
