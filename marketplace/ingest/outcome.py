"""What an upload would come to, found in a transaction that is rolled back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from marketplace.ingest.batch import Batch
from marketplace.ingest.gate import UploadPolicy
from marketplace.ingest.items import Item
from validators.document import AcceptedEntry


def predict_outcome(
    session: Session, entry: AcceptedEntry, log: str, policy: UploadPolicy, now: datetime
) -> Literal["created", "unchanged"]:
    """What an upload would come to in this transaction, of which nothing stays.

    Raises:
        AudienceError, GateError, ConflictError, LogNotFoundError: what the upload would be told.
    """
    savepoint = session.connection().begin_nested()
    try:
        (outcome,) = Batch(session, policy, now).take([Item(entry, log)])
    finally:
        savepoint.rollback()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome.outcome
