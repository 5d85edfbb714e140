"""Judges the certificates of new entries as the logs grow."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, Change
from marketplace.models import ChangeRow, Entry, IntermediateCertificate, Log
from marketplace.portions import portions
from marketplace.trust.verdicts import VerdictService, public_among

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
        for chunk in portions(keys, _CHUNK):
            found.update(session.scalars(select(Entry.certificate_id).where(Entry.id.in_(chunk)).distinct()))
        told = self._newly_public(session, found, changes[0].sequence) if log == PUBLIC and changes else set()
        self._verdicts.judge_new(session, found, told)

    def _newly_public(self, session: Session, certificates: Collection[int], since: int) -> set[int]:
        """Certificates of groups' entries that the public log holds from this row on, and had not before."""
        beside = select(IntermediateCertificate.certificate_id).join(
            Log, Log.id == IntermediateCertificate.log_id
        )
        private: set[int] = set()
        wanted = sorted(certificates)
        for chunk in portions(wanted, _CHUNK):
            private.update(
                session.scalars(
                    beside.where(IntermediateCertificate.certificate_id.in_(chunk), Log.name != PUBLIC)
                )
            )
        if not private:
            return set()
        return private - set(session.scalars(public_among(private).where(ChangeRow.sequence < since)))

    def reset(self) -> None:
        """Nothing to forget: a verdict does not depend on the log."""
