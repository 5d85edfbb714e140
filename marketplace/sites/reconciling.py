"""Holds what the stores have against what is written down: after a crash, and from time to time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from marketplace.sites.errors import StoreError
from marketplace.sites.state import Copy, CopyState, State
from marketplace.sites.stores.interface import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in a store that is not as it is written down, and what was done about it."""

    store: str
    external: str
    message: str


class Reconciler:
    """Finds and mends differences between stores and the state.

    Args:
        wall: seconds since 1970.
    """

    def __init__(self, state: State, stores: Mapping[str, Store], wall: Callable[[], float]) -> None:
        self._state = state
        self._stores = stores
        self._wall = wall

    def run(self) -> list[Difference]:
        """Look at every store once; one that does not answer is left for the next time."""
        found: list[Difference] = []
        copies = self._state.copies.all()
        for name, store in self._stores.items():
            try:
                found += self._store(name, store, [one for one in copies if one.store == name])
            except StoreError as error:
                log.warning("%s", error)
        for one in found:
            log.warning("store %s: %s: %s", one.store, one.external, one.message)
            self._state.history.note(
                self._wall(), "reconciled", f"{one.external}: {one.message}", store=one.store
            )
        return found

    def _store(self, name: str, store: Store, copies: list[Copy]) -> list[Difference]:
        found = []
        ours = {one.external: one for one in store.ours()}
        there = {external: one for external, one in ours.items() if one.complete}
        expected = {one.external: one for one in copies if one.external is not None}
        for external, stored in ours.items():
            copy = expected.get(external)
            if not stored.complete:
                if copy is None or copy.digest != stored.digest:
                    store.remove(external)
                    found.append(Difference(name, external, "was left behind half made, and was removed"))
                continue
            if copy is None or copy.digest != stored.digest:
                if stored.visible:
                    store.hide(external)
                    found.append(
                        Difference(name, external, "is not known to this site, and was taken out of sight")
                    )
                continue
            if copy.state is CopyState.REMOVED:
                store.remove(external)
                found.append(Difference(name, external, "was still there, and was removed again"))
            elif stored.visible and copy.state not in (
                CopyState.AVAILABLE,
                CopyState.WITHDRAWING,
                CopyState.VERIFIED,
            ):
                store.hide(external)
                found.append(
                    Difference(
                        name, external, f"was visible although it is {copy.state}, and is not any more"
                    )
                )
            elif not stored.visible and copy.state is CopyState.AVAILABLE:
                store.show(external)
                found.append(
                    Difference(name, external, "was not visible although it should be, and is again")
                )
        for external, copy in expected.items():
            kept = (CopyState.AVAILABLE, CopyState.WITHDRAWN, CopyState.FILLED, CopyState.VERIFIED)
            if external not in there and copy.state in kept:
                store.drop(external)
                self._state.copies.move(copy, CopyState.WANTED, "is gone from the store", self._wall())
                found.append(Difference(name, external, "is gone, and is wanted again"))
        return found
