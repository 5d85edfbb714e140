"""The record of administrative and private acts: who did what to what, and when.

Written in the transaction of the act itself, so neither is there without the
other. Nothing here changes or removes a record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from marketplace.logs import hide_secrets
from marketplace.models import AuditRecord

#: Characters of a subject or a value that are kept; they may come from outside.
_MOST_CHARACTERS = 1000
#: Most records of one page.
PAGE_LIMIT = 501

#: Values of details.
Detail = str | int | bool | None


@dataclass(frozen=True, slots=True)
class AuditedAct:
    """A recorded act. ``number`` grows with time; ``details`` are short values by name."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Detail]


@dataclass(frozen=True, slots=True)
class OwedRecord:
    """A record of an act that somebody else does: who does it writes this in the same transaction.

    Args:
        actor, action, subject, details: as of ``AuditLog.record``.
    """

    actor: str
    action: str
    subject: str
    details: Mapping[str, Detail]

    def write(self, session: Session) -> None:
        """Record the act in the transaction that does it."""
        AuditLog(session).record(self.actor, self.action, self.subject, self.details)


class AuditLog:
    """The record as one transaction sees it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def record(
        self,
        actor: str,
        action: str,
        subject: str,
        details: Mapping[str, Detail] | None = None,
        *,
        at: datetime | None = None,
    ) -> None:
        """Note an act.

        Args:
            actor: a principal's name; ``cli:USER`` for a command; ``system`` for what happens by itself.
            action: what was done, e.g. ``token.create``.
            subject: to what: a name, an address, an entry's path.
            details: short values; no secrets (what looks like one of ours is blotted out anyway).
            at: when; by default now.
        """
        written = {name: _short(value) for name, value in (details or {}).items()}
        values = {
            "at": at or datetime.now(UTC),
            "actor": _text(actor),
            "action": action,
            "subject": _text(subject),
            "details": json.dumps(written, sort_keys=True),
        }
        self._session.execute(insert(AuditRecord).values(values))

    def page(
        self,
        *,
        before: int | None = None,
        limit: int = PAGE_LIMIT,
        actor: str | None = None,
        action: str | None = None,
    ) -> list[AuditedAct]:
        """Records, the newest first.

        Args:
            before: only records with a smaller number.
            limit: most records, never more than PAGE_LIMIT.
            actor: only acts of this actor.
            action: only this action, or with a dot at the end all that begin so: ``token.``.
        """
        statement = select(AuditRecord).order_by(AuditRecord.id.desc()).limit(min(limit, PAGE_LIMIT))
        if before is not None:
            statement = statement.where(AuditRecord.id < before)
        if actor is not None:
            statement = statement.where(AuditRecord.actor == actor)
        if action is not None:
            column = AuditRecord.action
            statement = statement.where(
                column.startswith(action, autoescape=True) if action.endswith(".") else column == action
            )
        return [
            AuditedAct(row.id, row.at, row.actor, row.action, row.subject, json.loads(row.details))
            for row in self._session.scalars(statement)
        ]


def _short(value: Detail) -> Detail:
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    # PostgreSQL stores no NUL, and no text of ours has lone surrogates.
    safe = value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return hide_secrets(safe)[:_MOST_CHARACTERS]
