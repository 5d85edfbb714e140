"""One log in memory: what is current there, and how the site stands to it.

How the site stands to an entry, and how strong its signature is, belong to the log that serves it. Not safe
to share between threads; the catalogue sees to that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import NamedTuple, TypeVar

from pyroaring import BitMap
from sqlalchemy import BigInteger, bindparam, select, type_coerce
from sqlalchemy.orm import Session

from marketplace.catalogue.facts import Facts
from marketplace.catalogue.sections import Reader, Writer
from marketplace.catalogue.values import Values
from marketplace.catalogue.vocabulary import Vocabulary
from marketplace.facets import TrustMark
from marketplace.models import Certificate, ConfirmedEndorser, VerdictRow
from marketplace.rules.current import Claim, Rank
from marketplace.rules.trust import distance, is_sound, trust_marks
from marketplace.rules.visibility import Stand
from validators.document import Strength

T = TypeVar("T")

_BEHIND = VerdictRow.revision > bindparam("since")
_CHANGED = select(
    VerdictRow.certificate_id,
    VerdictRow.standing,
    VerdictRow.listed,
    VerdictRow.takes_legacy,
    type_coerce(VerdictRow.begins, BigInteger),
    type_coerce(VerdictRow.ends, BigInteger),
).where(_BEHIND)
_CONFIRMED = (
    select(VerdictRow.certificate_id, ConfirmedEndorser.email)
    .join(Certificate, Certificate.id == VerdictRow.certificate_id)
    .join(ConfirmedEndorser, ConfirmedEndorser.fingerprint == Certificate.fingerprint)
    .where(ConfirmedEndorser.public_at.is_not(None), _BEHIND)
)


class ListedVerdict(NamedTuple):
    """A certificate's verdict, as far as lists go by it; times in seconds since 1970.

    Args:
        confirmed: addresses whose readers agreed to it, as far as all may know, in order.
    """

    standing: str
    listed: bool
    takes_legacy: bool
    begins: int
    ends: int
    confirmed: tuple[str, ...] = ()

    def marks(
        self, created: int, email: str, *, strong: bool
    ) -> tuple[tuple[int, bool, bool], tuple[TrustMark, ...]]:
        """How far the site stands from an entry that the certificate signed for an address, and its marks."""
        sound = is_sound(self.begins, self.ends, created, good_signature=strong or self.takes_legacy)
        confirmed = email in self.confirmed
        marks = trust_marks(self.standing, listed=self.listed, sound=sound, confirmed=confirmed)
        return distance(self.standing, sound=sound, confirmed=confirmed), marks


def load_verdicts(session: Session, since: int) -> dict[int, ListedVerdict]:
    """The verdicts that changed behind a revision, by certificate."""
    confirmed: defaultdict[int, set[str]] = defaultdict(set)
    connection = session.connection()
    for key, email in connection.execute(_CONFIRMED, {"since": since}):
        confirmed[key].add(email)
    changed = connection.execute(_CHANGED, {"since": since})
    return {
        key: ListedVerdict(standing, listed, legacy, begins, ends, tuple(sorted(confirmed.get(key, ()))))
        for key, standing, listed, legacy, begins, ends in changed
    }


class SignedFacts(NamedTuple):
    """The facts about an entry of a log that its marks depend on.

    Args:
        created: seconds since 1970.
        certificates: under which the log holds the statement, each with the signature's strength.
    """

    entry_key: int
    created: int
    email: str
    certificates: tuple[tuple[int, str], ...]


class Marks:
    """Which entries have which mark. The verdicts belong to the catalogue and are shared by all logs."""

    def __init__(self, verdicts: Mapping[int, ListedVerdict]) -> None:
        self._verdicts = verdicts
        self._by_certificate: dict[int, BitMap] = {}
        #: Keys of the entries with each mark, if any has it; replaced and never changed.
        self.values: Mapping[str, BitMap] = {}

    def add(self, many: Sequence[SignedFacts]) -> None:
        """Mark entries."""
        for signed in many:
            for certificate, _ in signed.certificates:
                self._by_certificate.setdefault(certificate, BitMap()).add(signed.entry_key)
        self._mark(many, BitMap())

    def remove(self, many: Sequence[SignedFacts]) -> None:
        """Forget entries."""
        for signed in many:
            for certificate, _ in signed.certificates:
                keys = self._by_certificate.get(certificate, BitMap())
                keys.discard(signed.entry_key)
                if not keys:
                    self._by_certificate.pop(certificate, None)
        self._mark((), BitMap([signed.entry_key for signed in many]))

    def judge(self, certificates: Iterable[int], signed: Callable[[int], SignedFacts]) -> None:
        """Mark the entries of some certificates anew.

        Args:
            signed: tells of an entry by its key.
        """
        found = [self._by_certificate[one] for one in certificates if one in self._by_certificate]
        if found:
            keys = BitMap.union(*found)
            self._mark([signed(key) for key in keys], keys)

    def write(self, name: str, writer: Writer) -> None:
        """Write the marks to a file."""
        writer.named(f"{name}.signed", self._by_certificate)
        writer.named(f"{name}.marked", self.values)

    def read(self, name: str, reader: Reader) -> None:
        """Take the marks of a file, which were made by the same verdicts."""
        self._by_certificate, self.values = reader.named(f"{name}.signed"), reader.named(f"{name}.marked")

    def _mark(self, many: Iterable[SignedFacts], former: BitMap) -> None:
        """Mark entries, after taking every mark from some others."""
        marked: defaultdict[str, list[int]] = defaultdict(list)
        for signed in many:
            for mark in self._marks_of(signed):
                marked[mark.value].append(signed.entry_key)
        values = dict(self.values)
        if former:
            values = {mark: left for mark, held in values.items() if (left := held - former)}
        for name, keys in marked.items():
            values[name] = values.get(name, BitMap()) | BitMap(keys)
        self.values = values

    def _marks_of(self, signed: SignedFacts) -> tuple[TrustMark, ...]:
        every = (self._distance_and_marks(signed, *one) for one in signed.certificates)
        return min(every, key=lambda judged: judged[0])[1]

    def _distance_and_marks(
        self, signed: SignedFacts, certificate: int, strength: str
    ) -> tuple[tuple[int, bool, bool], tuple[TrustMark, ...]]:
        """How far the site stands from a certificate of an entry, and what marks that makes."""
        verdict = self._verdicts.get(certificate)
        if verdict is None:
            return distance(None, sound=False, confirmed=False), (TrustMark.UNJUDGED,)
        return verdict.marks(signed.created, signed.email, strong=strength == Strength.STRONG.value)


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
