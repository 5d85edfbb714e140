"""Which logs a principal sees, and what that makes of the tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, UnaryExpression, and_, bindparam, exists, false, select
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.operators import custom_op

from marketplace.access.principal import Principal
from marketplace.models import ChangeRow, Current, Entry, Log, TrustState
from marketplace.models.aliases import shared_alias
from marketplace.models.base import SNAPSHOT
from marketplace.models.log import RENEWALS_KEPT
from marketplace.rules.current import hides

_OTHER_CURRENT = shared_alias(Current)
_OTHER_CHANGE = shared_alias(ChangeRow)
_OTHER_ENTRY = shared_alias(Entry)
_OTHER_ENTRY_CHANGE = shared_alias(ChangeRow)


_HEADS = (
    select(
        Log.id,
        Log.name,
        Log.next_sequence,
        Log.revision,
        Log.renewals,
        select(TrustState.revision).scalar_subquery().label("verdicts"),
    )
    .where(Log.name.in_(bindparam("names", expanding=True)))
    .order_by(Log.id)
)


def unindexed(column: Any) -> Any:
    """A column with a plus sign, the documented way to keep SQLite from choosing an index for a condition."""
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)


class Stand(NamedTuple):
    """How far a log has come, as one transaction sees it or as it was read.

    Args:
        key: of the log.
        size: rows.
        revision: how often its followers had to start again.
        renewals: how often it changed what of it is shown or current without a new row.
    """

    key: int
    size: int = 0
    revision: int = 0
    renewals: int = 0

    def is_behind(self, other: Stand) -> bool:
        """Whether the other one is a later state of the log."""
        if self.revision != other.revision:
            return self.revision < other.revision
        return self.size < other.size or self.renewals < other.renewals

    def leads_to(self, other: Stand) -> bool:
        """Whether rows and renewals that are still there make the other one of this one."""
        grown = self.size <= other.size and 0 <= other.renewals - self.renewals <= RENEWALS_KEPT
        return grown and self.revision == other.revision


@dataclass(frozen=True, slots=True)
class VisibleLogs:
    """The logs a principal sees, as one transaction sees them.

    Args:
        version: the logs, the oldest first. While they are the same, only the clock and the marks of verdicts
            change an answer.
        names: of the logs.
        verdicts: how often verdicts on certificates changed.
    """

    version: tuple[Stand, ...]
    names: tuple[str, ...] = ()
    verdicts: int = 0

    @classmethod
    def of(cls, keys: Iterable[int]) -> VisibleLogs:
        """Logs by their keys, for a statement that holds for all their states."""
        return cls(tuple(map(Stand, keys)))

    @property
    def keys(self) -> tuple[int, ...]:
        """Keys of the logs."""
        return tuple(log.key for log in self.version)

    def covers(self, log_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
        """Whether a log is among the visible logs, by its key."""
        if not self.version:
            return false()
        return log_id == self.keys[0] if len(self.version) == 1 else log_id.in_(self.keys)

    def current(self) -> ColumnElement[bool]:
        """Whether a row of ``current`` is what this principal sees as current.

        In one log that is every row. Over several, rows of the same image and address
        hide each other (``rules/current.py``), and of one entry in several logs the row
        of the oldest log stays.
        """
        if len(self.version) < 2:
            return self.covers(Current.log_id)
        other = _OTHER_CURRENT
        hidden = exists().where(
            # By image and endorser, of which there are few: not log by log, of which there may be many.
            unindexed(other.log_id).in_(self.keys),
            other.identifier == Current.identifier,
            other.email == Current.email,
            hides(other),
        )
        return and_(self.covers(Current.log_id), ~hidden)

    def serves(self) -> ColumnElement[bool]:
        """Whether a row of ``change`` is shown and serves its entry: the oldest log's, where several do."""
        if len(self.version) < 2:
            return and_(self.covers(ChangeRow.log_id), ChangeRow.shown)
        other = _OTHER_CHANGE
        older = exists().where(
            other.entry_key == ChangeRow.entry_key,
            unindexed(other.log_id).in_(self.keys),
            other.log_id < ChangeRow.log_id,
            other.shown,
        )
        # By entry, which stands in few logs.
        return and_(self.covers(unindexed(ChangeRow.log_id)), ChangeRow.shown, ~older)

    def conflicting(self) -> ColumnElement[bool]:
        """Whether a visible entry has the coordinates of a row of ``entry`` and makes another statement."""
        other, change = _OTHER_ENTRY, _OTHER_ENTRY_CHANGE
        return (
            select(other.id)
            .join(change, change.entry_key == other.id)
            .where(
                change.log_id.in_(self.keys),
                change.shown,
                other.identifier == Entry.identifier,
                other.email == Entry.email,
                other.created == Entry.created,
                other.statement != Entry.statement,
            )
            .correlate(Entry)
            .exists()
        )


def find_scope(session: Session, principal: Principal) -> VisibleLogs:
    """The logs of a principal that exist; the oldest first."""
    names = tuple(sorted(principal.logs))
    #: A session that sees one snapshot would be told the same again.
    known: dict[object, VisibleLogs] | None = session.info.get(SNAPSHOT)
    if known is not None and names in known:
        return known[names]
    scope = _read_scope(session, names)
    if known is not None:
        known[names] = scope
    return scope


def _read_scope(session: Session, names: tuple[str, ...]) -> VisibleLogs:
    # Through the connection: the session would look for objects to make of these values.
    rows = session.connection().execute(_HEADS, {"names": names}).all()
    return VisibleLogs(
        tuple(Stand(row.id, row.next_sequence, row.revision, row.renewals) for row in rows),
        names=tuple(row.name for row in rows),
        verdicts=next((row.verdicts for row in rows), None) or 0,
    )
