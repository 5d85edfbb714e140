"""The certificates an endorser signed with, as far as a reader sees what they signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, func, select
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


class EndorserCertificates:
    """The certificates of the endorsers of a scope, in one transaction."""

    def __init__(self, session: Session, scope: VisibleLogs) -> None:
        self._session = session
        self._scope = scope

    def certificates(self, email: str, now: datetime) -> list[CertificateUse]:
        """What an address was used with, the latest seen first."""
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
                func.min(ChangeRow.accepted_at).label("seen"),
            )
            .join(ChangeRow, ChangeRow.entry_key == Entry.id)
            .where(Entry.email == email, self._scope.serves())
            .group_by(Entry.certificate_id)
            .subquery()
        )
        columns = {
            "key": used.c.key,
            "fingerprint": Certificate.fingerprint,
            "subject": used.c.subject,
            "issuer": used.c.issuer,
            "not_before": Certificate.not_before,
            "not_after": Certificate.not_after,
            "email": Certificate.email,
            "entries": used.c.entries,
            "first": used.c.first,
            "latest": used.c.latest,
            "first_seen_at": used.c.seen,
        }
        rows = self._session.execute(
            select(*columns.values(), *VERDICT_COLUMNS)
            .join(Certificate, Certificate.id == used.c.key)
            .outerjoin(VerdictRow, VerdictRow.certificate_id == used.c.key)
            .order_by(used.c.seen, used.c.first, Certificate.fingerprint)
        )
        found = [_use(tuple(columns), row) for row in rows]
        return list(_followed(found, now))[::-1]

    def changes(self, certificates: Sequence[CertificateUse]) -> list[EndorserChange]:
        """What changed about these certificates since this reader could know of them, newest first."""
        known = {one.key: one for one in certificates[:MOST]}
        found = [
            EndorserChange(one.first_seen_at, one.fingerprint, None, one.succession.value)
            for one in known.values()
            if one.succession is not None
        ]
        rows = self._session.execute(
            select(
                VerdictChange.certificate_id,
                VerdictChange.changed_at,
                VerdictChange.before,
                VerdictChange.after,
            ).where(VerdictChange.certificate_id.in_(known), VerdictChange.before.is_not(None))
        )
        for key, at, before, after in rows:
            # What was judged before tells of entries that this reader may know nothing of.
            if at >= known[key].first_seen_at:
                found.append(EndorserChange(at, known[key].fingerprint, before, after))
        return sorted(found, key=lambda one: (one.at, one.fingerprint), reverse=True)


def _use(names: Sequence[str], row: Row[Any]) -> CertificateUse:
    columns: Sequence[Any] = row
    known: dict[str, Any] = dict(zip(names, columns, strict=False))
    return CertificateUse(**known, verdict=to_verdict(columns[len(names) :]))


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
