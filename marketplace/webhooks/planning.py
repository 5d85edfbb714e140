"""Which events each webhook is owed: read from where it stands, and owed in the transaction that moves it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from marketplace.db import Database
from marketplace.events import Events, Wanted
from marketplace.models import EventState, Webhook
from marketplace.portions import portions
from marketplace.webhooks.definitions import Hook
from marketplace.webhooks.deliveries import MOST_WAITING, Deliveries
from marketplace.webhooks.registry import read_hook
from marketplace.webhooks.rights import find_objection

_logger = logging.getLogger(__name__)
#: How long a view may take until the log says that a webhook waits for it.
_PATIENCE = timedelta(minutes=10)
#: Webhooks of one statement.
_AT_ONCE = 500
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
    waits_since: dict[int, datetime] = field(default_factory=dict, init=False)

    def plan(self) -> int:
        """Owe every webhook some of what came since it was looked at; returns how many deliveries."""
        with self.database.read() as session:
            end = session.scalars(select(EventState.next_number)).one()
            behind = select(Webhook).where(Webhook.disabled_at.is_(None), Webhook.position < end)
            hooks = [read_hook(row) for row in session.scalars(behind.order_by(Webhook.id))]
            waiting = Deliveries(session).count_waiting_of_each() if hooks else {}
            hooks = [one for one in hooks if waiting.get(one.key, 0) < self.most_waiting]
            owed = _find_owed(session, hooks, end)
        self._pass_over([one for one in hooks if one.key not in owed], end)
        return sum(self._plan(one, end) for one in hooks if one.key in owed)

    def _pass_over(self, hooks: Sequence[Hook], end: int) -> None:
        """Move many webhooks past events that none of them wants, in one transaction."""
        if not hooks:
            return
        with self.database.write() as session:
            for position, same in groupby(sorted(hooks, key=_position), _position):
                keys = [one.key for one in same]
                for portion in portions(keys, _AT_ONCE):
                    session.execute(
                        update(Webhook)
                        # Not those with which somebody did something meanwhile.
                        .where(Webhook.id.in_(portion), Webhook.position == position)
                        .values(position=end)
                        .execution_options(synchronize_session=False)
                    )

    def _plan(self, hook: Hook, end: int) -> int:
        entries: Collection[str] | None = None
        if hook.filters.view is not None:
            entries = self.find_entries(hook)
            if entries is None:
                self._tell_waiting(hook)
                return 0
            self.waits_since.pop(hook.key, None)
        with self.database.write() as session:
            held = session.scalar(select(Webhook).where(Webhook.id == hook.key).with_for_update())
            if held is None or held.disabled_at is not None or held.position != hook.position:
                return 0  # somebody else did something with it
            hook, now = read_hook(held), self.now()
            objection = find_objection(session, hook, now)
            if objection is not None:
                self.disable(session, hook, objection)
                return 0
            return self._owe(session, hook, entries, end, now)

    def _tell_waiting(self, hook: Hook) -> None:
        """Say in the log, from time to time, that a webhook waits for its view."""
        now = self.now()
        if now - self.waits_since.setdefault(hook.key, now) > _PATIENCE:
            self.waits_since[hook.key] = now
            _logger.warning(
                "webhooks: %s waits for the view %s, which this process cannot make",
                hook.name,
                hook.filters.view,
            )

    def _owe(
        self, session: Session, hook: Hook, entries: Collection[str] | None, end: int, now: datetime
    ) -> int:
        events, deliveries = Events(session), Deliveries(session)
        room = self.most_waiting - deliveries.count_waiting(hook)
        # What came after the end is not in the view that was looked at.
        found = events.between(hook.wanted(), hook.position, end, room) if room > 0 else []
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


def _find_owed(session: Session, hooks: Sequence[Hook], end: int) -> Collection[int]:
    """Keys of those webhooks that want some of what came, but for what their views leave out."""
    events, known, found = Events(session), dict[tuple[Wanted, int], bool](), set()
    for hook in hooks:
        asked = hook.wanted(), hook.position
        if asked not in known:
            known[asked] = events.is_any_between(*asked, end)
        if known[asked]:
            found.add(hook.key)
    return found


def _position(hook: Hook) -> int:
    return hook.position
