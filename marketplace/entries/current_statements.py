"""What a verdict on an image is made of: the current statements about it, also those that are not shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    bindparam,
    cast,
    exists,
    false,
    func,
    null,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from marketplace.access.principal import find_group
from marketplace.entries.conflicts import find_conflict
from marketplace.entries.query import can_occur
from marketplace.entries.records import EntryRow
from marketplace.entries.rows import rows_of, rows_with, select_hidden, to_row
from marketplace.entries.twins import list_vouching
from marketplace.models import (
    ChangeRow,
    Current,
    Entry,
    EntryBody,
    EntryChecksum,
    Log,
    Twin,
    VerdictRow,
)
from marketplace.models.current import SEPARATOR
from marketplace.rules.current import Claim, unsuperseded
from marketplace.rules.visibility import VisibleLogs
from validators.document import Checksum
from validators.verdict import Standing

#: Statements about one image that a verdict looks at: of those that may count, withdrawals first, and of
#: strangers, of whom anybody can be any number.
MOST_COUNTING, MOST_STRANGE = 400, 50
#: The same about all images of a list.
MOST_LISTED = 4000
_STRANGE = (Standing.SELF_SIGNED.value, Standing.UNTRUSTED_ISSUER.value)


@dataclass(frozen=True, slots=True)
class CurrentStatement:
    """A current statement about an image.

    Args:
        data: the received bytes.
        groups: of the logs that the reader sees and that hold it; none where the public one does.
        equivocal: its key signed another statement with the same creation time.
        shown: whether the site's filter lets readers see it.
    """

    row: EntryRow
    data: bytes
    groups: frozenset[str]
    equivocal: bool
    shown: bool


def find_statements(session: Session, scope: VisibleLogs, identifier: str) -> Sequence[CurrentStatement]:
    """The current statements about an image in some logs, newest first."""
    if not can_occur(identifier):
        return []
    keys = [
        key
        for strange, most in ((False, MOST_COUNTING), (True, MOST_STRANGE))
        for key in session.scalars(
            select(Current.entry_key)
            .join(Entry, Entry.id == Current.entry_key)
            .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
            .where(
                scope.current(),
                Current.identifier == identifier,
                _is_strange() if strange else ~_is_strange(),
            )
            .order_by(Current.deprecated.desc(), Current.created.desc(), Current.entry_id)
            .limit(most)
        )
    ]
    shown = _read_shown(session, scope, list_vouching(session, scope, keys))
    hidden = _read_hidden(session, scope, identifier)
    return sorted([*shown, *_newest(hidden, shown)], key=lambda one: one.row.rank(), reverse=True)


@dataclass(frozen=True, slots=True)
class Listed:
    """A current statement as lists know it, for a verdict beside each line.

    Args:
        checksums: those that the entry states beside the SHA-1.
        equivocal: as of ``CurrentStatement``.
    """

    row: EntryRow
    checksums: tuple[Checksum, ...]
    equivocal: bool


def find_listed(
    session: Session, scope: VisibleLogs, identifiers: Collection[str]
) -> tuple[list[Listed], frozenset[str]]:
    """The current statements about some images by whoever may count, in a few queries.

    Returns:
        the statements, and the images of which something is not shown: those need ``find_statements``.
    """
    wanted = sorted({one for one in identifiers if can_occur(one)})
    # Through the connection: the session would look for objects to make of these values.
    told = session.connection().execute(_speaking(scope.keys), {"images": wanted}).all()
    keys = [key for key, _, _ in told if key is not None]
    twins = [key for key, twin, _ in told if key is not None and twin]
    rows = _find_rows(session, scope, list_vouching(session, scope, keys, twins))
    return rows, frozenset(image for _, _, image in told if image is not None)


@lru_cache(maxsize=256)
def _speaking(logs: tuple[int, ...]) -> CompoundSelect[Any]:
    """Who may count of the parameter ``images``, each with whether it has a twin; and those hidden in part.

    Kept, because putting the statement together takes longer than running it.
    """
    scope = VisibleLogs.of(logs)
    images: BindParameter[Any] = bindparam("images", expanding=True)
    speaking = (
        select(
            Current.entry_key,
            exists().where(Twin.entry_key == Current.entry_key).label("twin"),
            cast(null(), String).label("image"),
        )
        .join(Entry, Entry.id == Current.entry_key)
        .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
        .where(scope.current(), Current.identifier.in_(images), ~_is_strange())
        .order_by(Current.deprecated.desc(), Current.created.desc(), Current.entry_id)
        .limit(MOST_LISTED)
        .subquery()
    )
    unshown = (
        select(null(), false(), Entry.identifier)
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .where(Entry.identifier.in_(images), scope.covers(ChangeRow.log_id), ~ChangeRow.shown)
    )
    return union_all(select(speaking), unshown)


@lru_cache(maxsize=256)
def _said_of(logs: tuple[int, ...]) -> Select[Any]:
    """``rows_of`` with the checksums behind each row: ``ALGORITHM:VALUE``, joined by the separator."""
    return rows_with(logs, EntryChecksum.algorithm + ":" + EntryChecksum.value, EntryChecksum)


def _find_rows(session: Session, scope: VisibleLogs, keys: Sequence[int]) -> list[Listed]:
    """Some visible entries with what a verdict needs of each."""
    if not keys:
        return []
    found = session.connection().execute(_said_of(scope.keys), {"keys": keys})
    return [
        Listed(row, _checksums(stated), _is_equivocal(session, scope, row))
        for *values, stated in found
        for row in (to_row(values),)
    ]


def _checksums(stated: str | None) -> tuple[Checksum, ...]:
    pairs = (one.split(":", 1) for one in sorted(stated.split(SEPARATOR))) if stated else ()
    return tuple(Checksum(algorithm, value) for algorithm, value in pairs)


def _read_shown(session: Session, scope: VisibleLogs, keys: Sequence[int]) -> list[CurrentStatement]:
    logs: defaultdict[int, set[str]] = defaultdict(set)
    for key, name in session.execute(
        select(ChangeRow.entry_key, Log.name)
        .join(Log, Log.id == ChangeRow.log_id)
        .where(ChangeRow.entry_key.in_(keys), scope.covers(ChangeRow.log_id), ChangeRow.shown)
    ):
        logs[key].add(name)
    found = session.execute(rows_of(scope.keys).add_columns(EntryBody.data), {"keys": keys})
    return [
        CurrentStatement(row, data, _groups(logs[row.key]), _is_equivocal(session, scope, row), shown=True)
        for *values, data in found
        for row in (to_row(values),)
    ]


def _read_hidden(session: Session, scope: VisibleLogs, identifier: str) -> list[CurrentStatement]:
    rows = session.execute(
        select_hidden(scope)
        .add_columns(EntryBody.data, Log.name)
        .join(Log, Log.id == ChangeRow.log_id)
        .where(Entry.identifier == identifier)
        .order_by(_is_strange(), Entry.deprecated.is_(None), Entry.created.desc(), Entry.entry_id)
        .limit(MOST_COUNTING)
    )
    return [
        CurrentStatement(to_row(values), data, _groups({log}), equivocal=False, shown=False)
        for *values, data, log in rows
    ]


def _newest(
    hidden: Iterable[CurrentStatement], visible: Sequence[CurrentStatement]
) -> list[CurrentStatement]:
    """What is not shown, as far as it would be current if it were: a withdrawal must not get lost."""
    by_endorser: defaultdict[str, list[Claim[CurrentStatement]]] = defaultdict(list)
    for one in (*visible, *hidden):
        claim = one.row.claim()
        by_endorser[one.row.email].append(Claim(one, claim.rank, claim.key_digest, claim.trusted))
    left = [claim.entry for claims in by_endorser.values() for claim in unsuperseded(claims)]
    return [one for one in left if not one.shown]


def _is_strange() -> ColumnElement[bool]:
    """Whether nobody whom the site trusts vouches for the certificate; one not judged yet may count."""
    return func.coalesce(VerdictRow.standing, "").in_(_STRANGE)


def _groups(logs: Iterable[str]) -> frozenset[str]:
    groups = [find_group(log) for log in logs]
    return frozenset() if None in groups else frozenset(one for one in groups if one is not None)


def _is_equivocal(session: Session, scope: VisibleLogs, row: EntryRow) -> bool:
    """Whether the key of an entry signed another statement at the same place."""
    conflict = find_conflict(session, scope, row.coordinates) if row.conflicting else None
    sides = () if conflict is None else conflict.entries
    # Beyond the sides that a conflict tells, an entry counts as none of them.
    own = {one.row.key_digest for one in sides if one.row.entry_id == row.entry_id}
    return len({one.statement for one in sides if one.row.key_digest in own}) > 1
