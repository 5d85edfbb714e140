"""Marks of trust on the entries of a log, which follow the verdicts on their certificates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyroaring import BitMap
from sqlalchemy import BigInteger, select, type_coerce
from sqlalchemy.orm import Session

from marketplace.catalogue.facts import Facts
from marketplace.models import Certificate, ConfirmedEndorser, Verdict
from marketplace.rules.trust import TrustMark, distance, is_sound, trust_marks
from validators.document import Strength

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
    """Which entries have which mark. The verdicts belong to the catalogue and are shared by all logs."""

    def __init__(self, verdicts: Mapping[int, Judged]) -> None:
        self._verdicts = verdicts
        self._by_certificate: dict[int, BitMap] = {}
        #: Keys of the entries with each mark, if any has it; replaced and never changed.
        self.values: Mapping[str, BitMap] = {}

    def add(self, many: Iterable[Facts]) -> None:
        """Mark entries."""
        for facts in many:
            for certificate, _ in facts.certificates:
                self._by_certificate.setdefault(certificate, BitMap()).add(facts.entry_key)
        self._mark(many, BitMap())

    def remove(self, many: Iterable[Facts]) -> None:
        """Forget entries."""
        for facts in many:
            for certificate, _ in facts.certificates:
                keys = self._by_certificate.get(certificate, BitMap())
                keys.discard(facts.entry_key)
                if not keys:
                    self._by_certificate.pop(certificate, None)
        self._mark((), BitMap([facts.entry_key for facts in many]))

    def judge(self, certificates: Iterable[int], items: Mapping[int, Facts]) -> None:
        """Mark the entries of some certificates anew."""
        found = [self._by_certificate[one] for one in certificates if one in self._by_certificate]
        if found:
            keys = BitMap.union(*found)
            self._mark([items[key] for key in keys], keys)

    def _mark(self, many: Iterable[Facts], former: BitMap) -> None:
        """Mark entries, after taking every mark from some others."""
        marked: defaultdict[str, list[int]] = defaultdict(list)
        for facts in many:
            for mark in self._marks_of(facts):
                marked[mark.value].append(facts.entry_key)
        values = dict(self.values)
        if former:
            values = {mark: left for mark, held in values.items() if (left := held - former)}
        for name, keys in marked.items():
            values[name] = values.get(name, BitMap()) | BitMap(keys)
        self.values = values

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
