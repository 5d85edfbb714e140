"""Asking the door about an entry without letting it in."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from marketplace.ingest.batch import Batch, Source
from marketplace.ingest.gate import UploadPolicy
from validators.document import AcceptedEntry


def rehearse(
    session: Session, entry: AcceptedEntry, log: str, policy: UploadPolicy, now: datetime
) -> Literal["created", "unchanged"]:
    """What an upload would come to in this transaction, of which nothing stays.

    Raises:
        AudienceError, GateError, ConflictError, LogNotFoundError: what the upload would be told.
    """
    batch = Batch(session, policy, now)
    batch.lock([entry])
    savepoint = batch.savepoint()
    try:
        return batch.add(entry, log, Source.UPLOAD).outcome
    finally:
        savepoint.rollback()
