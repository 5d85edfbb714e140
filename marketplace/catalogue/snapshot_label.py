"""What a catalogue on disk belongs to: a database, how far its logs had come, and what was erased by then."""

from __future__ import annotations

import platform
import unicodedata
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from sqlalchemy import BigInteger, func, select, text, type_coerce
from sqlalchemy.orm import Session

from marketplace.catalogue.logs import Stand
from marketplace.models import ChangeRow, Entry, Erasure, Log, RenewalRow

_LOGS = select(Log.id, Log.name, Log.next_sequence, Log.revision, Log.renewals)
_ROW = select(
    ChangeRow.entry_key, ChangeRow.body_id, Entry.entry_id, type_coerce(ChangeRow.accepted_at, BigInteger)
).join(Entry, Entry.id == ChangeRow.entry_key)


_AT = type_coerce(Erasure.erased_at, BigInteger)
_ERASED = select(func.count(), func.sum(Erasure.entry_key), func.sum(_AT), func.max(_AT))


def find_erased(session: Session) -> list[int]:
    """What was erased so far, in numbers that change with each erasure.

    A count does not: what was erased from a group's log may be taken in again elsewhere.
    """
    return [int(number or 0) for number in session.execute(_ERASED).one()]


def label_of(session: Session, stands: Mapping[int, Stand], erased: list[int]) -> dict[str, Any] | None:
    """What a catalogue belongs to that has read some logs so far, in the words of JSON.

    Args:
        stands: of the logs, by their keys.
        erased: what had been erased before it read the first row; see ``find_erased``.

    Returns:
        None where the database does not have these rows: it is another one, or an older state of it.
    """
    found = {row.id: row for row in session.execute(_LOGS)}
    logs = []
    for key, stand in sorted(stands.items()):
        row = found.get(key)
        if row is None or Stand(row.next_sequence, row.revision, row.renewals).is_behind(stand):
            return None
        if row.next_sequence < stand.position or row.renewals < stand.renewals:
            return None
        ends = (
            [_row(session, key, sequence) for sequence in (0, stand.position - 1)] if stand.position else []
        )
        renewal = _renewal(session, key, stand.renewals - 1)
        logs.append([key, row.name, stand.position, stand.revision, stand.renewals, ends, renewal])
    return {
        "software": [version("image-marketplace"), platform.python_version(), unicodedata.unidata_version],
        "schema": session.scalar(text("SELECT version_num FROM alembic_version")),
        "erased": erased,
        "logs": logs,
    }


def stands_of(label: Mapping[str, Any]) -> dict[int, Stand]:
    """How far the logs of a label had come."""
    return {key: Stand(*stand) for key, _, *stand, _, _ in label["logs"]}


def _row(session: Session, log_id: int, sequence: int) -> list[Any] | None:
    """What tells a row of a log from every other one."""
    row = session.execute(
        _ROW.where(ChangeRow.log_id == log_id, ChangeRow.sequence == sequence)
    ).one_or_none()
    return None if row is None else list(row)


def _renewal(session: Session, log_id: int, number: int) -> list[Any] | None:
    """What tells a renewal of a log from every other one; None where it is not kept."""
    statement = select(RenewalRow.identifier, RenewalRow.email).where(
        RenewalRow.log_id == log_id, RenewalRow.number == number
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else list(row)
