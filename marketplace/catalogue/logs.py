"""One log in memory: what is current there, and how the site stands to it.

How the site stands to an entry, and how strong its signature is, belong to the log that serves it. Not safe
to share between threads; the catalogue sees to that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pyroaring import BitMap

from marketplace.catalogue.facts import Facts
from marketplace.catalogue.marks import Marks
from marketplace.catalogue.vocabulary import Vocabulary
from marketplace.models.log import RENEWALS_KEPT


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a log has come: rows, how often it changed which of them are shown, and renewals."""

    position: int = 0
    revision: int = 0
    renewals: int = 0

    def is_behind(self, other: Stand) -> bool:
        """Whether the other one is a later state of the log."""
        if self.revision != other.revision:
            return self.revision < other.revision
        return self.position < other.position or self.renewals < other.renewals

    def leads_to(self, other: Stand) -> bool:
        """Whether rows and renewals that are still there make the other one of this one."""
        return self.revision == other.revision and other.renewals - self.renewals <= RENEWALS_KEPT


@dataclass(slots=True)
class FollowedLog:
    """A log as far as it was read.

    Args:
        stand: as far as it was read.
        current: keys of its current entries; replaced and never changed, as are ``signatures`` and the
            values of ``marks``, so that they can be handed out.
        images: the keys of the current entries of each image and endorser.
    """

    name: str
    marks: Marks
    stand: Stand = Stand()
    current: BitMap = field(default_factory=BitMap)
    items: dict[int, Facts] = field(default_factory=dict)
    images: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    signatures: Mapping[str, BitMap] = field(default_factory=dict)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)

    def put(self, many: Sequence[Facts], seen: set[tuple[str, str]]) -> list[int]:
        """Take in current entries; all of an image and endorser take the place of all earlier ones.

        Args:
            seen: images and endorsers of which some were taken in already; gains those of these entries.

        Returns:
            the keys of the entries that are not current any more.
        """
        former: set[int] = set()
        for image in {(facts.identifier, facts.email) for facts in many} - seen:
            former.update(self.images.pop(image, ()))
            seen.add(image)
        self._remove(former)
        strengths: defaultdict[str, list[int]] = defaultdict(list)
        for facts in many:
            self.images.setdefault((facts.identifier, facts.email), []).append(facts.entry_key)
            self.items[facts.entry_key] = facts
            strengths[facts.strength].append(facts.entry_key)
        self.marks.add(many)
        self.signatures = dict(self.signatures) | {
            strength: self.signatures.get(strength, BitMap()) | BitMap(keys)
            for strength, keys in strengths.items()
        }
        self.current = self.current | BitMap([facts.entry_key for facts in many])
        return [key for key in former if key not in self.current]

    def _remove(self, keys: Iterable[int]) -> None:
        gone = BitMap(keys)
        if gone:
            self.marks.remove([self.items.pop(key) for key in gone])
            self.signatures = {strength: held - gone for strength, held in self.signatures.items()}
            self.current = self.current - gone
