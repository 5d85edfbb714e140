"""What is sent: made at each attempt of what the webhook's owner may see at that moment."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from marketplace.events import Events, Wanted
from marketplace.events.telling import to_json
from marketplace.webhooks.definitions import Hook
from marketplace.webhooks.deliveries import TEST
from validators.document import format_time


def find_body(
    session: Session, hook: Hook, event_id: str, kind: str, owed_at: datetime, site: str
) -> bytes | None:
    """The bytes to send about an event; None where it is not to be told any more.

    Args:
        owed_at: when the event was owed, which is when a test happened.
        site: base of the links.
    """
    if kind == TEST:
        return _write(
            {
                "id": event_id,
                "type": TEST,
                "timestamp": format_time(owed_at),
                "data": {"sentence": f"A test of the webhook {hook.name} of {site}."},
            }
        )
    found = Events(session).find(Wanted(frozenset({hook.log})), event_id)
    return None if found is None else _write(to_json(found, site))


def _write(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
