"""The certificates an endorser signed with, as far as a reader sees what they signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace.entries.query import can_occur
from marketplace.entries.rows import VERDICT_COLUMNS, to_verdict
from marketplace.models import Certificate, ChangeRow, Entry, VerdictChange, VerdictRow
from marketplace.rules.trust import StoredVerdict
from marketplace.rules.visibility import VisibleLogs

#: Certificates told of one endorser, the latest used; anybody may claim an address under any number.
MOST = 100
#: How long a certificate counts as new.
NEW = timedelta(days=30)


class Succession(StrEnum):
    """How a certificate follows the ones an address was used with before."""

    #: The same name, certified by the same issuer.
    RENEWED = "renewed"
    #: The same name, and somebody else says so, which may be its holder itself.
    OTHER_ISSUER = "other-issuer"
    OTHER_NAME = "other-name"


@dataclass(frozen=True, slots=True)
class CertificateUse:
    """A certificate and what it was used for under an address.

    Args:
        email: the address that the certificate binds; None where the address is only claimed.
        first: the earliest creation time its entries name.
        latest: the last one.
        first_seen_at: when this site first took an entry in that it signed.
        succession: how it follows the ones that were seen before; None for the first.
        is_new: it follows others, and was first seen lately.
    """

    key: int
    fingerprint: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    email: str | None
    entries: int
    first: datetime
    latest: datetime
    first_seen_at: datetime
    verdict: StoredVerdict | None
    succession: Succession | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class EndorserChange:
    """Something that changed about an endorser.

    Args:
        before: the standing before; None where the certificate was seen for the first time.
        after: the standing after, or the succession.
    """

    at: datetime
    fingerprint: str
    before: str | None
    after: str


def find_certificates(
    session: Session, scope: VisibleLogs, email: str, now: datetime
) -> list[CertificateUse]:
    """What an address was used with, as far as a scope shows it, the latest seen first."""
    if not can_occur(email):
        return []
    used = (
        select(
            Entry.certificate_id.label("key"),
            func.min(Entry.subject).label("subject"),
            func.min(Entry.issuer).label("issuer"),
            func.count().label("entries"),
            func.min(Entry.created).label("first"),
            func.max(Entry.created).label("latest"),
            func.min(ChangeRow.accepted_at).label("first_seen_at"),
        )
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .where(Entry.email == email, scope.serves())
        .group_by(Entry.certificate_id)
        .subquery()
    )
    own = (Certificate.fingerprint, Certificate.not_before, Certificate.not_after, Certificate.email)
    rows = session.execute(
        select(*used.c, *own, *VERDICT_COLUMNS)
        .join(Certificate, Certificate.id == used.c.key)
        .outerjoin(VerdictRow, VerdictRow.certificate_id == used.c.key)
        .order_by(used.c.first_seen_at, used.c.first, Certificate.fingerprint)
    )
    names = [column.key for column in (*used.c, *own)]
    found = [
        CertificateUse(**dict(zip(names, row, strict=False)), verdict=to_verdict(row[len(names) :]))
        for row in rows
    ]
    return list(_followed(found, now))[::-1]


def find_changes(session: Session, certificates: Sequence[CertificateUse]) -> list[EndorserChange]:
    """What changed about certificates of ``find_certificates`` since its reader could know, newest first."""
    known = {one.key: one for one in certificates[:MOST]}
    found = [
        EndorserChange(one.first_seen_at, one.fingerprint, None, one.succession.value)
        for one in known.values()
        if one.succession is not None
    ]
    rows = session.execute(
        select(
            VerdictChange.certificate_id, VerdictChange.changed_at, VerdictChange.before, VerdictChange.after
        ).where(VerdictChange.certificate_id.in_(known), VerdictChange.before.is_not(None))
    )
    for key, at, before, after in rows:
        # What was judged before tells of entries that this reader may know nothing of.
        if at >= known[key].first_seen_at:
            found.append(EndorserChange(at, known[key].fingerprint, before, after))
    return sorted(found, key=lambda one: (one.at, one.fingerprint), reverse=True)


def _followed(found: Sequence[CertificateUse], now: datetime) -> Iterator[CertificateUse]:
    names: set[str] = set()
    certified: set[tuple[str, str]] = set()
    for one in found:
        succession = None
        if names:
            succession = Succession.OTHER_ISSUER if one.subject in names else Succession.OTHER_NAME
            # A self-signed certificate renews nothing: anybody can make one with that name.
            if (one.subject, one.issuer) in certified and one.subject != one.issuer:
                succession = Succession.RENEWED
        is_new = succession is not None and now - one.first_seen_at < NEW
        yield replace(one, succession=succession, is_new=is_new)
        names.add(one.subject)
        certified.add((one.subject, one.issuer))
