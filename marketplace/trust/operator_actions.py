"""What operators do with trust material, by whatever way, with the record of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from marketplace.audit import AuditLog
from marketplace.trust.stored_crls import forget_lists


def forget(session: Session, file: str, *, by: str, at: datetime) -> list[Path]:
    """Let revocation lists that are gone no longer count.

    Args:
        file: their path or name.

    Returns:
        the files.
    """
    found = forget_lists(session, file)
    for path in found:
        AuditLog(session).record(by, "trust.forget", str(path), at=at)
    return found
