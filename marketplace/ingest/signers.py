"""Whether the site trusts who signed an upload, by what the database keeps of certificates."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from marketplace.ingest.gate import UploadPolicy
from marketplace.models import Certificate, ConfirmedEndorser, VerdictRow
from marketplace.rules.trust import speaks_for
from validators.document import AcceptedEntry

_STANDING = select(
    select(VerdictRow.standing)
    .join(Certificate, Certificate.id == VerdictRow.certificate_id)
    .where(Certificate.fingerprint == bindparam("fingerprint"))
    .scalar_subquery(),
    select(ConfirmedEndorser.email)
    .where(
        ConfirmedEndorser.fingerprint == bindparam("fingerprint"),
        ConfirmedEndorser.email == bindparam("email"),
        ConfirmedEndorser.public_at.is_not(None),
    )
    .exists(),
)


def is_trusted_signer(session: Session, entry: AcceptedEntry, policy: UploadPolicy, now: datetime) -> bool:
    """Whether the site trusts the certificate of an entry that is not stored yet for its address."""
    stored, confirmed = session.execute(
        _STANDING, {"fingerprint": entry.signer.fingerprint, "email": entry.endorser.email}
    ).one()
    standing = stored
    if standing is None and policy.judge is not None:
        standing = policy.judge(entry.signer, now).standing.value
    return speaks_for(standing, bound=entry.signer.email is not None, confirmed=confirmed)
