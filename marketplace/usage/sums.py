"""Adds to the sums in the database. Any number of processes add up, whoever comes first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from marketplace.models import Entry, EntryUse, NamedView, ViewUse
from marketplace.portions import portions
from marketplace.usage.tally import Use, UseKind

#: The columns that are sums.
ENTRY_SUMS: Final = ("verdicts", "downloads", "imports")
VIEW_SUMS: Final = ("documents", "downloads")
#: The view that is there without a row.
_ALWAYS: Final = "default"
_COLUMNS: Final = {
    UseKind.VERDICT: "verdicts",
    UseKind.DOWNLOAD: "downloads",
    UseKind.DOCUMENT: "documents",
    UseKind.VIEW_DOWNLOAD: "downloads",
}
_OF_VIEWS: Final = frozenset({UseKind.DOCUMENT, UseKind.VIEW_DOWNLOAD})
#: Values of one statement.
_AT_ONCE: Final = 500


def number_of(day: date) -> int:
    """A day as the tables write it: ``YYYYMMDD``."""
    return day.year * 10_000 + day.month * 100 + day.day


def month_of(period: int) -> int:
    """The month that a day or month is in."""
    return period - period % 100


def add_uses(session: Session, day: int, uses: Mapping[Use, int]) -> None:
    """Add what a process counted to the sums of a day; of what is not there any more nothing is kept."""
    entries: defaultdict[str, dict[str, int]] = defaultdict(dict)
    views: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for use, count in uses.items():
        (views if use.kind in _OF_VIEWS else entries)[use.name][_COLUMNS[use.kind]] = count
    keys = {
        key: entries[entry_id]
        for some in portions(sorted(entries), _AT_ONCE)
        for key, entry_id in session.execute(select(Entry.id, Entry.entry_id).where(Entry.entry_id.in_(some)))
    }
    _add_to_entries(session, day, keys)
    named = {
        name
        for some in portions(sorted(views), _AT_ONCE)
        for name in session.scalars(select(NamedView.name).where(NamedView.name.in_(some)))
    }
    rows = [
        {"view": name, "period": day, **dict.fromkeys(VIEW_SUMS, 0), **views[name]}
        for name in sorted(views)
        if name in named or name == _ALWAYS
    ]
    add_rows(session, ViewUse, rows, ("view", "period"), VIEW_SUMS)


def add_imports(session: Session, day: date, imports: Mapping[int, int]) -> None:
    """Add imports that cloud sites told of.

    Args:
        imports: how many, by the key of the entry.
    """
    _add_to_entries(session, number_of(day), {key: {"imports": count} for key, count in imports.items()})


def forget_view(session: Session, name: str) -> None:
    """Remove the sums of a view that is there no longer."""
    session.execute(delete(ViewUse).where(ViewUse.view == name))


def _add_to_entries(session: Session, day: int, counts: Mapping[int, Mapping[str, int]]) -> None:
    for some in portions(sorted(counts), _AT_ONCE):
        # Held until the end, and in one order by everybody: what is being erased gets no new sums. An erased
        # entry has no address.
        there = session.execute(
            select(Entry.id, Entry.email)
            .where(Entry.id.in_(some), Entry.email != "")
            .order_by(Entry.id)
            .with_for_update(read=True)
        ).all()
        rows = [
            {
                "email": email,
                "period": day,
                "entry_key": key,
                **dict.fromkeys(ENTRY_SUMS, 0),
                **counts[key],
            }
            for key, email in there
        ]
        add_rows(session, EntryUse, rows, ("email", "period", "entry_key"), ENTRY_SUMS)


def add_rows(
    session: Session,
    model: type[EntryUse] | type[ViewUse],
    rows: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
    sums: Sequence[str],
) -> None:
    """Insert rows, or add their sums to those that are there.

    Args:
        keys: the columns of the primary key.
        sums: the columns that are added.
    """
    if not rows:
        return
    dialect = session.connection().dialect.name
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(model)
    added = {name: getattr(model, name) + getattr(insert.excluded, name) for name in sums}
    session.execute(
        insert.on_conflict_do_update(index_elements=list(keys), set_=added), [dict(row) for row in rows]
    )
