"""What operators do with uploads that wait, by whatever way, with the record of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from marketplace.audit import AuditLog
from marketplace.config import Settings
from marketplace.confirmation.errors import UploadUnknownError
from marketplace.confirmation.pending import PendingUploads
from marketplace.confirmation.service import release as release_upload


def drop(session: Session, number: int, *, by: str, at: datetime) -> None:
    """Forget an upload. Of a frozen one the certificate may upload again.

    Raises:
        UploadUnknownError: there is none of that number.
    """
    if not PendingUploads(session).drop([number]):
        raise UploadUnknownError(number)
    AuditLog(session).record(by, "pending.drop", str(number), at=at)


def release(session: Session, number: int, settings: Settings, *, by: str, at: datetime) -> None:
    """Let a frozen upload wait again, and ask its endorser by a new mail.

    Raises:
        UploadUnknownError: there is no frozen one of that number.
    """
    if not release_upload(session, number, settings, at):
        raise UploadUnknownError(number)
    AuditLog(session).record(by, "pending.release", str(number), at=at)
