"""Marks of trust on the entries of a shelf, which follow the verdicts on their certificates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyroaring import BitMap
from sqlalchemy import BigInteger, select, type_coerce
from sqlalchemy.orm import Session

from marketplace.models import Certificate, ConfirmedEndorser, TrustState, Verdict
from marketplace.rules.trust import TrustMark, distance, is_sound, trust_marks
from marketplace.search.facts import Facts
from validators.document import Strength

#: The count of changes of verdicts, 0 before the first.
REVISION = select(TrustState.revision).scalar_subquery()

_CHANGED = select(
    Verdict.certificate_id,
    Verdict.standing,
    Verdict.listed,
    Verdict.takes_legacy,
    type_coerce(Verdict.begins, BigInteger),
    type_coerce(Verdict.ends, BigInteger),
)
_CONFIRMED = (
    select(Verdict.certificate_id, ConfirmedEndorser.email)
    .join(Certificate, Certificate.id == Verdict.certificate_id)
    .join(ConfirmedEndorser, ConfirmedEndorser.fingerprint == Certificate.fingerprint)
    .where(ConfirmedEndorser.public_at.is_not(None))
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A certificate's verdict, as far as lists go by it; times in seconds since 1970.

    Args:
        confirmed: addresses whose readers agreed to it, as far as all may know.
    """

    standing: str
    listed: bool
    takes_legacy: bool
    begins: int
    ends: int
    confirmed: frozenset[str] = frozenset()

    def marks(
        self, created: int, email: str, *, strong: bool
    ) -> tuple[tuple[int, bool, bool], tuple[TrustMark, ...]]:
        """How far the site stands from an entry that the certificate signed for an address, and its marks."""
        sound = is_sound(self.begins, self.ends, created, good_signature=strong or self.takes_legacy)
        confirmed = email in self.confirmed
        marks = trust_marks(self.standing, listed=self.listed, sound=sound, confirmed=confirmed)
        return distance(self.standing, sound=sound, confirmed=confirmed), marks


def load_judged(session: Session, since: int) -> dict[int, Judged]:
    """The verdicts that changed behind a revision, by certificate."""
    confirmed: defaultdict[int, set[str]] = defaultdict(set)
    for key, email in session.execute(_CONFIRMED.where(Verdict.revision > since)):
        confirmed[key].add(email)
    changed = session.execute(_CHANGED.where(Verdict.revision > since))
    return {
        key: Judged(standing, listed, legacy, begins, ends, frozenset(confirmed.get(key, ())))
        for key, standing, listed, legacy, begins, ends in changed
    }


class Marks:
    """Which entries have which mark. The verdicts belong to the catalogue and are shared by all shelves."""

    def __init__(self, verdicts: Mapping[int, Judged]) -> None:
        self._verdicts = verdicts
        self._by_certificate: dict[int, BitMap] = {}
        #: Keys of the entries with each mark; marks that no entry has are absent.
        self.values: dict[str, BitMap] = {}

    def add(self, facts: Facts) -> None:
        """Mark an entry."""
        for certificate, _ in facts.certificates:
            self._by_certificate.setdefault(certificate, BitMap()).add(facts.entry_key)
        for mark in self._marks_of(facts):
            self.values.setdefault(mark.value, BitMap()).add(facts.entry_key)

    def remove(self, facts: Facts) -> None:
        """Forget an entry."""
        for certificate, _ in facts.certificates:
            keys = self._by_certificate.get(certificate, BitMap())
            keys.discard(facts.entry_key)
            if not keys:
                self._by_certificate.pop(certificate, None)
        self._take(BitMap([facts.entry_key]))

    def judge(self, certificates: Iterable[int], items: Mapping[int, Facts]) -> None:
        """Mark the entries of some certificates anew."""
        for certificate in certificates:
            keys = self._by_certificate.get(certificate)
            if not keys:
                continue
            marked: dict[str, BitMap] = {}
            for key in keys:
                for mark in self._marks_of(items[key]):
                    marked.setdefault(mark.value, BitMap()).add(key)
            self._take(keys)
            for name, found in marked.items():
                self.values.setdefault(name, BitMap()).update(found)

    def _take(self, keys: BitMap) -> None:
        for mark, held in list(self.values.items()):
            held.difference_update(keys)
            if not held:
                del self.values[mark]

    def _marks_of(self, facts: Facts) -> tuple[TrustMark, ...]:
        if not facts.twins:
            return self._judged(facts, facts.certificate_id, facts.strength)[1]
        every = (self._judged(facts, certificate, strength) for certificate, strength in facts.certificates)
        return min(every, key=lambda judged: judged[0])[1]

    def _judged(
        self, facts: Facts, certificate: int, strength: str
    ) -> tuple[tuple[int, bool, bool], tuple[TrustMark, ...]]:
        """How far the site stands from a certificate of an entry, and what marks that makes."""
        verdict = self._verdicts.get(certificate)
        if verdict is None:
            return distance(None, sound=False, confirmed=False), (TrustMark.UNJUDGED,)
        return verdict.marks(facts.created, facts.email, strong=strength == Strength.STRONG.value)
