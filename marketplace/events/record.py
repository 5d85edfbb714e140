"""Noting that something happened, in the transaction in which it does."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from marketplace.events.kinds import Kind
from marketplace.models import Event, EventState
from marketplace.models.insertion import insert_many

#: Random bytes of an event's id: what others have must not be counted by it.
_ID_BYTES = 12

#: Values of details.
Detail = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Happening:
    """An event: something that happened at this marketplace.

    Args:
        log_id: key of the log whose readers it is for.
        entry_key: of the entry that it is about; None where it is about none.
        details: what the entry does not say.
    """

    kind: Kind
    log_id: int
    at: datetime
    entry_key: int | None = None
    details: Mapping[str, Detail] = field(default_factory=dict)


def new_event_id() -> str:
    """An id that tells nothing of how many events there are."""
    return f"evt_{secrets.token_hex(_ID_BYTES)}"


def record(session: Session, happenings: Sequence[Happening]) -> None:
    """Note what happened; call it late in the transaction.

    Numbers are dense and become visible in order, as sequences of a log do: the row that they are taken
    from is locked until the commit.
    """
    if not happenings:
        return
    end = session.scalars(
        update(EventState)
        .values(next_number=EventState.next_number + len(happenings))
        .returning(EventState.next_number)
        .execution_options(synchronize_session=False)
    ).one()
    rows = [
        {
            "number": number,
            "event_id": new_event_id(),
            "kind": one.kind.value,
            "at": one.at,
            "log_id": one.log_id,
            "entry_key": one.entry_key,
            "details": json.dumps(one.details, sort_keys=True),
        }
        for number, one in zip(range(end - len(happenings), end), happenings, strict=True)
    ]
    insert_many(session.connection(), Event.__table__, rows)
