"""Judges the certificates of new entries as the logs grow."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.changes import Change
from marketplace.models import Entry
from marketplace.trust.verdicts import VerdictService

#: Entries named in one statement.
_CHUNK = 500


class VerdictFollower:
    """A follower whose copy is the table of verdicts: one for all processes of a database."""

    name = "verdicts"

    def __init__(self, verdicts: VerdictService) -> None:
        self._verdicts = verdicts

    def apply(self, session: Session, log: str, changes: Sequence[Change]) -> None:
        """Judge the certificates of these rows that have no verdict yet."""
        keys = [change.entry_key for change in changes]
        found: set[int] = set()
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            found.update(session.scalars(select(Entry.certificate_id).where(Entry.id.in_(chunk)).distinct()))
        self._verdicts.judge_new(session, found)

    def reset(self) -> None:
        """Nothing to forget: a verdict does not depend on the log."""
