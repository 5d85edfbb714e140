"""Secret links in mail: 128 random bits, of which only a digest is kept."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from marketplace.mail.letter import LinkPurpose
from marketplace.models import MailLink

_SHAPE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

#: How long a link can be of use. An upload's link ends with the upload, which is sooner.
LIFETIMES = {
    LinkPurpose.UPLOAD: timedelta(days=100),
    LinkPurpose.SUBSCRIBE: timedelta(days=2),
    LinkPurpose.STOP: timedelta(days=400),
}


@dataclass(frozen=True, slots=True)
class FoundLink:
    """What a link allows, to whoever reads the address's mail."""

    purpose: LinkPurpose
    address: str
    pending_id: int | None


class Links:
    """The links as one transaction sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def issue(self, purpose: LinkPurpose, address: str, pending_id: int | None, now: datetime) -> UUID:
        """Make a secret and keep its digest; nothing else can show the secret again."""
        secret = UUID(bytes=secrets.token_bytes(16))
        self._session.execute(
            insert(MailLink).values(
                digest=_digest(secret),
                purpose=purpose.value,
                address=address,
                pending_id=pending_id,
                expires_at=now + LIFETIMES[purpose],
            )
        )
        return secret

    def find(self, secret: str, now: datetime) -> FoundLink | None:
        """What a link allows; None for anything that is no link of ours, or not any more."""
        if _SHAPE.fullmatch(secret) is None:
            return None
        row = self._session.execute(
            select(MailLink.purpose, MailLink.address, MailLink.pending_id).where(
                MailLink.digest == _digest(UUID(secret)), MailLink.expires_at > now
            )
        ).one_or_none()
        return None if row is None else FoundLink(LinkPurpose(row.purpose), row.address, row.pending_id)

    def revoke(self, purpose: LinkPurpose, address: str) -> None:
        """End every link of an address for a purpose."""
        self._session.execute(
            delete(MailLink).where(MailLink.purpose == purpose.value, MailLink.address == address)
        )

    def forget_expired(self, now: datetime) -> None:
        """Remove what is of no use any more."""
        self._session.execute(delete(MailLink).where(MailLink.expires_at <= now))


def _digest(secret: UUID) -> str:
    return hashlib.sha256(secret.bytes).hexdigest()
