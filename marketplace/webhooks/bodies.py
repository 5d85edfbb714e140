"""What is sent: made at each attempt of what the webhook's owner may see at that moment."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from marketplace.access.principal import Principal
from marketplace.events import Events, Happened, Kind, Wanted
from marketplace.events.presenters import to_json
from marketplace.presence import Presence
from marketplace.webhooks.definitions import SITE, Hook
from marketplace.webhooks.deliveries import TEST
from validators.document import format_time

#: Copies named in one event; the API has all of them.
_MOST_COPIES = 500


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
    if found is None:
        return None
    told = to_json(found, site)
    if found.kind is Kind.RECALL:
        told["data"]["copies"] = _copies(session, hook, found)
    return _write(told)


def _copies(session: Session, hook: Hook, found: Happened) -> list[dict[str, Any]]:
    """Where a withdrawn image still is: all sites for administrators, else what concerns the owner."""
    mine = None if hook.audience == SITE else hook.owner
    presence = Presence(session, Principal(None, frozenset({hook.log})))
    recalls = presence.recalls(mine, mine, found.entry_id)
    copies = [copy for one in recalls for copy in one.copies]
    return [
        {"site": one.site, "store": one.store, "kind": one.kind, "at": format_time(one.at)}
        for one in copies[:_MOST_COPIES]
    ]


def _write(members: dict[str, Any]) -> bytes:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
