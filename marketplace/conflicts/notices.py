"""Mail about contradictions: to the operators, and to endorsers whom this site has reason to know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.access.principal import ANONYMOUS
from marketplace.changes import PUBLIC
from marketplace.config.mail import is_address
from marketplace.entries import VisibleEntries
from marketplace.entries.conflicts import Conflict, ConflictKind
from marketplace.mail import Outbox
from marketplace.models import Certificate, ConfirmedEndorser, VerdictRow
from validators.document import Coordinates

#: Places named in one mail; the page has all of them.
MOST_NAMED = 20
#: Endorsers told of one batch of the log: nobody sends thousands of mails by way of this site.
MOST_TOLD = 50

_EQUIVOCATION = "One key signed different statements with one creation time."
_CONTESTED = "Each statement has a different key: somebody else may have put the address into a certificate."


@dataclass(frozen=True, slots=True)
class ConflictNotices:
    """Owes mail about places of the public log, at most one a day to each address.

    A peer can send entries with anybody's address. So an endorser is told only where one of
    the certificates is vouched for by an anchor of this site, or was confirmed by mail; else the
    site could be made to send mail to strangers.

    Args:
        operators: addresses.
        site_url: for the link to the page.
        clock: returns the time, aware.
    """

    operators: Sequence[str]
    site_url: str
    clock: Callable[[], datetime]

    def __call__(self, session: Session, log: str, coordinates: Sequence[Coordinates]) -> None:
        """Owe the mail for places that are new in a log; part of the caller's transaction."""
        if log != PUBLIC:
            return  # its members see it on the page, and nobody else may hear of it
        visible = VisibleEntries(session, ANONYMOUS)
        found = [conflict for place in coordinates if (conflict := visible.conflict(place)) is not None]
        if not found:
            return
        now = self.clock()
        for operator in self.operators:
            self._post(session, operator, "Conflicting entries", found, now)
        by_email: dict[str, list[Conflict]] = {}
        for conflict in found:
            by_email.setdefault(conflict.coordinates.email, []).append(conflict)
        for email in sorted(_believed(session, found))[:MOST_TOLD]:
            self._post(session, email, "Conflicting entries in your name", by_email[email], now)

    def _post(
        self, session: Session, to: str, subject: str, found: Sequence[Conflict], now: datetime
    ) -> None:
        if not is_address(to):
            return
        listed = "\n\n".join(map(self._describe, found[:MOST_NAMED]))
        more = f"\n\nand {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        body = (
            "Entries with the same coordinates (image, address, creation time) have different content:\n\n"
            f"{listed}{more}\n\n"
            "All are kept and marked. If one of them deprecates the image, readers see that one.\n"
            "If you signed all of them, sign a new entry with a later time and the right content. If you\n"
            "did not, somebody uses your address or your key: have the certificate revoked and inform the\n"
            "operators.\n\n"
            f"All of them: {self.site_url}/conflicts\n"
        )
        Outbox(session).enqueue(to, subject, body, f"conflicts {now:%Y-%m-%d} {to}", now=now)

    def _describe(self, conflict: Conflict) -> str:
        why = _EQUIVOCATION if conflict.kind is ConflictKind.EQUIVOCATION else _CONTESTED
        return f"{self.site_url}/metadata/{conflict.coordinates.path()}\n  {why}"


def _believed(session: Session, found: Iterable[Conflict]) -> set[str]:
    """The addresses of conflicts in which this site has reason to believe one of the certificates."""
    signers = {said.fingerprint: one.coordinates.email for one in found for said in one.entries}
    chained = session.scalars(
        select(Certificate.fingerprint)
        .join(VerdictRow, VerdictRow.certificate_id == Certificate.id)
        .where(Certificate.fingerprint.in_(signers), VerdictRow.standing == "chained")
    )
    confirmed = session.execute(
        select(ConfirmedEndorser.fingerprint, ConfirmedEndorser.email).where(
            ConfirmedEndorser.fingerprint.in_(signers)
        )
    )
    believed = {signers[one] for one in chained}
    return believed | {email for fingerprint, email in confirmed if signers[fingerprint] == email}
