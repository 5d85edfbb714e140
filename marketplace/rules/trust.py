"""How the site stands to an entry: what its certificate's stored verdict makes of it, also in statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from marketplace.facets import TrustMark
from marketplace.models import Certificate, ChangeRow, ConfirmedEndorser, Entry, EntryBody, Twin, VerdictRow
from marketplace.models.aliases import shared_alias
from validators.document import Strength
from validators.verdict import Standing

_Moment = TypeVar("_Moment", datetime, int)


class ListedTrust(StrEnum):
    """What a site's listings show where nobody asks for anything else."""

    ANY = "any"
    UNREVOKED = "unrevoked"
    CHAINED = "chained"
    LISTED = "listed"
    TRUSTED = "trusted"


#: Marks of which every entry has exactly one.
STANDINGS = tuple(
    mark for mark in TrustMark if mark not in (TrustMark.TRUSTED, TrustMark.LISTED, TrustMark.CONFIRMED)
)
#: Marks of which an entry has one, to be shown; none where all are.
LISTED_MARKS: Mapping[ListedTrust, tuple[TrustMark, ...]] = {
    ListedTrust.ANY: (),
    ListedTrust.UNREVOKED: tuple(mark for mark in STANDINGS if mark is not TrustMark.REVOKED),
    ListedTrust.CHAINED: (TrustMark.CHAINED,),
    ListedTrust.LISTED: (TrustMark.LISTED,),
    ListedTrust.TRUSTED: (TrustMark.TRUSTED,),
}


def trust_marks(standing: str | None, *, listed: bool, sound: bool, confirmed: bool) -> tuple[TrustMark, ...]:
    """The marks of an entry.

    Args:
        standing: of its certificate; None where it is not judged yet.
        listed: its certificate's subject is on the allow-list.
        sound: its certificate was in date when it was made, and its signature is good enough.
        confirmed: the endorser's address was confirmed by mail for it, as far as all may know.
    """
    if standing is None:
        return (TrustMark.UNJUDGED,)
    found = [TrustMark(standing)]
    if standing == Standing.CHAINED.value:
        found += [TrustMark.LISTED] if listed else []
        found += [TrustMark.TRUSTED] if sound else []
    found += [TrustMark.CONFIRMED] if confirmed else []
    return tuple(found)


def is_sound(begins: _Moment, ends: _Moment, created: _Moment, *, good_signature: bool) -> bool:
    """Whether an entry was made while every certificate was in date, and is signed well enough."""
    return good_signature and begins <= created <= ends


def speaks_for(standing: str | None, *, bound: bool, confirmed: bool) -> bool:
    """Whether the site trusts a certificate for an address: then its entries supersede those of other keys.

    Args:
        standing: of the certificate; None where it is not judged yet.
        bound: the certificate holds the address.
        confirmed: whoever reads the address's mail agreed to the certificate, as far as all may know.
    """
    if standing == Standing.REVOKED.value:
        return False
    return confirmed or (bound and standing == Standing.CHAINED.value)


#: From what a site stands closest to. What it knows to be revoked is not made unknown by another certificate.
_CLOSENESS = (
    Standing.CHAINED,
    Standing.REVOKED,
    Standing.REVOCATION_UNKNOWN,
    Standing.SELF_SIGNED,
    Standing.UNTRUSTED_ISSUER,
)
#: How far a site stands from a certificate, by its standing; what nobody has looked at is farthest.
DISTANCES = {standing.value: distance for distance, standing in enumerate(_CLOSENESS)}
FARTHEST = len(DISTANCES)


def distance(standing: str | None, *, sound: bool, confirmed: bool) -> tuple[int, bool, bool]:
    """Least for the certificate that counts, where several came with one statement."""
    return DISTANCES.get(standing or "", FARTHEST), not sound, not confirmed


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """The verdict on an entry's certificate, as it is stored.

    Args:
        anchor: name of the anchor it is chained to.
        takes_legacy: the site lets legacy signatures count.
        begins, ends: when every certificate of the path is in date.
        revoked_since: where it is revoked; ``revoked_name`` is whose certificate that is.
        judged_at: when that was found.
    """

    standing: Standing
    anchor: str | None
    pinned: bool
    listed: bool
    takes_legacy: bool
    begins: datetime
    ends: datetime
    revoked_since: datetime | None
    revoked_name: str | None
    revoked_reason: str | None
    judged_at: datetime

    def covers(self, moment: datetime) -> bool:
        """Whether every certificate of the path is in date at a moment."""
        return self.begins <= moment <= self.ends

    def marks(self, created: datetime, strength: Strength, *, confirmed: bool) -> tuple[TrustMark, ...]:
        """The marks of an entry that this certificate signed."""
        good = strength is Strength.STRONG or self.takes_legacy
        sound = is_sound(self.begins, self.ends, created, good_signature=good)
        return trust_marks(self.standing.value, listed=self.listed, sound=sound, confirmed=confirmed)


_OWN, _TWIN = shared_alias(Twin), shared_alias(Twin)
_ENTRY, _CHANGE = shared_alias(Entry), shared_alias(ChangeRow)
_BODY, _VERDICT = shared_alias(EntryBody), shared_alias(VerdictRow)

_Key = ColumnElement[int] | InstrumentedAttribute[int] | ScalarSelect[int]


def is_confirmed(entry: type[Entry] = Entry) -> ColumnElement[bool]:
    """Whether the endorser of a row of ``entry`` confirmed its certificate, as far as all may know."""
    return (
        select(ConfirmedEndorser.email)
        .join(Certificate, Certificate.fingerprint == ConfirmedEndorser.fingerprint)
        .where(
            Certificate.id == entry.certificate_id,
            ConfirmedEndorser.email == entry.email,
            ConfirmedEndorser.public_at.is_not(None),
        )
        .correlate(entry)
        .exists()
    )


def is_trusted() -> ColumnElement[bool]:
    """``speaks_for`` of entries with their certificates and, by an outer join, the verdicts on them."""
    bound = and_(Certificate.email == Entry.email, VerdictRow.standing == Standing.CHAINED.value)
    unrevoked = func.coalesce(VerdictRow.standing, "") != Standing.REVOKED.value
    return or_(func.coalesce(bound, false()), and_(is_confirmed(), unrevoked))


def vouching(entry_key: _Key, log_id: _Key, within: type[Twin]) -> ScalarSelect[int]:
    """The entry of a log that counts among those that say the same; null where no other says it.

    ``distance`` is the same order.

    Args:
        entry_key, log_id: of which entry and log; columns of ``within``.
    """
    distance = case(DISTANCES, value=_VERDICT.standing, else_=FARTHEST)
    unsound = case((_is_sound(_ENTRY, _BODY, _VERDICT), 0), else_=1)
    unconfirmed = case((is_confirmed(_ENTRY), 0), else_=1)
    return (
        select(_TWIN.entry_key)
        .select_from(_OWN)
        .join(_TWIN, _TWIN.statement == _OWN.statement)
        .join(_ENTRY, _ENTRY.id == _TWIN.entry_key)
        .join(_CHANGE, and_(_CHANGE.entry_key == _ENTRY.id, _CHANGE.log_id == log_id, _CHANGE.shown))
        .join(_BODY, _BODY.id == _CHANGE.body_id)
        .outerjoin(_VERDICT, _VERDICT.certificate_id == _ENTRY.certificate_id)
        .where(_OWN.entry_key == entry_key)
        .order_by(distance, unsound, unconfirmed, _ENTRY.entry_id)
        .limit(1)
        .correlate(within)
        .scalar_subquery()
    )


def _is_sound(entry: type[Entry], body: type[EntryBody], verdict: type[VerdictRow]) -> ColumnElement[bool]:
    in_date = and_(verdict.begins <= entry.created, entry.created <= verdict.ends)
    return and_(in_date, or_(verdict.takes_legacy, body.strength == Strength.STRONG.value))
