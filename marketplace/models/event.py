"""What happened at this marketplace, in one order, and who outside is told of it."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, PrimaryKey, Word
from marketplace.models.owed import Owed


class EventState(Base):
    """The one row from which events get their numbers; ``looked_until`` is up to when ends of entries were
    looked for."""

    __tablename__ = "event_state"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[PrimaryKey] = mapped_column(autoincrement=False)
    next_number: Mapped[Number]
    looked_until: Mapped[Moment | None]


class Event(Base):
    """Something that happened, for the readers of one log.

    ``number`` orders events and is told to nobody: it counts what other logs have as well. ``event_id`` is
    what readers know it by. What an entry says is read from the entry, so that it goes with it;
    ``details`` is a JSON object of what else there is to say.
    """

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("event_id"),
        Index(None, "log_id", "number"),
        Index(None, "entry_key"),
        Index(None, "at"),
    )

    number: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[Word]
    kind: Mapped[Word]
    at: Mapped[Moment]
    log_id: Mapped[Number] = mapped_column(ForeignKey("log.id"))
    entry_key: Mapped[Number | None] = mapped_column(ForeignKey("entry.id"))
    details: Mapped[Word]


class Webhook(Base):
    """An address that is told of events.

    ``audience`` is ``site``, ``own`` or ``group:NAME``: whose events, and by which right of its owner's.
    ``token`` is the one that it was made with; absent where an operator made it. ``filters`` is a JSON
    object. ``secret`` and ``former_secret`` are encrypted. ``position`` is the number of the event it
    wants next; ``failing_since`` is when the attempts began of which none arrived.
    """

    __tablename__ = "webhook"
    __table_args__ = (UniqueConstraint("name"), Index(None, "owner"), Index(None, "token"))

    id: Mapped[PrimaryKey]
    name: Mapped[Word]
    url: Mapped[Word]
    owner: Mapped[Word]
    audience: Mapped[Word]
    token: Mapped[Word | None]
    description: Mapped[Word]
    filters: Mapped[Word]
    secret: Mapped[Word]
    former_secret: Mapped[Word | None]
    former_until: Mapped[Moment | None]
    position: Mapped[Number]
    created_at: Mapped[Moment]
    failing_since: Mapped[Moment | None]
    disabled_at: Mapped[Moment | None]
    disabled_reason: Mapped[Word | None]


class WebhookDelivery(Owed, Base):
    """One event for one address, from the moment it is owed until the log of deliveries forgets it.

    What is sent is made at each attempt, of what the owner may see then. ``status`` is the last answer's,
    ``duration`` milliseconds until it came, ``answer`` its first characters.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        CheckConstraint("state IN ('waiting', 'sent', 'dead')", name="state"),
        Index(None, "state", "due_at"),
        Index(None, "webhook_id", "state", "id"),
        Index(None, "entry_key"),
    )

    webhook_id: Mapped[Number] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"))
    event_id: Mapped[Word]
    kind: Mapped[Word]
    entry_key: Mapped[Number | None] = mapped_column(ForeignKey("entry.id"))
    status: Mapped[Number | None]
    duration: Mapped[Number | None]
    answer: Mapped[Word]
