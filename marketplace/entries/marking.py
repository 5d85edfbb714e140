"""Marks of trust in statements."""

from __future__ import annotations

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from marketplace.entries.standing import DISTANCES, FARTHEST, STANDINGS, TrustMark
from marketplace.entries.visibility import Scope
from marketplace.models import Certificate, Change, ConfirmedEndorser, Entry, EntryBody, Twin, Verdict
from validators.document import Strength

#: Made once: building aliases costs more than running the statements they are in.
_OWN, _TWIN = aliased(Twin), aliased(Twin)
_ENTRY, _CHANGE, _BODY, _VERDICT = (
    aliased(Entry),
    aliased(Change),
    aliased(EntryBody),
    aliased(Verdict),
)

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


def marked(marks: frozenset[TrustMark], scope: Scope) -> Select[tuple[int]]:
    """Entries of a scope with one of some marks, by key; ``StoredVerdict.marks`` says the same of a row."""
    standings = sorted(mark.value for mark in marks if mark in STANDINGS)
    found: list[ColumnElement[bool]] = [Verdict.standing.in_(standings)] if standings else []
    chained = Verdict.standing == TrustMark.CHAINED.value
    if TrustMark.LISTED in marks:
        found.append(and_(chained, Verdict.listed))
    if TrustMark.TRUSTED in marks:
        found.append(and_(chained, _is_sound(Entry, EntryBody, Verdict)))
    if TrustMark.CONFIRMED in marks:
        found.append(and_(Verdict.certificate_id.is_not(None), is_confirmed()))
    if TrustMark.UNJUDGED in marks:
        found.append(Verdict.certificate_id.is_(None))
    return (
        select(Entry.id)
        .join(Change, Change.entry_key == Entry.id)
        .join(EntryBody, EntryBody.id == Change.body_id)
        .outerjoin(Verdict, Verdict.certificate_id == Entry.certificate_id)
        .where(scope.serves(), or_(*found))
    )


def vouching(entry_key: _Key, log_id: _Key, within: type[Twin]) -> ScalarSelect[int]:
    """The entry of a log that counts among those that say the same; null where no other says it.

    ``standing.distance`` is the same order.

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


def _is_sound(entry: type[Entry], body: type[EntryBody], verdict: type[Verdict]) -> ColumnElement[bool]:
    in_date = and_(verdict.begins <= entry.created, entry.created <= verdict.ends)
    return and_(in_date, or_(verdict.takes_legacy, body.strength == Strength.STRONG.value))
