"""What every row has that is owed to somebody outside: who tries to hand it over, how often, when again."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from marketplace.models.columns import Moment, Number, PrimaryKey, Word

#: Waits for its next attempt; arrived; given up, until an operator says otherwise.
WAITING, SENT, DEAD = "waiting", "sent", "dead"


class Owed:
    """Columns of a table that is a queue (``marketplace.queue``).

    ``claimed_until`` is when a worker that fell silent loses its claim; ``created_at`` is when the time
    began after which it is given up.
    """

    id: Mapped[PrimaryKey]
    state: Mapped[Word]
    attempts: Mapped[Number]
    created_at: Mapped[Moment]
    due_at: Mapped[Moment]
    finished_at: Mapped[Moment | None]
    claimed_by: Mapped[Word | None]
    claimed_until: Mapped[Moment | None]
    last_error: Mapped[Word | None]
