"""Which events each webhook is owed: read from where it stands, and owed in the transaction that moves it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from marketplace.db import Database
from marketplace.events import Events
from marketplace.models import EventState, Webhook
from marketplace.webhooks.definitions import Hook
from marketplace.webhooks.deliveries import MOST_WAITING, Deliveries
from marketplace.webhooks.registry import read_hook
from marketplace.webhooks.rights import find_objection

#: Ends what a webhook is told, with a reason, in a transaction.
Disable = Callable[[Session, Hook, str], None]
#: The ids of the entries of a view that a webhook is told of; None where that cannot be said now.
FindEntries = Callable[[Hook], Collection[str] | None]


@dataclass(frozen=True, slots=True)
class Planner:
    """Owes webhooks what happened. Safe to share between threads and processes.

    Args:
        now: the clock.
        disable: called where a webhook may be told nothing any more.
        find_entries: asked where a webhook has a view as a filter.
        most_waiting: deliveries of one webhook that wait; the events behind them wait as events.
    """

    database: Database
    now: Callable[[], datetime]
    disable: Disable
    find_entries: FindEntries
    most_waiting: int = MOST_WAITING

    def plan(self) -> int:
        """Owe every webhook some of what came since it was looked at; returns how many deliveries."""
        with self.database.read() as session:
            end = session.scalars(select(EventState.next_number)).one()
            behind = select(Webhook).where(Webhook.disabled_at.is_(None), Webhook.position < end)
            hooks = [read_hook(row) for row in session.scalars(behind.order_by(Webhook.id))]
            hooks = [one for one in hooks if Deliveries(session).count_waiting(one) < self.most_waiting]
        return sum(map(self._plan, hooks))

    def _plan(self, hook: Hook) -> int:
        entries: Collection[str] | None = None
        if hook.filters.view is not None:
            entries = self.find_entries(hook)
            if entries is None:
                return 0
        with self.database.write() as session:
            held = session.scalar(select(Webhook).where(Webhook.id == hook.key).with_for_update())
            if held is None or held.disabled_at is not None or held.position != hook.position:
                return 0  # somebody else did something with it
            now = self.now()
            objection = find_objection(session, hook, now)
            if objection is not None:
                self.disable(session, hook, objection)
                return 0
            return self._owe(session, hook, entries, now)

    def _owe(self, session: Session, hook: Hook, entries: Collection[str] | None, now: datetime) -> int:
        events, deliveries = Events(session), Deliveries(session)
        room = self.most_waiting - deliveries.count_waiting(hook)
        end = events.end()
        found = events.since(hook.wanted(), hook.position, room) if room > 0 else []
        owed = [
            (one.event_id, one.kind.value, one.entry_key)
            for one in found
            if entries is None or one.entry_id in entries
        ]
        deliveries.owe(hook, owed, now)
        position = end if len(found) < room else found[-1].number + 1 if found else hook.position
        session.execute(
            update(Webhook)
            .where(Webhook.id == hook.key)
            .values(position=position)
            .execution_options(synchronize_session=False)
        )
        return len(owed)
