"""Marks of trust in statements."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, and_, or_, select

from marketplace.entries.standing import STANDINGS, TrustMark
from marketplace.entries.visibility import Scope
from marketplace.models import Certificate, Change, ConfirmedEndorser, Entry, EntryBody, Verdict
from validators.document import Strength


def is_confirmed() -> ColumnElement[bool]:
    """Whether the endorser of a row of ``entry`` confirmed its certificate, as far as all may know."""
    return (
        select(ConfirmedEndorser.email)
        .join(Certificate, Certificate.fingerprint == ConfirmedEndorser.fingerprint)
        .where(
            Certificate.id == Entry.certificate_id,
            ConfirmedEndorser.email == Entry.email,
            ConfirmedEndorser.public_at.is_not(None),
        )
        .correlate(Entry)
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
        in_date = and_(Verdict.begins <= Entry.created, Entry.created <= Verdict.ends)
        strong = EntryBody.strength == Strength.STRONG.value
        found.append(and_(chained, in_date, or_(Verdict.takes_legacy, strong)))
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
