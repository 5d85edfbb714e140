"""Turns what is new at a marketplace into evidence: entries about the site's images, each proven."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlencode

from marketplace.portions import portions
from marketplace.sites.errors import RefusedQuestionError, UnprovenError
from marketplace.sites.knowledge.follow import MarketplaceFollower
from marketplace.sites.knowledge.reader import LOOKED_UP, ListedChange
from marketplace.sites.settings import SubscriptionTable
from marketplace.sites.state import State

log = logging.getLogger(__name__)

#: Seconds after news during which a marketplace's lists may not show them yet.
SETTLING = 10.0
#: Entries asked for where a tag's versions are wanted: each version may have been said several times.
_ENTRIES_A_VERSION = 5


class Learning:
    """Keeps the evidence of the images that subscriptions ask for.

    Args:
        wall: seconds since 1970.
    """

    def __init__(
        self, subscriptions: Sequence[SubscriptionTable], state: State, wall: Callable[[], float]
    ) -> None:
        self._subscriptions = subscriptions
        self._state = state
        self._wall = wall
        self._concerning = state.evidence.identifiers() | {one.identifier for one in state.evidence.wishes()}
        #: By subscription and marketplace: why it does not understand the question.
        self.refused: dict[tuple[str, str], str] = {}
        self._covered: dict[str, set[str]] = {}
        #: Several marketplaces are followed at the same time, and what concerns the site is one set.
        self._lock = threading.Lock()

    def learn(self, follower: MarketplaceFollower) -> set[str]:
        """Read what is new; returns the images about which something new was said.

        Raises:
            KnowledgeError: the marketplace is not reached or contradicts itself. What came before is kept.
        """
        rows = follower.look()
        try:
            dirty = self._keep(follower, (row for row in rows if row.identifier in self._concerning))
            follower.settle()
        except BaseException:  # also when interrupted: what is not kept is asked for again
            follower.forget()
            raise
        return dirty

    def ask(self, follower: MarketplaceFollower, oldest: float = float("-inf")) -> set[str]:
        """Ask for what subscriptions want, where that may be something else than before.

        Args:
            oldest: wall clock; what was asked before is asked again.

        Returns:
            the images about which something new was said.
        """
        dirty: set[str] = set()
        for one in self._subscriptions:
            question = urlencode(one.question) + f" keep={one.keep} most={one.most}"
            before, at = self._state.evidence.asked(one.name, follower.table.url)
            now = self._wall()
            if one.image is None and (before != question or at < max(_since(follower, now), oldest)):
                try:
                    dirty |= self._ask(one, follower)
                except RefusedQuestionError as error:
                    # The other subscriptions are none the worse for it.
                    self._refuse(one, follower, str(error))
                else:
                    self.refused.pop((one.name, follower.table.url), None)
                self._state.evidence.note_asked(one.name, follower.table.url, question, now)
            elif one.image is not None and before != question:
                dirty |= self._wish(one, follower, [one.image])
                self._state.evidence.note_asked(one.name, follower.table.url, question, now)
        return dirty

    def concern(self, identifier: str) -> None:
        """Learn of an image that no subscription asked for, from now on."""
        with self._lock:
            self._concerning.add(identifier)

    def cover(self, follower: MarketplaceFollower) -> set[str]:
        """Read what a marketplace said before about images that came to concern the site since.

        Returns:
            the images about which something new was said.
        """
        source = follower.table.url
        covered = self._covered.setdefault(source, self._state.evidence.covered(source))
        dirty: set[str] = set()
        with self._lock:
            missing = sorted(self._concerning - covered)
        for part in portions(missing, LOOKED_UP):
            dirty |= self._keep(follower, follower.reader.current(part))
            self._state.evidence.note_covered(source, part)
            covered.update(part)
        return dirty

    def _ask(self, one: SubscriptionTable, follower: MarketplaceFollower) -> set[str]:
        question = dict(one.question)
        asked = one.question
        if one.search is None:
            # What a marketplace trusts is no rule of this site.
            asked = (*asked, ("trust", "all"), ("sort", "newest"))
        elif "sort" not in question:
            asked = (*asked, ("sort", "newest"))
        most = one.keep * _ENTRIES_A_VERSION if one.tag is not None else one.most
        rows = follower.reader.search(asked, most)
        return self._wish(one, follower, list(dict.fromkeys(row.identifier for row in rows)))

    def _refuse(self, one: SubscriptionTable, follower: MarketplaceFollower, reason: str) -> None:
        if self.refused.get((one.name, follower.table.url)) != reason:
            log.error("subscription %s: %s", one.name, reason)
            self._state.history.note(self._wall(), f"subscription {one.name} refused", reason)
        self.refused[one.name, follower.table.url] = reason

    def _wish(
        self, one: SubscriptionTable, follower: MarketplaceFollower, identifiers: list[str]
    ) -> set[str]:
        with self._lock:
            self._concerning.update(identifiers)
        changed = self._state.evidence.set_wishes(one.name, follower.table.url, identifiers)
        return set(identifiers) if changed else set()

    def _keep(self, follower: MarketplaceFollower, rows: Iterable[ListedChange]) -> set[str]:
        dirty = set()
        for row in rows:
            if self._state.evidence.knows(row.entry_id):
                continue
            try:
                entry = follower.reader.entry(row.entry_id)
            except UnprovenError as error:
                # One bad row must not keep the others back.
                log.warning("%s", error)
                self._state.history.note(self._wall(), "entry not proven", str(error), row.identifier)
                continue
            if entry is None:
                continue
            groups: frozenset[str] = frozenset()
            if follower.table.token_file is not None:
                at = entry.coordinates
                groups = follower.reader.groups(at.identifier, at.email, at.created_text)
            if self._state.evidence.keep(entry, follower.table.url, groups, self._wall()):
                dirty.add(entry.identifier)
        return dirty


def _since(follower: MarketplaceFollower, now: float) -> float:
    """When its lists may have come to show something new: with news, and once they have settled."""
    changed = follower.followed.changed
    return changed + SETTLING if now >= changed + SETTLING else changed
