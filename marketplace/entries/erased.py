"""What is known of entries whose content was erased: where they were, and what that means for the rest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.models import ChangeRow, Erasure
from marketplace.portions import portions
from validators.document import AcceptedEntry, Coordinates

#: Keys named in one statement.
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Erased:
    """An erased entry, as readers are told of it."""

    reason: str
    erased_at: datetime


@dataclass(frozen=True, slots=True)
class Erasures:
    """What was erased, as far as it decides about the rest.

    The newest statement about an image may have been that it is deprecated. That it was
    erased must not make an older one current again: one of the same key, or any other one
    where the site trusted the certificate of the erased one for the address.

    Args:
        until: by log and line, and for trusted ones by log and series too, the creation time of the
            newest entry that was erased.
        reasons: by statement, why it was erased.
        logs: by statement, the keys of the logs that it was erased from.
    """

    until: dict[tuple[int, str], datetime]
    reasons: dict[str, str]
    logs: dict[str, set[int]]

    def find_reason(self, entry: AcceptedEntry, logs: Collection[int] | None = None) -> str | None:
        """Why an entry, or the same under another certificate, was erased; None where it was not.

        Args:
            logs: the keys of those to look at; None for all. Who reads none of the others must not learn
                that they had the entry.
        """
        if logs is not None and not self.logs.get(entry.statement, set()) & set(logs):
            return None
        return self.reasons.get(entry.statement)

    def supersedes(self, log_id: int, image: tuple[str, str], key_digest: str, created: datetime) -> bool:
        """Whether something newer, or as new, that would supersede an entry was erased from the log.

        Args:
            image: identifier and endorser's e-mail.
            key_digest: of the key that signed the entry.
        """
        if not self.until:
            return False
        digests = (line_digest(*image, key_digest), series_digest(*image))
        untils = (self.until.get((log_id, digest)) for digest in digests)
        return any(until is not None and created <= until for until in untils)


_erasure = Erasure.__table__.c
#: Put together once: every transaction of uploads asks this.
_ERASURES = select(
    _erasure.entry_key,
    _erasure.series,
    _erasure.line,
    _erasure.trusted,
    _erasure.created,
    _erasure.statement,
    _erasure.reason,
)


def find_erasures(session: Session) -> Erasures:
    """All erasures; there are few, if any."""
    # Two questions, and mostly one: a join begins at the wrong end, which is the whole log.
    rows = session.execute(_ERASURES).all()
    if not rows:
        return Erasures({}, {}, {})
    erased = {
        row.entry_key: ((row.line, row.series) if row.trusted else (row.line,), row.created) for row in rows
    }
    until: dict[tuple[int, str], datetime] = {}
    statements = {row.entry_key: row.statement for row in rows}
    logs: dict[str, set[int]] = {}
    keys = sorted(erased)
    for portion in portions(keys, _CHUNK):
        found = select(ChangeRow.log_id, ChangeRow.entry_key).where(ChangeRow.entry_key.in_(portion))
        for log_id, key in session.execute(found):
            digests, created = erased[key]
            logs.setdefault(statements[key], set()).add(log_id)
            for digest in digests:
                until[log_id, digest] = max(created, until.get((log_id, digest), created))
    return Erasures(until, {row.statement: row.reason for row in rows}, logs)


def coordinates_digest(coordinates: Coordinates) -> str:
    """What is kept of an erased entry's coordinates."""
    return sha256(coordinates.path().encode()).hexdigest()


def series_digest(identifier: str, email: str) -> str:
    """What is kept of an erased entry's image and endorser."""
    return sha256(f"{identifier}/{email}".encode()).hexdigest()


def line_digest(identifier: str, email: str, key_digest: str) -> str:
    """What is kept of an erased entry's image, endorser and key."""
    return sha256(f"{identifier}/{email}/{key_digest}".encode()).hexdigest()
