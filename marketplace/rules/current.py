"""Which entries are current, and which one a tag or a place names: functions of a set of entries.

Anybody can write somebody's address into a certificate of his own. So an entry takes the
place of an older one about the same image by the same address only if both were signed
with the same key, or if the site trusts the newer one's certificate for the address
(``rules/trust.py``). Otherwise both are current, side by side.

Nothing here depends on the order in which entries arrived: two marketplaces with the same
entries and the same verdicts on certificates give the same answers. The tables that lists
read, the catalogue and the triple store hold what these functions say; the tests hold one
against the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import ColumnElement, and_, or_

from marketplace.models import Current

T = TypeVar("T")

#: Creation time (a datetime, or seconds), whether it is a deprecation, and the negative entry id.
Rank = tuple[Any, bool, int]


class DatedStatement(Protocol):
    """The part of an entry that decides its place among the others."""

    @property
    def entry_id(self) -> str: ...
    @property
    def statement(self) -> str: ...
    @property
    def identifier(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def created(self) -> datetime: ...
    @property
    def valid(self) -> datetime | None: ...
    @property
    def deprecated(self) -> str | None: ...
    @property
    def tags(self) -> Sequence[str]: ...
    @property
    def key_digest(self) -> str: ...
    @property
    def trusted(self) -> bool:
        """Whether the site trusts the certificate for the entry's address."""


S = TypeVar("S", bound=DatedStatement)


def precedence(created: datetime, deprecated: bool, entry_id: str) -> tuple[datetime, bool, int]:
    """A key whose greatest value is the newest entry.

    The later creation time wins. Two statements with one creation time are an
    equivocation: the deprecation wins, because showing a withdrawn image harms
    more than hiding a good one; else the smaller id, because it is the same everywhere.
    """
    return created, deprecated, -int(entry_id, 16)


def rank(entry: DatedStatement) -> tuple[datetime, bool, int]:
    """The precedence of an entry."""
    return precedence(entry.created, entry.deprecated is not None, entry.entry_id)


@dataclass(frozen=True, slots=True)
class Claim(Generic[T]):
    """An entry among others about one image by one address.

    Args:
        key_digest: of the key that signed it.
        trusted: the rank of the newest entry of that key whose certificate the site trusts for the
            address: mostly its own. None where there is none.
    """

    entry: T
    rank: Rank
    key_digest: str
    trusted: Rank | None


def make_claim(
    entry: T, created: datetime, deprecated: bool, entry_id: str, key_digest: str, trusted: bool
) -> Claim[T]:
    """The claim of an entry by itself, from what ranks it.

    Args:
        trusted: the site trusts its certificate for the address.
    """
    place = precedence(created, deprecated, entry_id)
    return Claim(entry, place, key_digest, place if trusted else None)


def claim_of(entry: S) -> Claim[S]:
    """An entry as a claim."""
    deprecated = entry.deprecated is not None
    return make_claim(entry, entry.created, deprecated, entry.entry_id, entry.key_digest, entry.trusted)


def unsuperseded(claims: Iterable[Claim[T]]) -> list[Claim[T]]:
    """The current ones of some claims, newest first: of each key the newest, if no trusted one is newer."""
    newest: dict[str, Claim[T]] = {}
    trusted: Rank | None = None
    for claim in claims:
        known = newest.get(claim.key_digest)
        if known is None or known.rank < claim.rank:
            newest[claim.key_digest] = claim
        if claim.trusted is not None and (trusted is None or trusted < claim.trusted):
            trusted = claim.trusted
    found = [claim for claim in newest.values() if trusted is None or claim.rank >= trusted]
    return sorted(found, key=lambda claim: claim.rank, reverse=True)


def preferred(claims: Iterable[Claim[T]]) -> T | None:
    """The one to name where only one can be: the newest of the key that the site trusts, else the newest."""
    found = list(claims)
    vouched = [claim for claim in found if claim.trusted is not None]
    if vouched:
        key = max(vouched, key=lambda claim: claim.trusted or claim.rank).key_digest
        found = [claim for claim in found if claim.key_digest == key]
    best = max(found, key=lambda claim: claim.rank, default=None)
    return None if best is None else best.entry


def current(entries: Iterable[S]) -> dict[tuple[str, str], list[S]]:
    """The current entries for each (identifier, endorser's e-mail), newest first; mostly one."""
    series: defaultdict[tuple[str, str], list[Claim[S]]] = defaultdict(list)
    for entry in entries:
        series[entry.identifier, entry.email].append(claim_of(entry))
    return {pair: [claim.entry for claim in unsuperseded(claims)] for pair, claims in series.items()}


def timeline(entries: Iterable[S], identifier: str) -> list[S]:
    """Every entry about an image by every endorser, oldest first."""
    return sorted((entry for entry in entries if entry.identifier == identifier), key=rank)


def tag_target(entries: Iterable[S], email: str, tag: str) -> S | None:
    """What e-mail + tag names: of the address's current entries with the tag that are no deprecations."""
    return preferred(
        claim_of(entry)
        for found in current(entries).values()
        for entry in found
        if entry.email == email and entry.deprecated is None and tag in entry.tags
    )


def preferred_at(entries: Iterable[S]) -> S | None:
    """What is shown of entries with the same coordinates."""
    return preferred(map(claim_of, entries))


def conflicting(entries: Iterable[DatedStatement]) -> set[str]:
    """The ids of entries beside which another statement has the same coordinates.

    The same content under the same key is one statement, however many ids it has: a
    certificate that an authority issued can be altered by anybody, and so can an ECDSA
    signature on it. That is nothing its endorser did.
    """
    places: defaultdict[tuple[str, str, datetime], list[DatedStatement]] = defaultdict(list)
    for entry in entries:
        places[entry.identifier, entry.email, entry.created].append(entry)
    return {
        one.entry_id
        for group in places.values()
        if len({one.statement for one in group}) > 1
        for one in group
    }


def hides(other: type[Current]) -> ColumnElement[bool]:
    """Whether a row of ``current`` keeps another one of the same image and address from being current.

    ``unsuperseded`` says the same of claims. Of one entry in several logs the row of the oldest log stays.
    """
    own = other.created, other.deprecated, other.entry_id
    trusted = other.trusted_created, other.trusted_deprecated, other.trusted_id
    repeated = and_(other.entry_key == Current.entry_key, other.log_id < Current.log_id)
    same_key = and_(other.key_digest == Current.key_digest, or_(_is_newer(*own), repeated))
    return or_(same_key, _is_newer(*trusted))


def _is_newer(created: Any, deprecated: Any, entry_id: Any) -> ColumnElement[bool]:
    """Whether columns of another row of ``current`` have more precedence than a row; as ``precedence``."""
    ties = or_(
        and_(deprecated, ~Current.deprecated),
        and_(deprecated == Current.deprecated, entry_id < Current.entry_id),
    )
    return or_(created > Current.created, and_(created == Current.created, ties))
