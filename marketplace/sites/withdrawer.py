"""Takes images out of users' sight, brings back what is allowed again, and removes them at last."""

from __future__ import annotations

import logging
from collections.abc import Callable

from marketplace.images import ImageError, OnePass
from marketplace.receipts import Finding
from marketplace.sites.events.environment import image_environment
from marketplace.sites.events.outbox import EventOutbox
from marketplace.sites.filler import external_of
from marketplace.sites.image_comparison import algorithms_of, find_danger, find_difference
from marketplace.sites.receipts import Receipts, sha512_of
from marketplace.sites.state import Copy, CopyState, State
from marketplace.sites.stores.interface import Store
from marketplace.sites.verdicts import SiteVerdicts
from validators.document import AcceptedEntry

log = logging.getLogger(__name__)


class Withdrawer:
    """Moves copies out of sight and back.

    Args:
        wall: seconds since 1970.
    """

    def __init__(
        self,
        site: str,
        state: State,
        verdicts: SiteVerdicts,
        outbox: EventOutbox,
        receipts: Receipts,
        wall: Callable[[], float],
    ) -> None:
        self._site = site
        self._state = state
        self._verdicts = verdicts
        self._outbox = outbox
        self._receipts = receipts
        self._wall = wall

    def withdraw(self, copy: Copy, store: Store, reason: str) -> Copy:
        """Take an image out of users' sight; the verdict says "refuse" already.

        Raises:
            StoreError: the store does not do it; it is told again later.
        """
        if copy.state is CopyState.AVAILABLE:
            with self._state.database.write():
                copy = self._move(copy, CopyState.WITHDRAWING, reason)
                self._tell("ExpirePrefix", copy, store)
        store.hide(external_of(copy))
        with self._state.database.write():
            copy = self._move(copy, CopyState.WITHDRAWN, copy.reason)
            self._tell("ExpirePostfix", copy, store)
            self._receipts.put(Finding.WITHDRAWN, copy, sha512=sha512_of(copy))
        return copy

    def bring_back(self, copy: Copy, store: Store) -> Copy:
        """Let users start an image again, after its bytes were looked at again.

        Raises:
            StoreError: the store does not do it.
        """
        if store.look(external_of(copy)) is None:
            return self._move(copy, CopyState.WANTED, "is gone from the store")
        wrong = self.examine(copy, store)
        if wrong is not None:
            store.quarantine(external_of(copy))
            return self._move(copy, CopyState.QUARANTINED, wrong)
        copy = self._move(copy, CopyState.VERIFIED, "allowed again, and its bytes are as endorsed")
        store.show(external_of(copy))
        with self._state.database.write():
            copy = self._move(copy, CopyState.AVAILABLE, "allowed again", failures=0, next_at=None)
            self._tell("AvailablePostfix", copy, store)
            self._receipts.put(Finding.AVAILABLE, copy, sha512=sha512_of(copy))
        return copy

    def remove(self, copy: Copy, store: Store, reason: str) -> Copy:
        """Take everything of an image away.

        Raises:
            StoreError: the store does not do it.
        """
        if copy.external is not None:
            store.remove(copy.external)
        return self._move(copy, CopyState.REMOVED, reason, next_at=None)

    def examine(self, copy: Copy, store: Store) -> str | None:
        """Hold what a store has against what is endorsed: by a digest that the store itself made of
        bytes that it never changes, else byte by byte.

        Returns:
            how it differs; None where it does not.

        Raises:
            StoreError: the store does not say.
        """
        entry = self._find_entry(copy)
        if entry is None:
            return "the entry by which it was imported is not here any more"
        said = store.proven(external_of(copy), copy.digest)
        if said is not None:
            return said or None
        try:
            with OnePass(algorithms_of(entry), max(copy.size, 1)) as one_pass:
                for _ in one_pass.blocks(store.content(external_of(copy))):
                    pass
                measured = one_pass.result()
        except ImageError as error:
            return str(error)
        return find_difference(entry, copy, measured) or find_danger(entry, measured)

    def _tell(self, type_: str, copy: Copy, store: Store) -> None:
        verdict = self._verdicts.latest.get(copy.identifier)
        path = store.path(external_of(copy))
        environment = image_environment(self._site, copy, self._find_entry(copy), verdict, path)
        self._outbox.put(type_, copy.digest, environment, self._wall())

    def _find_entry(self, copy: Copy) -> AcceptedEntry | None:
        try:
            return self._verdicts.entry(copy.entry_id)
        except KeyError:
            return None

    def _move(self, copy: Copy, to: CopyState, reason: str, **changes: object) -> Copy:
        return self._state.copies.move(copy, to, reason, self._wall(), **changes)
