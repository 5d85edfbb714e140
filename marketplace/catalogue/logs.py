"""One log in memory: what is current there, and how the site stands to it.

How the site stands to an entry, and how strong its signature is, belong to the log that serves it. Not safe
to share between threads; the catalogue sees to that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TypeVar

from pyroaring import BitMap

from marketplace.catalogue.facts import Facts
from marketplace.catalogue.marks import ListedVerdict, Marks, SignedFacts
from marketplace.catalogue.sections import Reader, Writer
from marketplace.catalogue.values import Values
from marketplace.catalogue.vocabulary import Vocabulary
from marketplace.rules.current import Claim, Rank
from marketplace.rules.visibility import Stand

T = TypeVar("T")


class CatalogueLog:
    """A log up to the row that was read last.

    Args:
        values: have the facts of every entry that is current in some log.
        verdicts: on certificates; belong to the catalogue.
    """

    def __init__(self, name: str, values: Values, verdicts: Mapping[int, ListedVerdict]) -> None:
        self.name = name
        self._all = values
        self.table = values.items
        self.marks = Marks(verdicts)
        #: As far as it was read.
        self.stand = Stand(0)
        #: Keys of its current entries; replaced and never changed, as are ``signatures`` and the values
        #: of ``marks``, so that they can be handed out.
        self.current = BitMap()
        self.signatures: Mapping[str, BitMap] = {}
        #: Of the few entries that have one: ``Facts.twins`` and ``Facts.trusted``.
        self.twins: dict[int, tuple[tuple[int, str], ...]] = {}
        self._trusted: dict[int, Rank] = {}
        self.vocabulary = Vocabulary()
        #: How often entries were put in, and the images that the last ones are about, each by an endorser.
        self.puts, self.latest = 0, frozenset[bytes]()

    def put(self, many: Sequence[Facts], seen: set[bytes]) -> list[int]:
        """Take in current entries; all of an image and endorser take the place of all earlier ones.

        Args:
            many: entries that the table holds.
            seen: images and endorsers of which some were taken in already; gains those of these entries.

        Returns:
            the keys of the entries that are not current any more.
        """
        former: set[int] = set()
        # Of the first entries of a log no images are noted, as if more had come since.
        self.puts += 1 if self.stand.size else 2
        if self.stand.size:
            images = {facts.entry_key: facts.image for facts in many}
            for image in set(images.values()) - seen:
                former |= self._all.images.find(image, self.current)
            self._remove(former)
            seen.update(images.values())
            self.latest = frozenset(images.values())
        strengths: defaultdict[str, list[int]] = defaultdict(list)
        for facts in many:
            if facts.twins:
                self.twins[facts.entry_key] = facts.twins
            self.trust(facts.entry_key, facts.trusted)
            strengths[facts.strength].append(facts.entry_key)
        self.marks.add([SignedFacts(one.entry_key, one.created, one.email, one.certificates) for one in many])
        self.signatures = dict(self.signatures) | {
            strength: self.signatures.get(strength, BitMap()) | BitMap(keys)
            for strength, keys in strengths.items()
        }
        self.current = self.current | BitMap([facts.entry_key for facts in many])
        return [key for key in former if key not in self.current]

    def trust(self, key: int, best: Rank | None) -> None:
        """Take in ``Facts.trusted`` of an entry."""
        if best is None:
            self._trusted.pop(key, None)
        else:
            self._trusted[key] = best

    def drop(self, images: Set[bytes]) -> list[int]:
        """Take out everything about some images, each by an endorser, of which nothing is current any more.

        Returns:
            the keys of the entries that went.
        """
        held = self._all.images.find_many(images, self.current)
        former = {key for keys in held.values() for key in keys}
        if former:
            self._remove(former)
            self.puts, self.latest = self.puts + 1, frozenset(images)
        return list(former)

    def signed(self, key: int) -> SignedFacts:
        """The facts that the marks of a current entry depend on."""
        table = self.table
        strength = next(strength for strength, held in self.signatures.items() if key in held)
        certificates = ((table.certificate(key), strength), *self.twins.get(key, ()))
        return SignedFacts(key, table.created(key), table.email(key), certificates)

    def claim(self, key: int, of: T) -> Claim[T]:
        """The claim of a current entry to be current beside entries of other logs, as that of something."""
        table = self.table
        rank = table.created(key), table.is_deprecated(key), -table.number(key)
        return Claim(of, rank, table.key_digest(key), self._trusted.get(key))

    def write(self, number: int, writer: Writer) -> None:
        """Write the log to a file, as one of several."""
        name = f"log.{number}"
        writer.json(name, [self.name, self.stand])
        writer.bitmaps(f"{name}.current", [self.current])
        writer.named(f"{name}.signatures", self.signatures)
        writer.json(f"{name}.twins", list(self.twins.items()))
        writer.json(f"{name}.trusted", list(self._trusted.items()))
        self.marks.write(f"{name}.marks", writer)
        writer.json(f"{name}.vocabulary", self.vocabulary.counts())

    def read(self, number: int, reader: Reader) -> None:
        """Take the log of a file, whose table is read already."""
        name = f"log.{number}"
        self.name, stand = reader.json(name)
        self.stand = Stand(*stand)
        (self.current,) = reader.bitmaps(f"{name}.current")
        self.signatures = reader.named(f"{name}.signatures")
        twins, trusted = reader.json(f"{name}.twins"), reader.json(f"{name}.trusted")
        self.twins = {key: tuple((one, strength) for one, strength in every) for key, every in twins}
        self._trusted = {key: (created, deprecated, entry) for key, (created, deprecated, entry) in trusted}
        self.marks.read(f"{name}.marks", reader)
        self.vocabulary.add_counts(reader.json(f"{name}.vocabulary"))

    def _remove(self, keys: Iterable[int]) -> None:
        gone = BitMap(keys)
        if gone:
            self.marks.remove([self.signed(key) for key in gone])
            for key in gone:
                self.twins.pop(key, None)
                self._trusted.pop(key, None)
            self.signatures = {strength: held - gone for strength, held in self.signatures.items()}
            self.current = self.current - gone
