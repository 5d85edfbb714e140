"""Which logs a principal sees, and what that makes of the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, and_, bindparam, exists, false, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased
from sqlalchemy.sql.operators import custom_op

from marketplace.access.principal import Principal
from marketplace.models import ChangeRow, Current, Entry, Log, TrustState
from marketplace.models.base import SNAPSHOT
from marketplace.rules.current import hides

#: Made once: building aliases costs more than running the statements they are in.
_OTHER_CURRENT = aliased(Current)
_OTHER_CHANGE = aliased(ChangeRow)
_OTHER_ENTRY = aliased(Entry)
_OTHER_ENTRY_CHANGE = aliased(ChangeRow)


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


@dataclass(frozen=True, slots=True)
class VisibleLogs:
    """The logs a principal sees and their sizes, as one transaction sees them.

    Args:
        sizes: pairs of log and size, the oldest log first.
        revisions: for each log, how often followers had to start again.
        renewals: for each log, how often it changed what of it is shown or current without a new row.
        names: of the logs.
        verdicts: how often verdicts on certificates changed.
    """

    sizes: tuple[tuple[int, int], ...]
    revisions: tuple[int, ...] = ()
    renewals: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    verdicts: int = 0

    @property
    def version(self) -> tuple[tuple[int, int, int, int], ...]:
        """Key, size, revision and renewals of each log.

        While they are the same, only the clock and the marks of verdicts count.
        """
        both = zip(self.sizes, self.revisions, self.renewals, strict=True)
        return tuple((*log, revision, renewals) for log, revision, renewals in both)

    @property
    def keys(self) -> tuple[int, ...]:
        """Keys of the logs."""
        return tuple(key for key, _ in self.sizes)

    def covers(self, log_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
        """Whether a log is among the visible logs, by its key."""
        if not self.sizes:
            return false()
        return log_id == self.keys[0] if len(self.sizes) == 1 else log_id.in_(self.keys)

    def current(self) -> ColumnElement[bool]:
        """Whether a row of ``current`` is what this principal sees as current.

        In one log that is every row. Over several, rows of the same image and address
        hide each other (``rules/current.py``), and of one entry in several logs the row
        of the oldest log stays.
        """
        if len(self.sizes) < 2:
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
        if len(self.sizes) < 2:
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
        sizes=tuple((row.id, row.next_sequence) for row in rows),
        revisions=tuple(row.revision for row in rows),
        renewals=tuple(row.renewals for row in rows),
        names=tuple(row.name for row in rows),
        verdicts=next((row.verdicts for row in rows), None) or 0,
    )
