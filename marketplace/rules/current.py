"""Which entries are current, and which one a tag or a place names: functions of a set of entries.

Anybody can write somebody's address into a certificate of his own. So an entry takes the
place of an older one about the same image by the same address only if both were signed
with the same key, or if the site trusts the newer one's certificate for the address
(``rules/trust.py``). Otherwise both are current, side by side.

The tables that lists read, the catalogue and the triple store hold what these functions say of a set of
entries, in whatever order those arrived. ``tests/entry_rules.py`` spells that out, and tests hold each store
against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select

from marketplace.models import Certificate, Current, Entry, VerdictRow
from marketplace.rules.trust import is_trusted
from validators.document import Coordinates

T = TypeVar("T")

#: Creation time (a datetime, or seconds), whether it is a deprecation, and the negative entry id.
Rank = tuple[Any, bool, int]


def precedence(created: datetime, deprecated: bool, entry_id: str) -> tuple[datetime, bool, int]:
    """A key whose greatest value is the newest entry.

    The later creation time wins. Two statements with one creation time are an
    equivocation: the deprecation wins, because showing a withdrawn image harms
    more than hiding a good one; else the smaller id, because it is the same everywhere.
    """
    return created, deprecated, -int(entry_id, 16)


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


#: Rows for ``to_ranked``: whoever executes it says of which entries.
SELECT_RANKED: Final[Select[Any]] = (
    select(
        Entry.id,
        Entry.entry_id,
        Entry.identifier,
        Entry.email,
        Entry.created,
        Entry.deprecated.is_not(None),
        Certificate.key_digest,
        is_trusted(),
    )
    .join(Certificate, Certificate.id == Entry.certificate_id)
    .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
)


@dataclass(frozen=True, slots=True)
class RankedEntry:
    """An entry without its bytes.

    Args:
        trusted: the site trusts its certificate for the address.
    """

    key: int
    entry_id: str
    coordinates: Coordinates
    deprecated: bool
    key_digest: str
    trusted: bool

    @property
    def created(self) -> datetime:
        """When it says that it was made."""
        return self.coordinates.created

    def claim(self) -> Claim[RankedEntry]:
        """This entry as a claim to be current."""
        return make_claim(self, self.created, self.deprecated, self.entry_id, self.key_digest, self.trusted)


def to_ranked(rows: Iterable[Row[Any]]) -> Iterator[RankedEntry]:
    """The entries of rows of ``SELECT_RANKED``."""
    for key, entry_id, identifier, email, created, deprecated, key_digest, trusted in rows:
        yield RankedEntry(
            key=key,
            entry_id=entry_id,
            coordinates=Coordinates(identifier, email, created),
            deprecated=deprecated,
            key_digest=key_digest,
            trusted=trusted,
        )


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
