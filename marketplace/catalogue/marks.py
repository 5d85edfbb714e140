"""Marks of trust on the entries of a log, which follow the verdicts on their certificates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from pyroaring import BitMap
from sqlalchemy import BigInteger, select, type_coerce
from sqlalchemy.orm import Session

from marketplace.catalogue.sections import Reader, Writer
from marketplace.facets import TrustMark
from marketplace.models import Certificate, ConfirmedEndorser, VerdictRow
from marketplace.rules.trust import distance, is_sound, trust_marks
from validators.document import Strength

_CHANGED = select(
    VerdictRow.certificate_id,
    VerdictRow.standing,
    VerdictRow.listed,
    VerdictRow.takes_legacy,
    type_coerce(VerdictRow.begins, BigInteger),
    type_coerce(VerdictRow.ends, BigInteger),
)
_CONFIRMED = (
    select(VerdictRow.certificate_id, ConfirmedEndorser.email)
    .join(Certificate, Certificate.id == VerdictRow.certificate_id)
    .join(ConfirmedEndorser, ConfirmedEndorser.fingerprint == Certificate.fingerprint)
    .where(ConfirmedEndorser.public_at.is_not(None))
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
    for key, email in session.execute(_CONFIRMED.where(VerdictRow.revision > since)):
        confirmed[key].add(email)
    changed = session.execute(_CHANGED.where(VerdictRow.revision > since))
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
