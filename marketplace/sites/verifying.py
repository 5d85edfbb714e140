"""Holds what the stores have against what is endorsed, one copy after the other; no fault ends it."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.sites.errors import StoreError
from marketplace.sites.site import Site
from marketplace.sites.state import Copy, CopyState


@dataclass(frozen=True, slots=True)
class CopyFault:
    """A fault of a copy.

    Args:
        wrong: the bytes are not those that are endorsed, or are gone; else the store did not let
            them be looked at, and nothing is known of them.
    """

    fault: str
    wrong: bool


def available_copies(site: Site) -> list[Copy]:
    """Every copy that users can start, of the stores that are configured."""
    copies = site.state.copies.all()
    return [one for one in copies if one.state is CopyState.AVAILABLE and one.store in site.stores]


def verify_copy(site: Site, copy: Copy) -> CopyFault | None:
    """Look at a copy; a wrong one is refused at once, then taken out of users' sight.

    Returns:
        what is not right; None where its bytes are those that are endorsed.

    Raises:
        StateError: the state cannot be written.
    """
    assert copy.external is not None  # noqa: S101  # what is available has a name
    store = site.stores[copy.store]
    try:
        if store.look(copy.external) is None:
            site.state.copies.move(copy, CopyState.WANTED, "is gone from the store", site.wall())
            site.publish()
            return CopyFault("is gone from the store; the next sync fetches it", wrong=True)
        wrong = site.withdrawer.examine(copy, store)
    except (StoreError, OSError) as error:
        return CopyFault(f"could not be looked at: {error}", wrong=False)
    if wrong is None:
        return None
    # The answer first: a store that does not do what it is told is told again by the next sync.
    site.state.copies.move(copy, CopyState.QUARANTINED, wrong, site.wall())
    site.publish()
    try:
        store.quarantine(copy.external)
    except (StoreError, OSError) as error:
        wrong += f"; still in users' sight, because {error}: the next sync takes it out"
    return CopyFault(wrong, wrong=True)
