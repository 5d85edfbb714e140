"""The way of an upload whose endorser is asked first.

Held durably -> mail with a secret link -> the link's POST -> the gate again -> log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.audit import AuditLog
from marketplace.changes import LogNotFoundError
from marketplace.config import Settings
from marketplace.confirmation.errors import BeingConfirmedError, ConfirmationError, LinkUnknownError
from marketplace.confirmation.letters import abuse_letter, confirmation_letter
from marketplace.confirmation.pending import Pending, PendingLimits, PendingUploads
from marketplace.db import Database
from marketplace.ingest import (
    Address,
    Addressing,
    ConflictError,
    IngestError,
    IngestResult,
    IngestService,
    StoreUnavailableError,
)
from marketplace.ingest.addressing import address_of
from marketplace.ingest.outcome import predict_outcome
from marketplace.limits import network_of
from marketplace.mail import LinkPurpose, Outbox
from marketplace.mail.links import Links
from marketplace.trust import TrustService
from validators import accept
from validators.document import AcceptedEntry
from validators.errors import RefusedError

_Find = Callable[[int, datetime], tuple[Pending, bytes] | None]


@dataclass(frozen=True, slots=True)
class AwaitedConfirmation:
    """An upload waits for its endorser's word.

    Args:
        email: who is asked by mail.
        expires_at: when it is forgotten.
    """

    email: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The result of a confirmation.

    Args:
        email: of the endorser.
        refusal: code of the rule that keeps the entry out now; None where it went in.
    """

    email: str
    refusal: str | None


class ConfirmationService:
    """Takes uploads in, at once or after a confirmation. Safe to call from any number of threads.

    Args:
        nudge: called when mail is owed.
        on_outcome: called with held or refused, and the code of the rule that refused, where an upload to
            the public log ends here.
    """

    def __init__(
        self,
        database: Database,
        ingest: IngestService,
        trust: TrustService,
        settings: Settings,
        now: Callable[[], datetime],
        *,
        nudge: Callable[[], None] = lambda: None,
        on_outcome: Callable[[str, str], None] = lambda outcome, code: None,
    ) -> None:
        self._database = database
        self._ingest = ingest
        self._trust = trust
        self._settings = settings
        self._policy = ingest.policy
        self._limits = PendingLimits(
            settings.upload.pending_per_client,
            settings.upload.pending_per_address,
            settings.upload.pending_limit,
            timedelta(days=settings.upload.confirm_days),
        )
        self._now = now
        self._nudge = nudge
        self._on_outcome = on_outcome

    def submit(
        self, data: bytes, log: str | Addressing = PUBLIC, client: str = ""
    ) -> IngestResult | AwaitedConfirmation:
        """Take an upload in, or hold it until its endorser confirms it.

        Args:
            client: address of whoever uploads.
            log: its name, or what tells it of an accepted entry; what is to be noted with the entry is
                noted when it begins to wait.

        Raises:
            ConfirmationError: it cannot be held.
            RefusedError, IngestError, LogNotFoundError: as of ``IngestService.submit``.
        """
        entry = self._ingest.accept(data, log)
        if not self._settings.upload.confirm_email or not self._needs_confirmation(entry):
            return self._ingest.take(entry, log)
        address = address_of(entry, log)
        try:
            held = self._hold(entry, address, client)
        except SQLAlchemyError as error:
            raise StoreUnavailableError(
                "the database cannot store the entry at the moment: try again later"
            ) from error
        except (IngestError, ConfirmationError) as error:
            # Asking the ingest service again could let in what the clock kept out a moment ago.
            self._tell(address.log, "refused", error.code)
            raise
        if held is None:  # stored already, for which nobody's word is needed
            return self._ingest.take(entry, log)
        self._tell(address.log, "held", "")
        return held

    def would_hold(self, entry: AcceptedEntry, log: str, client: str) -> bool:
        """Whether an upload that passes the gate would wait for its endorser's word.

        Args:
            client: address of whoever would upload.

        Raises:
            ConfirmationError: it could not be held.
        """
        if not self._settings.upload.confirm_email or not self._needs_confirmation(entry):
            return False
        with self._database.read() as session:
            uploads = PendingUploads(session)
            if uploads.find(log, entry.entry_id) is None:
                uploads.verify_room(entry, log, network_of(client), self._limits)
        return True

    def has_confirmed(self, entry: AcceptedEntry) -> bool:
        """Whether whoever reads its endorser's mail agreed to its certificate, as far as all may know."""
        with self._database.read() as session:
            return PendingUploads(session).is_publicly_confirmed(
                entry.signer.fingerprint, entry.endorser.email
            )

    def find(self, secret: str) -> tuple[Pending, AcceptedEntry]:
        """The upload a link is about.

        Raises:
            LinkUnknownError: there is none, or not any more.
        """
        with self._database.read() as session:
            pending, data = self._pending_of(PendingUploads(session).find_open, session, secret)
        return pending, accept(data)

    def confirm(self, secret: str) -> Confirmed:
        """Act on an endorser's word: remember his certificate, and take the entry in by today's gate.

        Raises:
            LinkUnknownError: the link allows nothing.
            StoreUnavailableError: the database cannot take the entry now; the link goes on being good.
        """
        with self._database.write() as session:
            pending, data = self._claim(session, secret)
            uploads = PendingUploads(session)
            uploads.move(pending.key, "confirming")
            uploads.remember(pending.fingerprint, pending.email, pending.log, self._now())
        refusal = None
        try:
            self._ingest.submit(data, pending.log)
        except StoreUnavailableError:
            raise
        except (RefusedError, IngestError, LogNotFoundError) as error:
            refusal = error.code
        # A crash before this leaves a link that finds its entry stored already.
        with self._database.write() as session:
            PendingUploads(session).remove(pending.key)
            if pending.log != PUBLIC:
                self._record(session, pending, "upload.confirm", {"refusal": refusal or ""})
        return Confirmed(pending.email, refusal)

    def abort(self, secret: str) -> None:
        """Forget an upload at the wish of whoever reads its endorser's mail.

        Raises:
            LinkUnknownError: the link allows nothing.
            BeingConfirmedError: too late.
        """
        with self._database.write() as session:
            pending, _ = self._claim_waiting(session, secret)
            PendingUploads(session).remove(pending.key)
            if pending.log != PUBLIC:
                self._record(session, pending, "upload.withdraw", {})

    def report(self, secret: str) -> None:
        """Freeze an upload and tell the operators.

        Raises:
            LinkUnknownError: the link allows nothing.
            BeingConfirmedError: too late.
        """
        with self._database.write() as session:
            pending, data = self._claim_waiting(session, secret)
            PendingUploads(session).move(pending.key, "frozen")
            entry = accept(data)
            for admin in self._settings.mail.admin:
                letter = abuse_letter(entry, pending, self._settings.site, admin)
                Outbox(session).post(letter, self._now())
            self._record(session, pending, "upload.report", {"certificate": pending.fingerprint})
        self._nudge()

    def expire(self) -> None:
        """Forget what nobody confirmed in time."""
        with self._database.write() as session:
            PendingUploads(session).expire(self._now())

    def _needs_confirmation(self, entry: AcceptedEntry) -> bool:
        if self._trust.is_vouched_for(entry.signer, self._now()):
            return False
        with self._database.read() as session:
            return not PendingUploads(session).is_confirmed(entry.signer.fingerprint, entry.endorser.email)

    def _hold(self, entry: AcceptedEntry, address: Address, client: str) -> AwaitedConfirmation | None:
        """Let an upload wait and owe its mail; None for what is stored already."""
        now, log = self._now(), address.log
        with self._database.write() as session:
            uploads = PendingUploads(session)
            uploads.lock()
            if predict_outcome(session, entry, log, self._policy, now) == "unchanged":
                return None
            known = uploads.find(log, entry.entry_id)
            if known is not None:
                return self._awaited_again(session, known, entry)
            pending = uploads.add(entry, log, network_of(client), self._limits, now)
            letter = confirmation_letter(entry, pending, self._settings.site)
            Outbox(session).post(letter, now)
            if address.record is not None:
                address.record.write(session)
        self._nudge()
        return AwaitedConfirmation(pending.email, pending.expires_at)

    def _awaited_again(self, session: Session, pending: Pending, entry: AcceptedEntry) -> AwaitedConfirmation:
        found = PendingUploads(session).data(pending.key)
        if found != entry.data:
            raise ConflictError(
                f"another document has the coordinates {entry.coordinates.path()}: "
                "sign with a later dcterms:created"
            )
        return AwaitedConfirmation(pending.email, pending.expires_at)

    def _claim(self, session: Session, secret: str) -> tuple[Pending, bytes]:
        return self._pending_of(PendingUploads(session).claim_open, session, secret)

    def _claim_waiting(self, session: Session, secret: str) -> tuple[Pending, bytes]:
        pending, data = self._claim(session, secret)
        if pending.state != "waiting":
            raise BeingConfirmedError
        return pending, data

    def _pending_of(self, find: _Find, session: Session, secret: str) -> tuple[Pending, bytes]:
        link = Links(session).find(secret, self._now())
        if link is None or link.purpose is not LinkPurpose.UPLOAD or link.pending_id is None:
            raise LinkUnknownError
        found = find(link.pending_id, self._now())
        if found is None:
            raise LinkUnknownError
        return found

    def _record(self, session: Session, pending: Pending, action: str, details: dict[str, str]) -> None:
        """Note what somebody did who shows nothing but that he reads an address's mail."""
        told = {"log": pending.log, "entry": pending.entry_id, **details}
        AuditLog(session).record(f"mail:{pending.email}", action, str(pending.key), told, at=self._now())

    def _tell(self, log: str, outcome: str, code: str) -> None:
        """Count in figures that everybody sees."""
        if log == PUBLIC:
            self._on_outcome(outcome, code)


def release(session: Session, key: int, settings: Settings, now: datetime) -> bool:
    """Take back that an upload was reported, and ask its endorser again.

    Returns:
        whether there was such a frozen upload.
    """
    uploads = PendingUploads(session)
    found = uploads.thaw(key, now + timedelta(days=settings.upload.confirm_days))
    if found is None:
        return False
    pending, data = found
    Outbox(session).post(confirmation_letter(accept(data), pending, settings.site), now)
    return True


__all__ = ["AwaitedConfirmation", "ConfirmationError", "ConfirmationService", "Confirmed", "release"]
