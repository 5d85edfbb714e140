"""Erases what an entry says, because somebody has a right to it. That it was there stays.

A leaf of the log names no person and can never go: others have signed for it. Everything
else of the entry goes: its bytes, its columns, its certificate if nothing else is signed
with it, and what waits to be confirmed. So does every entry that makes the same statement under
another certificate: the words are the same, whoever vouches for the key.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from marketplace.audit import AuditLog
from marketplace.db import Database
from marketplace.entries.erased import coordinates_digest, line_digest, series_digest
from marketplace.events import Happening, Kind, record
from marketplace.ingest.errors import IngestError
from marketplace.ingest.locks import lock_names, series_name
from marketplace.ingest.row_visibility import hide
from marketplace.models import (
    AuditRecord,
    Certificate,
    ChangeRow,
    ConfirmedEndorser,
    Entry,
    EntryBody,
    EntryChecksum,
    EntryLocation,
    EntryTag,
    EntryUse,
    Erasure,
    Event,
    IntermediateCertificate,
    PendingUpload,
    RenewalRow,
    SiteReceipt,
    Twin,
    VerdictChange,
    VerdictRow,
    ViewList,
    WatchedLocation,
    WebhookDelivery,
)
from marketplace.rules.trust import is_trusted
from validators import accept
from validators.document import Coordinates
from validators.errors import RefusedError

#: Characters of a reason.
MAX_REASON = 500
#: What the columns of an erased entry hold: they must hold something.
BLANK = {
    "statement": "0" * 64,
    "identifier": "-" * 27,
    "email": "",
    "created": datetime(1970, 1, 1, tzinfo=UTC),
    "subject": "",
    "issuer": "",
    "size": 0,
    "type": "",
    "valid": None,
    "deprecated": None,
    "title": None,
    "description": None,
    "os": None,
    "os_version": None,
    "os_arch": None,
    "kind": None,
    "format": None,
    "publisher": None,
    "version": None,
    "first_location": None,
    "has_web": False,
    "has_pdisk": False,
}

#: Tables whose rows hold words of an entry, or of somebody about it.
_CONTAINS_WORDS = (
    EntryTag,
    EntryLocation,
    EntryChecksum,
    Twin,
    WatchedLocation,
    SiteReceipt,
    Event,
    WebhookDelivery,
)

_IS_THERE = ~select(Erasure.entry_key).where(Erasure.entry_key == Entry.id).exists()

#: The key of an entry, and whether the site trusts its certificate for the address.
_SIGNED = (
    select(Certificate.key_digest, is_trusted())
    .select_from(Entry)
    .join(Certificate, Certificate.id == Entry.certificate_id)
    .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
)


class UnknownEntryError(IngestError, code="entry.unknown"):
    """There is no such entry, or it was erased already."""


class ReasonError(IngestError, code="erase.reason"):
    """The reason of an erasure cannot be shown: it is empty, too long, or has control characters."""


class ErasingService:
    """Erases entries.

    Args:
        clock: returns the time as an aware datetime.
        forget: told of the coordinates, for whoever remembers what was there.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        forget: Callable[[Sequence[Coordinates]], None] = lambda places: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._forget = forget

    def erase(self, which: Coordinates | str, reason: str, actor: str) -> list[str]:
        """Erase the entry of an id, or every one with some coordinates, from all logs.

        Entries that say the same as the one of the id under other certificates are erased with it.

        Args:
            reason: is shown to everybody who requests the entry.
            actor: who does it, as the audit log names it.

        Returns:
            the ids of the entries.

        Raises:
            UnknownEntryError: there is none.
            ReasonError: there is no reason, or it is too long or not plain text.
        """
        said = reason.strip()
        if not said or len(said) > MAX_REASON or not said.isprintable():
            raise ReasonError(f"the reason is a line of plain text, at most {MAX_REASON} characters")
        with self._database.write() as session:
            entries = _find(session, which)
            for entry in entries:
                self._erase(session, entry, said, actor)
            places = [Coordinates(entry.identifier, entry.email, entry.created) for entry in entries]
            _rename_acts(session, places[0], entries[0].entry_id)
        self._forget(places)
        self._database.drop_history()
        return [entry.entry_id for entry in entries]

    def _erase(self, session: Session, entry: Entry, reason: str, actor: str) -> None:
        now = self._clock()
        place = Coordinates(entry.identifier, entry.email, entry.created)
        key_digest, trusted = session.execute(_SIGNED.where(Entry.id == entry.id)).one()
        session.execute(
            insert(Erasure).values(
                entry_key=entry.id,
                place=coordinates_digest(place),
                series=series_digest(entry.identifier, entry.email),
                line=line_digest(entry.identifier, entry.email, key_digest),
                trusted=trusted,
                statement=entry.statement,
                created=entry.created,
                reason=reason,
                erased_at=now,
            )
        )
        logs = session.execute(
            select(ChangeRow.log_id, ChangeRow.shown)
            .where(ChangeRow.entry_key == entry.id)
            .order_by(ChangeRow.log_id)
        ).all()
        for log_id, _ in logs:
            hide(session, log_id, [entry.id])
            # It has words of the entry, and every follower starts again anyway.
            session.execute(
                delete(RenewalRow).where(
                    RenewalRow.log_id == log_id,
                    RenewalRow.identifier == entry.identifier,
                    RenewalRow.email == entry.email,
                )
            )
        for table in _CONTAINS_WORDS:
            session.execute(delete(table).where(table.entry_key == entry.id))
        # The size stays: a later epoch's leaf is made of it.
        session.execute(update(EntryBody).where(EntryBody.entry_key == entry.id).values(data=b""))
        _drop_waiting(session, entry)
        email = entry.email
        # A list names images and the endorser; its message cannot be changed without the endorser's key.
        session.execute(delete(ViewList).where(ViewList.email == email))
        _blank(session, entry)
        # After it: whoever adds to the sums at this moment has come before, or finds nothing to add to.
        session.execute(delete(EntryUse).where(EntryUse.email == email, EntryUse.entry_key == entry.id))
        AuditLog(session).record(actor, "entry.erase", entry.entry_id, {"reason": reason}, at=now)
        record(session, [Happening(Kind.ERASED, log_id, now, entry.id) for log_id, shown in logs if shown])


def _find(session: Session, which: Coordinates | str) -> list[Entry]:
    place, statement = (which, None) if isinstance(which, Coordinates) else _read_erased(session, which)
    # Nobody brings another one in between, and whoever waits for this sees what was erased.
    lock_names(session.connection(), [series_name(place.identifier, place.email)])
    at_place = (
        Entry.identifier == place.identifier,
        Entry.email == place.email,
        Entry.created == place.created,
    )
    query = select(Entry).where(*at_place, _IS_THERE).order_by(Entry.id)
    if statement is not None:
        query = query.where(Entry.statement == statement)
    found = session.scalars(query).all()
    if not found:
        raise UnknownEntryError("there is no such entry")
    session.expunge_all()
    return list(found)


def _rename_acts(session: Session, coordinates: Coordinates, entry_id: str) -> None:
    """Name what was done with an erased entry by its id: its coordinates hold somebody's address."""
    left = select(Entry.id).where(
        Entry.identifier == coordinates.identifier,
        Entry.email == coordinates.email,
        Entry.created == coordinates.created,
    )
    if session.scalar(left.limit(1)) is None:
        session.execute(
            update(AuditRecord).where(AuditRecord.subject == coordinates.path()).values(subject=entry_id)
        )


def _read_erased(session: Session, entry_id: str) -> tuple[Coordinates, str]:
    entry = session.scalar(select(Entry).where(Entry.entry_id == entry_id, _IS_THERE))
    if entry is None:
        raise UnknownEntryError("there is no such entry")
    return Coordinates(entry.identifier, entry.email, entry.created), entry.statement


def _drop_waiting(session: Session, entry: Entry) -> None:
    """Forget uploads of what is erased that wait for their endorser's word."""
    waiting = select(PendingUpload.id, PendingUpload.data).where(PendingUpload.email == entry.email)
    keys = [key for key, data in session.execute(waiting) if _says(data, entry.statement)]
    session.execute(delete(PendingUpload).where(PendingUpload.id.in_(keys)))


def _says(data: bytes, statement: str) -> bool:
    try:
        return accept(data).statement == statement
    except RefusedError:
        return False  # an older version accepted it, and no confirmation lets it in any more


def _blank(session: Session, entry: Entry) -> None:
    session.execute(
        update(Entry).where(Entry.id == entry.id).values(**BLANK).execution_options(synchronize_session=False)
    )
    others = (
        select(func.count())
        .select_from(Entry)
        .outerjoin(Erasure, Erasure.entry_key == Entry.id)
        .where(Entry.certificate_id == entry.certificate_id, Erasure.entry_key.is_(None))
    )
    if session.scalar(others):
        return
    key = entry.certificate_id
    fingerprint = session.scalar(select(Certificate.fingerprint).where(Certificate.id == key))
    session.execute(delete(ConfirmedEndorser).where(ConfirmedEndorser.fingerprint == fingerprint))
    for table in (IntermediateCertificate, VerdictRow, VerdictChange):
        session.execute(delete(table).where(table.certificate_id == key))
    session.execute(
        update(Certificate)
        .where(Certificate.id == key)
        # Whoever brings the certificate again brings another row.
        .values(fingerprint=secrets.token_hex(32), key_digest=secrets.token_hex(32), der=b"", email=None)
    )
