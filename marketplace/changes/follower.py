"""Followers of the log, and how far each has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from marketplace.changes.log import Change, ChangeLog
from marketplace.models import FollowerCursor, Log, RenewalRow
from marketplace.models.log import RENEWALS_KEPT


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
        found = self._session.scalar(
            select(FollowerCursor.position).where(
                FollowerCursor.follower == follower,
                FollowerCursor.log_id == ChangeLog(self._session).key(log),
            )
        )
        return 0 if found is None else found

    def lacks_renewals(self, follower: str, log: str) -> bool:
        """Whether what is shown or current of a log changed since the follower looked."""
        found = self._session.scalar(
            select(FollowerCursor.position)
            .join(Log, Log.id == FollowerCursor.log_id)
            .where(
                FollowerCursor.follower == follower,
                Log.name == log,
                or_(
                    FollowerCursor.revision != Log.revision,
                    FollowerCursor.renewals < Log.renewals,
                ),
            )
        )
        return found is not None

    def is_outdated(self, follower: str, log: str) -> bool:
        """Whether the log has changed which of the rows that the follower took in are shown."""
        found = self._session.scalar(
            select(FollowerCursor.position)
            .join(Log, Log.id == FollowerCursor.log_id)
            .where(
                FollowerCursor.follower == follower,
                Log.name == log,
                FollowerCursor.position > 0,
                or_(
                    FollowerCursor.revision != Log.revision,
                    Log.renewals - FollowerCursor.renewals > RENEWALS_KEPT,
                ),
            )
        )
        return found is not None

    def renewals(self, follower: str, log: str, limit: int) -> Renewals:
        """The next renewals of a log that a follower did not take in.

        They name nothing for a follower that has no row yet: rows come to it as they are now.

        Args:
            limit: most renewals.
        """
        log_id, total, start, position = self._session.execute(
            select(
                Log.id,
                Log.renewals,
                func.coalesce(FollowerCursor.renewals, 0),
                func.coalesce(FollowerCursor.position, 0),
            )
            .outerjoin(
                FollowerCursor,
                and_(FollowerCursor.log_id == Log.id, FollowerCursor.follower == follower),
            )
            .where(Log.name == log)
        ).one()
        if not position or start >= total:
            return Renewals(start, total, ())
        end = min(total, start + limit)
        rows = self._session.execute(
            select(RenewalRow.identifier, RenewalRow.email)
            .where(RenewalRow.log_id == log_id, RenewalRow.number >= start, RenewalRow.number < end)
            .distinct()
        )
        return Renewals(start, end, [(identifier, email) for identifier, email in rows])

    def apart(self, follower: str) -> list[str]:
        """Names of the logs that are not as a follower took them in, by code point."""
        stands = func.coalesce(FollowerCursor.position, 0)
        return list(
            self._session.scalars(
                select(Log.name)
                .outerjoin(
                    FollowerCursor,
                    and_(FollowerCursor.log_id == Log.id, FollowerCursor.follower == follower),
                )
                .where(
                    or_(
                        Log.next_sequence != stands,
                        and_(stands > 0, FollowerCursor.revision != Log.revision),
                        and_(stands > 0, FollowerCursor.renewals != Log.renewals),
                    )
                )
                .order_by(Log.name)
            )
        )

    def move(
        self, follower: str, log: str, position: int, revision: int | None = None, renewals: int | None = None
    ) -> None:
        """Set the sequence the follower wants next.

        Args:
            revision: of the log as its rows were read; None leaves it as it is.
            renewals: of the log that it took in; None leaves it as it is.
        """
        log_id = ChangeLog(self._session).key(log)
        given = {"position": position, "revision": revision, "renewals": renewals}
        values = {name: value for name, value in given.items() if value is not None}
        moved = self._session.scalar(
            update(FollowerCursor)
            .where(FollowerCursor.follower == follower, FollowerCursor.log_id == log_id)
            .values(**values)
            .returning(FollowerCursor.position)
            .execution_options(synchronize_session=False)
        )
        if moved is None:
            self._session.execute(insert(FollowerCursor).values(follower=follower, log_id=log_id, **values))

    def forget(self, follower: str) -> None:
        """Put a follower back to the start of every log."""
        self._session.execute(delete(FollowerCursor).where(FollowerCursor.follower == follower))
