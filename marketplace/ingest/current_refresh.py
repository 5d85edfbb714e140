"""Keeps what is current in step with the verdicts on certificates.

A verdict decides whose entries supersede whose, but only where several keys speak about one
image for one address. Those images are worked out anew, and each log notes them as renewals,
so that whatever follows it looks at these again and at nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, literal, or_, select, tuple_, update
from sqlalchemy.orm import Session

from marketplace.db import Database
from marketplace.entries.erased import find_erasures
from marketplace.ingest.current_rows import renew
from marketplace.ingest.incoming import Image
from marketplace.ingest.locks import lock_names, series_name
from marketplace.ingest.renewals import note_renewals
from marketplace.models import ChangeRow, Current, Entry, TrustState, VerdictRow
from marketplace.rules.trust import is_confirmed

#: Images worked out in one transaction.
_CHUNK = 100


class CurrentRefresh:
    """Makes current what the verdicts of now make so. Safe to call from several threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def refresh(self) -> int:
        """Take in what changed about verdicts and confirmations since this was called last.

        Returns:
            how many images of how many logs were looked at, added up.

        Raises:
            SQLAlchemyError: the database cannot be read or written; what is left is done the next time.
        """
        with self._database.read() as session:
            state = session.execute(select(TrustState.revision, TrustState.followed)).one_or_none()
        if state is None or state.followed >= state.revision:
            return 0
        looked, last = 0, ("", "")
        while True:
            with self._database.write() as session:
                images = _contested(session, state.followed, last)
                looked += _settle(session, images, state.followed)
                if len(images) < _CHUNK:
                    session.execute(
                        update(TrustState)
                        .where(TrustState.followed < state.revision)
                        .values(followed=state.revision)
                    )
                    return looked
            last = images[-1]


def _is_changed(since: int) -> ColumnElement[bool]:
    """Whether a certificate has another verdict now, or none yet and was confirmed."""
    return or_(VerdictRow.revision > since, and_(VerdictRow.certificate_id.is_(None), is_confirmed()))


def _contested(session: Session, since: int, last: Image) -> Sequence[Image]:
    """Some images that several keys speak about, one of whose certificates has another verdict now."""
    rows = session.execute(
        select(Current.identifier, Current.email)
        .join(Entry, (Entry.identifier == Current.identifier) & (Entry.email == Current.email))
        .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
        .where(
            Current.contested,
            _is_changed(since),
            tuple_(Current.identifier, Current.email) > tuple_(literal(last[0]), literal(last[1])),
        )
        .distinct()
        .order_by(Current.identifier, Current.email)
        .limit(_CHUNK)
    )
    return [(identifier, email) for identifier, email in rows]


def _concerned(session: Session, images: Sequence[Image], since: int) -> set[tuple[int, Image]]:
    """The logs that hold entries of these certificates: to others nothing must tell that they exist."""
    rows = session.execute(
        select(ChangeRow.log_id, Entry.identifier, Entry.email)
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
        .where(tuple_(Entry.identifier, Entry.email).in_(images), _is_changed(since))
        .distinct()
    )
    return {(log_id, (identifier, email)) for log_id, identifier, email in rows}


def _settle(session: Session, images: Sequence[Image], since: int) -> int:
    if not images:
        return 0
    connection = session.connection()
    lock_names(connection, [series_name(*image) for image in images])
    touched: defaultdict[int, list[Image]] = defaultdict(list)
    concerned = _concerned(session, images, since)
    for log_id, image in renew(connection, find_erasures(session), images):
        if (log_id, image) in concerned:
            touched[log_id].append(image)
    for log_id in sorted(touched):
        note_renewals(session, log_id, touched[log_id])
    return sum(map(len, touched.values()))
