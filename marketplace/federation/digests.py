"""Compares sets without sending them: a digest for each beginning of an entry id."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.federation.trees import PublishedLog
from marketplace.models import ChangeRow, Entry
from marketplace.tlog.digest import SetSum, sum_up

#: Most ids listed in one answer.
MAX_LISTED = 4096
#: Rows read at a time when a log is summed up.
_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class SetDigests:
    """The digest of a set and those of its parts that are not empty, by prefix."""

    whole: SetSum
    parts: dict[str, SetSum]


@dataclass(slots=True)
class _Known:
    """A log summed up to a size, by the first two digits."""

    size: int = 0
    parts: dict[str, SetSum] = field(default_factory=dict)


class DigestService:
    """Digests of published logs. What it keeps in memory follows each log and can be lost at any time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, _Known] = {}

    def digests(self, session: Session, log: PublishedLog) -> SetDigests:
        """The digests of a log and of its parts by the first two digits of the ids."""
        with self._lock:
            known = self._known.get(log.tree_id)
            if known is None or known.size > log.size:
                known = self._known[log.tree_id] = _Known()
            for page in _pages(session, log, known.size):
                _add(known.parts, page, 2)
            known.size = log.size
            parts = dict(known.parts)
        return SetDigests(sum_up(parts.values()), dict(sorted(parts.items())))

    def part(self, session: Session, log: PublishedLog, prefix: str) -> SetDigests:
        """The digests of the ids that begin with two digits, by their first four."""
        parts: dict[str, SetSum] = {}
        _add(parts, _ids(session, log, prefix), 4)
        return SetDigests(sum_up(parts.values()), dict(sorted(parts.items())))

    def entry_ids(self, session: Session, log: PublishedLog, prefix: str, after: str) -> list[str]:
        """The ids that begin with a prefix and come after another one, at most MAX_LISTED."""
        return _ids(session, log, prefix, after, MAX_LISTED)


def _add(parts: dict[str, SetSum], entry_ids: list[str], digits: int) -> None:
    grouped: dict[str, list[str]] = {}
    for entry_id in entry_ids:
        grouped.setdefault(entry_id[:digits], []).append(entry_id)
    for prefix, ids in grouped.items():
        parts[prefix] = parts.get(prefix, SetSum()).plus(ids)


def _pages(session: Session, log: PublishedLog, since: int) -> Iterator[list[str]]:
    """The ids of the rows of a published log from a leaf on."""
    first, end = max(0, since - log.head), log.size - log.head
    for start in range(first, end, _PAGE):
        yield list(
            session.scalars(
                select(Entry.entry_id)
                .join(ChangeRow, ChangeRow.entry_key == Entry.id)
                .where(
                    ChangeRow.log_id == log.log_id,
                    ChangeRow.sequence >= start,
                    ChangeRow.sequence < min(start + _PAGE, end),
                )
            )
        )


def _ids(
    session: Session, log: PublishedLog, prefix: str, after: str = "", limit: int | None = None
) -> list[str]:
    return list(
        session.scalars(
            select(Entry.entry_id)
            .join(ChangeRow, ChangeRow.entry_key == Entry.id)
            .where(
                ChangeRow.log_id == log.log_id,
                ChangeRow.sequence < log.size - log.head,
                Entry.entry_id > max(prefix, after),
                # Behind every digit of an id, on both databases.
                Entry.entry_id < prefix + "g",
            )
            .order_by(Entry.entry_id)
            .limit(limit)
        )
    )
