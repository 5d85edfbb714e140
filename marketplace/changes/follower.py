"""Followers of the log, and how far each has come."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, Protocol, cast, runtime_checkable

from sqlalchemy import Select, Table, Update, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from marketplace.changes.log import Change, ChangeLog
from marketplace.models import FollowerCursor, Log, RenewalRow
from marketplace.models.log import RENEWALS_KEPT

# Put together once, as those of a log are: every step of a follower asks these.

_log, _cursor, _renewal = (cast("Table", one.__table__) for one in (Log, FollowerCursor, RenewalRow))
_OWN = _cursor.c.follower == bindparam("follower")
_POSITION = select(_cursor.c.position).where(_OWN, _cursor.c.log_id == bindparam("log_id"))
_OF_LOG = (
    select(_cursor.c.position)
    .join(_log, _log.c.id == _cursor.c.log_id)
    .where(_OWN, _log.c.name == bindparam("log"))
)
_LACKS_RENEWALS = _OF_LOG.where(
    or_(_cursor.c.revision != _log.c.revision, _cursor.c.renewals < _log.c.renewals)
)
_OUTDATED = _OF_LOG.where(
    _cursor.c.position > 0,
    or_(
        _cursor.c.revision != _log.c.revision,
        _log.c.renewals - _cursor.c.renewals > bindparam("kept"),
    ),
)
_BESIDE = and_(_cursor.c.log_id == _log.c.id, _OWN)
_STANDS = func.coalesce(_cursor.c.position, 0)
_RENEWALS = (
    select(_log.c.id, _log.c.renewals, func.coalesce(_cursor.c.renewals, 0), _STANDS)
    .outerjoin(_cursor, _BESIDE)
    .where(_log.c.name == bindparam("log"))
)
_IMAGES = (
    select(_renewal.c.identifier, _renewal.c.email)
    .where(
        _renewal.c.log_id == bindparam("log_id"),
        _renewal.c.number >= bindparam("start"),
        _renewal.c.number < bindparam("end"),
    )
    .distinct()
)
_APART = (
    select(_log.c.name)
    .outerjoin(_cursor, _BESIDE)
    .where(
        or_(
            _log.c.next_sequence != _STANDS,
            and_(_STANDS > 0, _cursor.c.revision != _log.c.revision),
            and_(_STANDS > 0, _cursor.c.renewals != _log.c.renewals),
        )
    )
    .order_by(_log.c.name)
)
_BEGIN = insert(_cursor)


@cache
def _move(*names: str) -> Update:
    """Has the columns ``names`` of the cursor ``of_follower`` in the log ``of_log_id`` take their values."""
    return (
        update(_cursor)
        .where(_cursor.c.follower == bindparam("of_follower"), _cursor.c.log_id == bindparam("of_log_id"))
        .values({name: bindparam(name) for name in names})
    )


class Follower(Protocol):
    """Something that is made of the log's entries and can be thrown away and made again.

    The cursor moves only after ``apply`` returned, in a transaction of its own:
    rows can come a second time after a crash, so applying must be idempotent.
    """

    @property
    def name(self) -> str:
        """Names the cursor: one name, one copy of whatever the follower keeps."""

    def apply(self, session: Session, log: str, changes: Sequence[Change]) -> None:
        """Take in the next rows of a log, in order, durably. ``session`` reads, on one snapshot.

        Anything raised leaves the cursor where it is; the same rows come again later.
        """

    def reset(self) -> None:
        """Forget everything: the log is about to come again from 0, or shows other rows than before."""


class Renewals(NamedTuple):
    """Renewals of a log that a follower did not take in.

    Args:
        since, until: numbers of the first one, and of the one that it wants next then.
        images: that they name, each once with an endorser's e-mail.
    """

    since: int
    until: int
    images: Sequence[tuple[str, str]]


@runtime_checkable
class RenewedFollower(Follower, Protocol):
    """A follower of what is shown and current: that can change without a new row, when a verdict does."""

    def renew(self, session: Session, log: str, renewals: Renewals) -> None:
        """Look again at what a log shows and what is current of some images, each with an endorser's e-mail.

        What is shown no longer has to go, and what is shown again has to come. Of the log's rows only
        those count that were applied. As with ``apply`` it may come again.
        """


class Cursors:
    """The followers' positions, as one transaction sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def position(self, follower: str, log: str) -> int:
        """The sequence the follower wants next; 0 for one that never moved."""
        given = {"follower": follower, "log_id": ChangeLog(self._session).key(log)}
        found = self._session.connection().scalar(_POSITION, given)
        return 0 if found is None else found

    def lacks_renewals(self, follower: str, log: str) -> bool:
        """Whether what is shown or current of a log changed since the follower looked."""
        return self._is(_LACKS_RENEWALS, follower, log)

    def is_outdated(self, follower: str, log: str) -> bool:
        """Whether the log has changed which of the rows that the follower took in are shown."""
        return self._is(_OUTDATED, follower, log, kept=RENEWALS_KEPT)

    def renewals(self, follower: str, log: str, limit: int) -> Renewals:
        """The next renewals of a log that a follower did not take in.

        They name nothing for a follower that has no row yet: rows come to it as they are now.

        Args:
            limit: most renewals.
        """
        connection = self._session.connection()
        given = {"follower": follower, "log": log}
        log_id, total, start, position = connection.execute(_RENEWALS, given).one()
        if not position or start >= total:
            return Renewals(start, total, ())
        end = min(total, start + limit)
        rows = connection.execute(_IMAGES, {"log_id": log_id, "start": start, "end": end})
        return Renewals(start, end, [(identifier, email) for identifier, email in rows])

    def apart(self, follower: str) -> list[str]:
        """Names of the logs that are not as a follower took them in, by code point."""
        return list(self._session.connection().scalars(_APART, {"follower": follower}))

    def move(
        self, follower: str, log: str, position: int, revision: int | None = None, renewals: int | None = None
    ) -> None:
        """Set the sequence the follower wants next.

        Args:
            revision: of the log as its rows were read; None leaves it as it is.
            renewals: of the log that it took in; None leaves it as it is.
        """
        where = {"follower": follower, "log_id": ChangeLog(self._session).key(log)}
        given = {"position": position, "revision": revision, "renewals": renewals}
        values = {name: value for name, value in given.items() if value is not None}
        connection = self._session.connection()
        moved = connection.execute(_move(*values), values | {f"of_{name}": at for name, at in where.items()})
        if not moved.rowcount:
            connection.execute(_BEGIN, where | values)

    def _is(self, statement: Select[tuple[int]], follower: str, log: str, **more: int) -> bool:
        given = {"follower": follower, "log": log, **more}
        return self._session.connection().execute(statement, given).first() is not None

    def forget(self, follower: str) -> None:
        """Put a follower back to the start of every log."""
        self._session.execute(delete(FollowerCursor).where(FollowerCursor.follower == follower))
