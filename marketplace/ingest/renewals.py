"""Notes the images of which a log shows or lists other entries than before, though it has no new row.

Followers of the log look at these images again, and at nothing else; see ``changes.RenewedFollower``.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from marketplace.ingest.incoming import Image
from marketplace.models import Log, RenewalRow
from marketplace.models.log import RENEWALS_KEPT


def note_renewals(session: Session, log_id: int, images: Sequence[Image]) -> None:
    """Note images as renewals of a log. Call it late: from here to the commit the log is locked.

    Args:
        images: each once. Of more than are kept all are counted, so that every follower starts again.
    """
    if not images:
        return
    end = session.scalars(
        update(Log)
        .where(Log.id == log_id)
        .values(renewals=Log.renewals + len(images))
        .returning(Log.renewals)
        .execution_options(synchronize_session=False)
    ).one()
    kept = images[-RENEWALS_KEPT:]
    session.execute(
        insert(RenewalRow),
        [
            {"log_id": log_id, "number": number, "identifier": identifier, "email": email}
            for number, (identifier, email) in zip(range(end - len(kept), end), kept, strict=True)
        ],
    )
    session.execute(
        delete(RenewalRow).where(RenewalRow.log_id == log_id, RenewalRow.number < end - RENEWALS_KEPT)
    )
