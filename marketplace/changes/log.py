"""Appending to a log and reading it in pages.

Sequence numbers are dense from 0 and become visible in order. An autoincrement
key gives neither: it is taken at insert and seen at commit, so a reader that
remembers the highest number it saw skips the ones that commit later. Here the
numbers come from the log's counter row, whose lock lasts until the commit, and
they are taken as the last step of a transaction so that the lock is short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, cast

from sqlalchemy import Integer, Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace.models import ChangeRow, Entry, Log
from marketplace.models.insertion import insert_many
from validators.coded_error import CodedError

#: Most rows of one page, whatever the caller asks for.
PAGE_LIMIT = 1024


class LogNotFoundError(CodedError, code="log.not-found"):
    """There is no log of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no log named {name!r}")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an entry was first accepted, as another site claims: never a reason to trust.

    Args:
        origin: name of the log there.
        sequence: its place in that log.
        time: seconds since 1970.
    """

    origin: str
    sequence: int
    time: int


@dataclass(frozen=True, slots=True)
class Appended:
    """What to append: an entry and the bytes that this log received for it, by their keys.

    Args:
        shown: whether readers of this site see it.
    """

    entry_key: int
    body_id: int
    provenance: Provenance | None = None
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """One row of a log."""

    sequence: int
    entry_key: int
    body_id: int
    entry_id: str
    accepted_at: datetime


class _Log(NamedTuple):
    id: int
    next_sequence: int
    revision: int
    renewals: int


# Put together once: every upload and every step of a follower asks these, and making a statement takes
# longer than running it.

_log, _change = cast("Table", Log.__table__), cast("Table", ChangeRow.__table__)
_entry = cast("Table", Entry.__table__)
_FIND = select(_log.c.id, _log.c.next_sequence, _log.c.revision, _log.c.renewals).where(
    _log.c.name == bindparam("log")
)
_TAKE_NUMBERS = (
    update(_log)
    .where(_log.c.name == bindparam("log"))
    .values(next_sequence=_log.c.next_sequence + bindparam("count", type_=Integer))
    .returning(_log.c.id, _log.c.next_sequence)
)
_PAGE = (
    select(
        _change.c.sequence,
        _change.c.entry_key,
        _change.c.body_id,
        _entry.c.entry_id,
        _change.c.accepted_at,
    )
    .join(_entry, _entry.c.id == _change.c.entry_key)
    .where(_change.c.log_id == bindparam("log_id"), _change.c.sequence >= bindparam("since"))
    .order_by(_change.c.sequence)
    .limit(bindparam("most", type_=Integer))
)


class ChangeLog:
    """The logs as one transaction sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def names(self) -> list[str]:
        """Every log's name, by code point."""
        return list(self._session.scalars(select(Log.name).order_by(Log.name)))

    def create(self, name: str) -> None:
        """Start an empty log; one that exists already stays as it is."""
        if self._session.scalar(select(Log.id).where(Log.name == name)) is None:
            try:
                with self._session.begin_nested():
                    self._session.execute(insert(Log).values(name=name, next_sequence=0))
            except IntegrityError:  # somebody else created it at this moment: what was wanted
                self.key(name)

    def key(self, log: str) -> int:
        """The key of a log in the tables.

        Raises:
            LogNotFoundError: there is none of that name.
        """
        return self._find(log).id

    def size(self, log: str) -> int:
        """How many rows a log has, which is the next sequence number.

        Raises:
            LogNotFoundError: there is none of that name.
        """
        return self._find(log).next_sequence

    def renewals(self, log: str) -> int:
        """How many renewals a log has; see ``models.RenewalRow``.

        Raises:
            LogNotFoundError: there is no such log.
        """
        return self._find(log).renewals

    def revision(self, log: str) -> int:
        """How often every follower of a log had to start again.

        Raises:
            LogNotFoundError: there is none of that name.
        """
        return self._find(log).revision

    def append(self, log: str, rows: Sequence[Appended], accepted_at: datetime) -> range:
        """Append entries; call it as the last thing before the commit.

        Returns:
            the sequence numbers given to ``rows``, in their order.

        Raises:
            LogNotFoundError: there is no log of that name.
        """
        connection = self._session.connection()
        taken = connection.execute(_TAKE_NUMBERS, {"log": log, "count": len(rows)}).one_or_none()
        if taken is None:
            raise LogNotFoundError(log)
        log_id, end = taken
        numbers = range(end - len(rows), end)
        insert_many(
            connection,
            ChangeRow.__table__,
            [
                {
                    "log_id": log_id,
                    "sequence": sequence,
                    "entry_key": row.entry_key,
                    "body_id": row.body_id,
                    "accepted_at": accepted_at,
                    "shown": row.shown,
                    **_claimed(row.provenance),
                }
                for sequence, row in zip(numbers, rows, strict=True)
            ],
        )
        return numbers

    def page(self, log: str, since: int, limit: int = PAGE_LIMIT) -> list[Change]:
        """The rows from sequence ``since`` on, at most ``limit`` and never more than PAGE_LIMIT.

        Raises:
            LogNotFoundError: there is no log of that name.
        """
        where = {"log_id": self.key(log), "since": since, "most": min(limit, PAGE_LIMIT)}
        return [Change(**row._mapping) for row in self._session.execute(_PAGE, where)]

    def _find(self, log: str) -> _Log:
        found = self._session.execute(_FIND, {"log": log}).one_or_none()
        if found is None:
            raise LogNotFoundError(log)
        return _Log(**found._mapping)


def _claimed(provenance: Provenance | None) -> dict[str, str | int | None]:
    if provenance is None:
        return {"origin": None, "origin_sequence": None, "origin_time": None}
    return {
        "origin": provenance.origin,
        "origin_sequence": provenance.sequence,
        "origin_time": provenance.time,
    }
