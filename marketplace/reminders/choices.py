"""What readers of addresses chose, as one transaction sees it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from marketplace.models import ReminderChoice
from marketplace.models.insertion import insert_once


class Choices:
    """Reads and keeps choices."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def subscribe(self, email: str, now: datetime) -> None:
        """Monthly lists and warnings for an address, whose reader asked for them."""
        self._set(email, {"monthly": True, "warnings": True}, now)

    def stop(self, email: str, now: datetime) -> None:
        """No reminders of any kind for an address."""
        self._set(email, {"monthly": False, "warnings": False}, now)

    def _set(self, email: str, chosen: dict[str, bool], now: datetime) -> None:
        values = {"email": email, "since": now, **chosen}
        self._session.execute(insert_once(self._session, ReminderChoice, values))
        self._session.execute(update(ReminderChoice).where(ReminderChoice.email == email).values(**chosen))
