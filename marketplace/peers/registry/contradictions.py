"""What this site saw as a witness, kept against the peer whose log it is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from marketplace.db import Database
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.pull_writes import save_quarantine
from marketplace.tlog.following import SplitViewError


def keep_contradiction(
    database: Database, clock: Callable[[], datetime], origin: str, first: bytes, second: bytes
) -> None:
    """Stop pulling a log of which its own key signed two heads that contradict each other.

    Args:
        first: the note that was cosigned here.
        second: the note that came now.
    """
    with database.write() as session:
        for followed in FollowedLogs(session).all():
            if followed.origin == origin:
                error = SplitViewError(
                    "the peer showed this site, as a witness, two different trees of one size",
                    first.decode("utf-8", "backslashreplace"),
                    second.decode("utf-8", "backslashreplace"),
                )
                save_quarantine(session, followed, error, clock())
