"""From the tables to EntryRow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, false, func, select

from marketplace.entries.records import EntryRow
from marketplace.models import Certificate, Change, Entry, EntryBody, Verdict
from marketplace.rules.trust import StoredVerdict, is_confirmed
from marketplace.rules.visibility import Scope
from validators.document import Strength
from validators.verdict import Standing

#: Values of an EntryRow that are columns of their own, in its order.
_OF_ENTRY = len(fields(EntryRow)) - 1
#: Columns of a stored verdict, by their names; the first is absent where there is none.
VERDICT_COLUMNS = tuple(getattr(Verdict, field.name) for field in fields(StoredVerdict))


def select_rows(scope: Scope) -> Select[Any]:
    """Every visible entry, in the shape that ``to_row`` reads; add conditions and an order."""
    return _select_rows(scope.keys)


@lru_cache(maxsize=256)
def _select_rows(logs: tuple[int, ...]) -> Select[Any]:
    """Kept, because putting the statement together takes longer than running it."""
    scope = Scope(tuple((log, 0) for log in logs))
    return (
        select(
            Entry.id,
            Entry.entry_id,
            Entry.identifier,
            Entry.email,
            Entry.created,
            Entry.subject,
            Entry.issuer,
            Entry.size,
            Entry.type,
            Entry.valid,
            Entry.deprecated,
            Entry.title,
            Entry.description,
            Entry.os,
            Entry.os_version,
            Entry.os_arch,
            Entry.kind,
            Entry.format,
            Entry.publisher,
            Entry.version,
            Entry.first_location,
            Entry.has_web,
            Entry.has_pdisk,
            EntryBody.strength,
            scope.conflicting().label("conflicting"),
            is_confirmed().label("confirmed"),
            Certificate.key_digest,
            func.coalesce(Certificate.email == Entry.email, false()).label("bound"),
            *VERDICT_COLUMNS,
        )
        .select_from(Entry)
        .join(Change, and_(Change.entry_key == Entry.id, scope.serves()))
        .join(EntryBody, EntryBody.id == Change.body_id)
        .join(Certificate, Certificate.id == Entry.certificate_id)
        .outerjoin(Verdict, Verdict.certificate_id == Entry.certificate_id)
    )


@lru_cache(maxsize=256)
def rows_of(logs: tuple[int, ...]) -> Select[Any]:
    """The same for entries that are named by the parameter ``keys``."""
    return _select_rows(logs).where(Entry.id.in_(bindparam("keys", expanding=True)))


def to_row(row: Row[Any]) -> EntryRow:
    """An EntryRow from a row of ``select_rows``."""
    # By place: naming each of so many values takes longer than everything else here.
    *plain, strength, conflicting, confirmed, key_digest, bound = row[:_OF_ENTRY]
    verdict = to_verdict(row[_OF_ENTRY:])
    flags = Strength(strength), bool(conflicting), bool(confirmed), key_digest, bool(bound)
    values: list[Any] = [*plain, *flags, verdict]
    return EntryRow(*values)


def to_verdict(values: Sequence[Any]) -> StoredVerdict | None:
    """A StoredVerdict from VERDICT_COLUMNS; None where the outer join found none."""
    standing, *rest = values
    return None if standing is None else StoredVerdict(Standing(standing), *rest)
