"""The site's own filter: which entries of its logs it shows. It never bears on what is valid, or in a log."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from marketplace.access.principal import group_log
from validators.document import AcceptedEntry, Signer

#: Tells how a site's trust sees a signer now: the word of its certificate's standing.
FindStanding = Callable[[Signer], str]


@dataclass(frozen=True, slots=True)
class FilterFacts:
    """What the filter looks at: who says it, under which tags, and how the certificate stands."""

    email: str
    tags: Collection[str]
    standing: str


class SiteFilter:
    """Conditions on entries and logs: of one kind one must hold, and of every kind given.

    Args:
        conditions: ``subject:value``, as the settings checked them.
        standing: asked only where a condition is about trust.
    """

    def __init__(self, conditions: Sequence[str] = (), standing: FindStanding = lambda signer: "") -> None:
        self._standing = standing
        self._values: defaultdict[str, set[str]] = defaultdict(set)
        for condition in conditions:
            subject, _, value = condition.partition(":")
            self._values[subject].add(value.strip())
        given = sorted(f"{subject}:{value}" for subject, values in self._values.items() for value in values)
        #: Stands for the conditions: empty where there are none.
        self.digest = hashlib.sha256("\n".join(given).encode()).hexdigest()[:32] if given else ""

    @property
    def looks_at_trust(self) -> bool:
        """Whether what is shown changes with the verdicts on certificates."""
        return "trust" in self._values

    def find_reason(self, entry: AcceptedEntry) -> str | None:
        """Why an entry is not shown here; None where it is."""
        if not self.digest:
            return None
        standing = self._standing(entry.signer) if self.looks_at_trust else ""
        return self.find_reason_of(FilterFacts(entry.endorser.email, entry.metadata.tags, standing))

    def find_reason_of(self, entry: FilterFacts) -> str | None:
        """The reason why the site does not show a stored entry; None where it shows the entry."""
        endorsers, tags, standings = (self._values.get(name) for name in ("endorser", "tag", "trust"))
        email = entry.email
        if endorsers is not None and not {email, "@" + email.rpartition("@")[2]} & endorsers:
            return f"this site does not show entries of {email}"
        if tags is not None and not tags.intersection(entry.tags):
            return "this site shows entries with certain tags only"
        if standings is not None and entry.standing not in standings:
            return f"this site does not show entries whose certificate is {entry.standing}"
        return None

    def takes_group(self, group: str) -> bool:
        """Whether what a peer's group keeps is read and shown here; what is public always is."""
        groups = self._values.get("group")
        return groups is None or group in groups

    def takes_log(self, log: str) -> bool:
        """Whether the site takes entries of a log, by the log's name."""
        return not log.startswith(group_log("")) or self.takes_group(log.removeprefix(group_log("")))
