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
    Row,
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
from marketplace.entries.rows import rows_of, to_row
from marketplace.entries.twins import find_vouching
from marketplace.models import (
    Certificate,
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
from marketplace.rules.current import Claim, make_claim, unsuperseded
from marketplace.rules.trust import is_confirmed, is_trusted
from marketplace.rules.visibility import VisibleLogs
from validators.document import Checksum, Coordinates
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
        confirmed: whoever reads the endorser's mail agreed to its certificate, as far as all may know.
        groups: of the logs that the reader sees and that hold it; none where the public one does.
        equivocal: its key signed another statement with the same creation time.
        key_digest: of the key that signed it.
        trusted: the site trusts its certificate for the address.
        shown: whether the site's filter lets readers see it.
    """

    entry_id: str
    coordinates: Coordinates
    deprecated: bool
    data: bytes
    confirmed: bool
    groups: frozenset[str]
    equivocal: bool
    key_digest: str
    trusted: bool
    shown: bool

    def claim(self) -> Claim[CurrentStatement]:
        """This statement as a claim to be current."""
        created, trusted = self.coordinates.created, self.trusted
        return make_claim(self, created, self.deprecated, self.entry_id, self.key_digest, trusted)


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
    instead = find_vouching(session, scope, keys)
    shown = _read_shown(session, scope, [instead.get(key, key) for key in keys])
    hidden = _read_hidden(session, scope, identifier)
    return sorted([*shown, *_newest(hidden, shown)], key=lambda one: one.claim().rank, reverse=True)


@dataclass(frozen=True, slots=True)
class Listed:
    """A current statement as lists know it, for a verdict beside each line.

    Args:
        checksums: those that the entry states beside the SHA-1.
        bound: the certificate holds the endorser's address.
        equivocal: as of ``CurrentStatement``.
    """

    row: EntryRow
    checksums: tuple[Checksum, ...]
    bound: bool
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
    instead = find_vouching(session, scope, twins) if twins else {}
    rows = _find_rows(session, scope, [instead.get(key, key) for key in keys])
    return rows, frozenset(image for _, _, image in told if image is not None)


@lru_cache(maxsize=256)
def _speaking(logs: tuple[int, ...]) -> CompoundSelect[Any]:
    """Who may count of the parameter ``images``, each with whether it has a twin; and those hidden in part.

    Kept, because putting the statement together takes longer than running it.
    """
    scope = VisibleLogs(tuple((log, 0) for log in logs))
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
    """``rows_of`` with what a verdict needs behind each row.

    That is ``ALGORITHM:VALUE`` of its checksums, joined by the separator, and whether its certificate holds
    an address.
    """
    stated = (
        select(func.aggregate_strings(EntryChecksum.algorithm + ":" + EntryChecksum.value, SEPARATOR))
        .where(EntryChecksum.entry_key == Entry.id)
        .correlate(Entry)
        .scalar_subquery()
    )
    return rows_of(logs).add_columns(stated, Certificate.email.is_not(None))


def _find_rows(session: Session, scope: VisibleLogs, keys: Sequence[int]) -> list[Listed]:
    """Some visible entries with what a verdict needs of each."""
    if not keys:
        return []
    found = []
    for *values, stated, bound in session.connection().execute(_said_of(scope.keys), {"keys": keys}):
        row = to_row(values)
        equivocal = row.conflicting and _is_equivocal(session, scope, row.coordinates, row.entry_id)
        found.append(Listed(row, _checksums(stated), bool(bound), equivocal))
    return found


def _checksums(stated: str | None) -> tuple[Checksum, ...]:
    pairs = (one.split(":", 1) for one in sorted(stated.split(SEPARATOR))) if stated else ()
    return tuple(Checksum(algorithm, value) for algorithm, value in pairs)


def _read_shown(session: Session, scope: VisibleLogs, keys: Sequence[int]) -> list[CurrentStatement]:
    rows = [to_row(row) for row in session.execute(rows_of(scope.keys), {"keys": keys})]
    found = session.execute(
        select(ChangeRow.entry_key, EntryBody.data)
        .join(EntryBody, EntryBody.id == ChangeRow.body_id)
        .where(ChangeRow.entry_key.in_(keys), scope.serves())
    )
    bodies: dict[int, bytes] = {row.entry_key: row.data for row in found}
    logs: defaultdict[int, set[str]] = defaultdict(set)
    for key, name in session.execute(
        select(ChangeRow.entry_key, Log.name)
        .join(Log, Log.id == ChangeRow.log_id)
        .where(ChangeRow.entry_key.in_(keys), scope.covers(ChangeRow.log_id), ChangeRow.shown)
    ):
        logs[key].add(name)
    return [
        CurrentStatement(
            entry_id=row.entry_id,
            coordinates=row.coordinates,
            deprecated=row.deprecated is not None,
            data=bodies[row.key],
            confirmed=row.confirmed,
            groups=_groups(logs[row.key]),
            equivocal=row.conflicting and _is_equivocal(session, scope, row.coordinates, row.entry_id),
            key_digest=row.key_digest,
            trusted=row.trusted,
            shown=True,
        )
        for row in rows
    ]


def _read_hidden(session: Session, scope: VisibleLogs, identifier: str) -> list[CurrentStatement]:
    rows = session.execute(
        select(Entry, EntryBody.data, Log.name, is_confirmed(), Certificate.key_digest, is_trusted())
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .join(Certificate, Certificate.id == Entry.certificate_id)
        .join(EntryBody, EntryBody.id == ChangeRow.body_id)
        .join(Log, Log.id == ChangeRow.log_id)
        .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
        .where(Entry.identifier == identifier, scope.covers(ChangeRow.log_id), ~ChangeRow.shown)
        .order_by(_is_strange(), Entry.deprecated.is_(None), Entry.created.desc(), Entry.entry_id)
        .limit(MOST_COUNTING)
    )
    return [_hidden(row) for row in rows]


def _hidden(row: Row[Any]) -> CurrentStatement:
    entry, data, log, confirmed, key_digest, trusted = row
    return CurrentStatement(
        entry_id=entry.entry_id,
        coordinates=Coordinates(entry.identifier, entry.email, entry.created),
        deprecated=entry.deprecated is not None,
        data=data,
        confirmed=bool(confirmed),
        groups=_groups({log}),
        equivocal=False,
        key_digest=key_digest,
        trusted=bool(trusted),
        shown=False,
    )


def _newest(
    hidden: Iterable[CurrentStatement], visible: Sequence[CurrentStatement]
) -> list[CurrentStatement]:
    """What is not shown, as far as it would be current if it were: a withdrawal must not get lost."""
    by_endorser: defaultdict[str, list[Claim[CurrentStatement]]] = defaultdict(list)
    for one in (*visible, *hidden):
        by_endorser[one.coordinates.email].append(one.claim())
    left = [claim.entry for claims in by_endorser.values() for claim in unsuperseded(claims)]
    return [one for one in left if not one.shown]


def _is_strange() -> ColumnElement[bool]:
    """Whether nobody whom the site trusts vouches for the certificate; one not judged yet may count."""
    return func.coalesce(VerdictRow.standing, "").in_(_STRANGE)


def _groups(logs: Iterable[str]) -> frozenset[str]:
    groups = [find_group(log) for log in logs]
    return frozenset() if None in groups else frozenset(one for one in groups if one is not None)


def _is_equivocal(session: Session, scope: VisibleLogs, coordinates: Coordinates, entry_id: str) -> bool:
    """Whether the key of an entry signed another statement at the same place."""
    conflict = find_conflict(session, scope, coordinates)
    sides = () if conflict is None else conflict.entries
    own = {one.key for one in sides if one.entry_id == entry_id}
    return len({one.statement for one in sides if one.key in own}) > 1
