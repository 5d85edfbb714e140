"""Follows every log and notes the coordinates at which more than one thing was said."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import and_, delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from marketplace.changes import Change, ChangeLog
from marketplace.db import Database
from marketplace.events import Happening, Kind, record
from marketplace.models import ChangeRow, ConflictCoordinates, Entry
from validators.document import Coordinates

_logger = logging.getLogger(__name__)

#: Is told of places that are new, in the transaction that notes them.
ConflictsReceiver = Callable[[Session, str, Sequence[Coordinates]], None]


class ConflictFollower:
    """Keeps the table of places, which can be thrown away and made again from the logs.

    Args:
        clock: returns the time, aware.
        tell: called with a session, the log and the places that were not known before.
    """

    name = "conflicts"

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        tell: ConflictsReceiver = lambda session, log, places: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._tell = tell

    def apply(self, session: Session, log: str, changes: Sequence[Change]) -> None:
        """Note the places of these entries where something else was said, in whatever log."""
        places = _contradicted(session, [change.entry_key for change in changes])
        if not places:
            return
        with self._database.write() as writing:
            new = [place for place in places if self._note(writing, place)]
            if new:
                _logger.warning("entries contradict each other", extra={"log": log, "places": len(new)})
                self._tell(writing, log, new)
                record(writing, _events(writing, log, new, self._clock()))

    def reset(self) -> None:
        """Forget every place."""
        with self._database.write() as writing:
            writing.execute(delete(ConflictCoordinates))

    def _note(self, session: Session, coordinates: Coordinates) -> bool:
        row = {
            "identifier": coordinates.identifier,
            "email": coordinates.email,
            "created": coordinates.created,
        }
        known = session.scalar(select(ConflictCoordinates.noticed_at).filter_by(**row))
        if known is not None:
            return False
        try:
            with session.begin_nested():
                session.execute(insert(ConflictCoordinates).values(**row, noticed_at=self._clock()))
        except IntegrityError:  # another process follows the same log and was quicker
            return False
        return True


def _events(session: Session, log: str, coordinates: Sequence[Coordinates], now: datetime) -> list[Happening]:
    """New places as events, each about the newest entry there."""
    log_id = ChangeLog(session).key(log)
    found = []
    for place in coordinates:
        entry_key = session.scalar(
            select(func.max(Entry.id))
            .join(ChangeRow, ChangeRow.entry_key == Entry.id)
            .where(
                ChangeRow.log_id == log_id,
                Entry.identifier == place.identifier,
                Entry.email == place.email,
                Entry.created == place.created,
            )
        )
        found.append(Happening(Kind.CONFLICT, log_id, now, entry_key))
    return found


def _contradicted(session: Session, keys: Sequence[int]) -> list[Coordinates]:
    other = aliased(Entry)
    found = session.execute(
        select(Entry.identifier, Entry.email, Entry.created)
        .join(
            other,
            and_(
                other.identifier == Entry.identifier,
                other.email == Entry.email,
                other.created == Entry.created,
                other.statement != Entry.statement,
            ),
        )
        .where(Entry.id.in_(keys))
        .distinct()
    )
    return sorted((Coordinates(**row._mapping) for row in found), key=Coordinates.path)
