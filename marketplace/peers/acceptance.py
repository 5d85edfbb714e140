"""The site's own filter: what it imports of what its peers hold. It never bears on what is valid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from validators.document import AcceptedEntry

#: Tells how a site's trust sees an entry: the word of its certificate's standing.
Standing = Callable[[AcceptedEntry], str]


class ImportFilter:
    """Conditions on entries and logs: of one kind one must hold, and of every kind given.

    Args:
        conditions: ``subject:value``, as the settings checked them.
        standing: asked only where a condition is about trust.
    """

    def __init__(self, conditions: Sequence[str], standing: Standing) -> None:
        self._standing = standing
        self._values: defaultdict[str, set[str]] = defaultdict(set)
        for condition in conditions:
            subject, _, value = condition.partition(":")
            self._values[subject].add(value.strip())

    def reason_against(self, entry: AcceptedEntry) -> str | None:
        """Why an entry is not imported here; None where it is."""
        endorsers, tags, standings = (self._values.get(name) for name in ("endorser", "tag", "trust"))
        email = entry.endorser.email
        if endorsers is not None and not {email, "@" + email.rpartition("@")[2]} & endorsers:
            return f"this site does not import entries of {email}"
        if tags is not None and not tags.intersection(entry.metadata.tags):
            return "this site imports entries with certain tags only"
        if standings is not None and (found := self._standing(entry)) not in standings:
            return f"this site does not import entries whose certificate is {found}"
        return None

    def takes_group(self, group: str) -> bool:
        """Whether the entries of a group at a peer are imported; the public log always is."""
        groups = self._values.get("group")
        return groups is None or group in groups
