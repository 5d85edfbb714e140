"""What the list memory reads of a log: which entries are current in it, and what lists ask about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Subquery, and_, bindparam, select, type_coerce
from sqlalchemy.orm import Session

from marketplace.entries.texts import LEADING
from marketplace.models import Change, Current, Entry
from marketplace.models.current import FOREVER
from marketplace.rules.visibility import Scope, unindexed

#: Rows fetched at a time of a long result.
_FETCHED = 2000


@dataclass(frozen=True, slots=True)
class Listed:
    """A current entry as lists filter it.

    Args:
        valid_until: seconds since 1970, FOREVER where it never expires.
        leading: folded values of the columns with a search of their own.
    """

    key: int
    email: str
    deprecated: bool
    valid_until: int
    has_web: bool
    has_pdisk: bool
    leading: Sequence[str | None]
    search_text: str


def read_listed(session: Session, log_id: int, since: int, end: int) -> Iterator[Listed]:
    """The current entries of a log that its rows ``since <= sequence < end`` can have changed."""
    statement = _TOUCHED_LISTED if since > 0 else _LISTED
    rows = session.execute(statement, {"log": log_id, "since": since, "end": end})
    for key, email, deprecated, until, web, pdisk, text, *leading in rows.yield_per(_FETCHED):
        yield Listed(key, email, deprecated, until, web, pdisk, leading, text)


@dataclass(frozen=True, slots=True)
class Superseded:
    """An entry of a log that is not current in it; ``valid_until`` as in ``Listed``."""

    key: int
    email: str
    valid_until: int


def read_superseded(session: Session, log_id: int, since: int, end: int) -> list[Superseded]:
    """The entries that are not current of the images and endorsers that some rows of a log are about."""
    rows = session.execute(_SUPERSEDED, {"log": log_id, "since": since, "end": end})
    return [Superseded(key, email, FOREVER if until is None else until) for key, email, until in rows]


def read_rivals(session: Session, scope: Scope, since: dict[int, int] | None) -> tuple[set[int], set[int]]:
    """Of entries that are current in some log of a scope: which its other logs hide, and which they do not.

    Args:
        since: sizes of its logs; only images that were touched beyond them are looked at. None for all.

    Returns:
        keys of the hidden ones, and of those that are shown of the same images.
    """
    hidden: set[int] = set()
    best: dict[tuple[str, str], tuple[tuple[int, bool, int], int]] = {}
    for statement, parameters in _rival_questions(scope, since):
        rows = session.execute(statement, parameters | {"logs": scope.keys})
        for identifier, email, key, created, deprecated, entry_id in rows:
            place = (created, deprecated, -int(entry_id, 16)), key
            former = best.setdefault((identifier, email), place)
            if former != place:
                hidden.add(min(former, place)[1])
                best[identifier, email] = max(former, place)
    return hidden, {key for _, key in best.values()}


def _rival_questions(
    scope: Scope, since: dict[int, int] | None
) -> Iterator[tuple[Select[Any], dict[str, Any]]]:
    if since is None:
        # The largest log is only asked about what the others hold.
        largest = max(scope.sizes, key=lambda log: log[1])[0]
        yield _HELD_RIVALS, {"small": [key for key in scope.keys if key != largest]}
        return
    for key, size in scope.sizes:
        if size > since[key]:
            yield _TOUCHED_RIVALS, {"log": key, "since": since[key], "end": size}


# Statements are made once: making one and its cache key takes longer than running it.

_CURRENT = Current.__table__.c
_CHANGE = Change.__table__.c
_ENTRY = Entry.__table__.c

#: The images and endorsers that some rows of a log are about. Joined first, so that indexes lead on.
_touched = (
    select(_ENTRY.identifier, _ENTRY.email)
    .distinct()
    .join_from(Change.__table__, Entry.__table__, _CHANGE.entry_key == _ENTRY.id)
    .where(
        _CHANGE.log_id == bindparam("log"),
        _CHANGE.sequence >= bindparam("since"),
        _CHANGE.sequence < bindparam("end"),
    )
    .subquery("touched")
)


def _same(pairs: Subquery) -> ColumnElement[bool]:
    return and_(_CURRENT.identifier == pairs.c.identifier, _CURRENT.email == pairs.c.email)


_LISTED = select(
    _CURRENT.entry_key,
    _CURRENT.email,
    _CURRENT.deprecated,
    _CURRENT.valid_until,
    _CURRENT.has_web,
    _CURRENT.has_pdisk,
    _CURRENT.search_text,
    *(_CURRENT[f"{column.value}_folded"] for column in LEADING),
).where(_CURRENT.log_id == bindparam("log"))
_TOUCHED_LISTED = _LISTED.join_from(_touched, Current.__table__, _same(_touched))

_SUPERSEDED = (
    select(_CHANGE.entry_key, _touched.c.email, type_coerce(_ENTRY.valid, BigInteger))
    .select_from(_touched)
    .join(
        Entry.__table__,
        and_(_ENTRY.identifier == _touched.c.identifier, _ENTRY.email == _touched.c.email),
    )
    .join(Change.__table__, and_(_CHANGE.log_id == bindparam("log"), _CHANGE.entry_key == _ENTRY.id))
    .join(Current.__table__, and_(_CURRENT.log_id == bindparam("log"), _same(_touched)))
    .where(_CHANGE.entry_key != _CURRENT.entry_key)
)

_RIVALS = select(
    _CURRENT.identifier,
    _CURRENT.email,
    _CURRENT.entry_key,
    type_coerce(_CURRENT.created, BigInteger),
    _CURRENT.deprecated,
    _CURRENT.entry_id,
    # By image and endorser, of which there are few: not log by log, of which there may be many.
).where(unindexed(_CURRENT.log_id).in_(bindparam("logs", expanding=True)))
_TOUCHED_RIVALS = _RIVALS.join_from(_touched, Current.__table__, _same(_touched))
_small = (
    select(_CURRENT.identifier, _CURRENT.email)
    .distinct()
    .where(_CURRENT.log_id.in_(bindparam("small", expanding=True)))
    .subquery("small")
)
_HELD_RIVALS = _RIVALS.join_from(_small, Current.__table__, _same(_small))
