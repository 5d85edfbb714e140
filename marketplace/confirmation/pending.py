"""The uploads that wait, as one transaction sees them."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.confirmation.errors import CertificateFrozenError, TooManyPendingError
from marketplace.models import ConfirmedEndorser, PendingUpload
from marketplace.models.insertion import insert_once
from marketplace.trust.verdicts import announce
from validators.document import AcceptedEntry

#: Numbers of uploads have twelve digits.
_FIRST_NUMBER = 10**11

#: Serialises counting and adding between processes on PostgreSQL: "mkpend" in ASCII.
_LOCK = 0x6D6B70656E64


@dataclass(frozen=True, slots=True)
class PendingLimits:
    """Limits of the uploads that wait for a confirmation.

    Args:
        per_client: uploads from one network to one log for one mailbox: a stranger who claims an address
            leaves room for its owner.
        per_mailbox: uploads to one log for one mailbox, from everywhere.
        in_all: uploads.
        time: until an upload is forgotten.
    """

    per_client: int
    per_mailbox: int
    in_all: int
    time: timedelta


@dataclass(frozen=True, slots=True)
class Pending:
    """An upload that waits.

    Args:
        key: of its row.
        log: where it goes.
        email: of its endorser, who is asked.
        state: waiting, confirming or frozen.
    """

    key: int
    log: str
    entry_id: str
    email: str
    fingerprint: str
    state: str
    created_at: datetime
    expires_at: datetime


def mailbox_of(email: str) -> str:
    """What an address is counted under: spellings that usually reach one person are one.

    Case, dots and what follows a plus sign in the local part make no difference, so that nobody gets
    more mail for having many spellings.
    """
    local, _, domain = email.lower().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"


class PendingUploads:
    """Adds, finds and removes uploads that wait."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def lock(self) -> None:
        """Let no other process add any until the end of the transaction; SQLite has one writer anyway."""
        if self._session.connection().dialect.name == "postgresql":
            self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})

    def find(self, log: str, entry_id: str) -> Pending | None:
        """The upload of an entry to a log."""
        row = self._session.scalar(
            select(PendingUpload).where(PendingUpload.log == log, PendingUpload.entry_id == entry_id)
        )
        return None if row is None else _to_pending(row)

    def find_open(self, key: int, now: datetime) -> tuple[Pending, bytes] | None:
        """An upload that is neither frozen nor over, with its bytes."""
        return self._found(_open(key, now))

    def claim_open(self, key: int, now: datetime) -> tuple[Pending, bytes] | None:
        """An open upload, locked until the end of the transaction."""
        return self._found(_open(key, now).with_for_update())

    def _found(self, statement: Select[tuple[PendingUpload]]) -> tuple[Pending, bytes] | None:
        row = self._session.scalar(statement)
        return None if row is None else (_to_pending(row), row.data)

    def add(
        self, entry: AcceptedEntry, log: str, client: str, limits: PendingLimits, now: datetime
    ) -> Pending:
        """Let an upload wait.

        Args:
            client: network it came from.

        Raises:
            CertificateFrozenError: an upload with its certificate was reported.
            TooManyPendingError: too many wait already.
        """
        self.verify_room(entry, log, client, limits)
        row = self._session.scalars(
            insert(PendingUpload).returning(PendingUpload),
            {
                # Drawn, not counted: a mail to the operators may lie for long, and the number in it must
                # never come to mean another upload.
                "id": _FIRST_NUMBER + secrets.randbelow(9 * _FIRST_NUMBER),
                "log": log,
                "entry_id": entry.entry_id,
                "email": entry.endorser.email,
                "mailbox": mailbox_of(entry.endorser.email),
                "client": client,
                "fingerprint": entry.signer.fingerprint,
                "state": "waiting",
                "created_at": now,
                "expires_at": now + limits.time,
                "data": entry.data,
            },
        ).one()
        return _to_pending(row)

    def verify_room(self, entry: AcceptedEntry, log: str, client: str, limits: PendingLimits) -> None:
        """Check that an upload may wait.

        Raises:
            CertificateFrozenError, TooManyPendingError: as of ``add``.
        """
        count = select(func.count()).select_from(PendingUpload)
        signer = entry.signer.fingerprint
        if self._session.scalar(
            count.where(PendingUpload.fingerprint == signer, PendingUpload.state == "frozen")
        ):
            raise CertificateFrozenError(
                "an upload with this certificate was reported as abuse: the operators of this marketplace "
                "have to release it first"
            )
        # What was reported waits for the operators, and must not use up the room of whoever reported it.
        mine = count.where(
            PendingUpload.log == log,
            PendingUpload.mailbox == mailbox_of(entry.endorser.email),
            PendingUpload.state != "frozen",
        )
        for most, waiting in (
            (limits.per_client, self._session.scalar(mine.where(PendingUpload.client == client)) or 0),
            (limits.per_mailbox, self._session.scalar(mine) or 0),
        ):
            if waiting >= most:
                raise TooManyPendingError(
                    f"{waiting} uploads wait for the confirmation of this address already: answer "
                    "these mails, or wait until the uploads expire"
                )
        if (self._session.scalar(count) or 0) >= limits.in_all:
            raise TooManyPendingError(
                "too many uploads wait for confirmation at this marketplace: try again later"
            )

    def data(self, key: int) -> bytes | None:
        """The bytes of an upload."""
        return self._session.scalar(select(PendingUpload.data).where(PendingUpload.id == key))

    def thaw(self, key: int, expires_at: datetime) -> tuple[Pending, bytes] | None:
        """Let a frozen upload wait again until a moment; None where there is no such one."""
        row = self._session.scalar(
            select(PendingUpload)
            .where(PendingUpload.id == key, PendingUpload.state == "frozen")
            .with_for_update()
        )
        if row is None:
            return None
        row.state, row.expires_at = "waiting", expires_at
        self._session.flush()
        return _to_pending(row), row.data

    def move(self, key: int, state: str) -> None:
        """Change the state of an upload."""
        self._session.execute(update(PendingUpload).where(PendingUpload.id == key).values(state=state))

    def remove(self, key: int) -> None:
        """Forget an upload, with its links."""
        self._session.execute(delete(PendingUpload).where(PendingUpload.id == key))

    def expire(self, now: datetime) -> int:
        """Forget what nobody confirmed in time; returns how many. What was reported stays."""
        return len(
            self._session.execute(
                delete(PendingUpload)
                .where(PendingUpload.expires_at <= now, PendingUpload.state != "frozen")
                .returning(PendingUpload.id)
                .execution_options(synchronize_session=False)
            ).all()
        )

    def list(self, limit: int = 10_000) -> Sequence[Pending]:
        """Everything that waits, the oldest first."""
        oldest = select(PendingUpload).order_by(PendingUpload.created_at, PendingUpload.id)
        return [_to_pending(row) for row in self._session.scalars(oldest.limit(limit))]

    def drop(self, keys: Collection[int]) -> int:
        """Forget uploads in any state; returns how many there were."""
        return len(
            self._session.execute(
                delete(PendingUpload)
                .where(PendingUpload.id.in_(keys))
                .returning(PendingUpload.id)
                .execution_options(synchronize_session=False)
            ).all()
        )

    def is_confirmed(self, fingerprint: str, email: str) -> bool:
        """Whether somebody who reads the address's mail agreed to this certificate before."""
        return self._session.get(ConfirmedEndorser, (fingerprint, email)) is not None

    def is_publicly_confirmed(self, fingerprint: str, email: str) -> bool:
        """Whether the pair is confirmed by a public upload: uploads to groups are private."""
        found = self._session.get(ConfirmedEndorser, (fingerprint, email))
        return found is not None and found.public_at is not None

    def remember(self, fingerprint: str, email: str, log: str, now: datetime) -> None:
        """Note that whoever reads the address's mail agrees to a certificate, asked about an upload."""
        public = now if log == PUBLIC else None
        news = public is not None and not self.is_publicly_confirmed(fingerprint, email)
        values = {"fingerprint": fingerprint, "email": email, "confirmed_at": now, "public_at": public}
        self._session.execute(insert_once(self._session, ConfirmedEndorser, values))
        if public is not None:
            self._session.execute(
                update(ConfirmedEndorser)
                .where(
                    ConfirmedEndorser.fingerprint == fingerprint,
                    ConfirmedEndorser.email == email,
                    ConfirmedEndorser.public_at.is_(None),
                )
                .values(public_at=now)
            )
        if news:
            # A certificate that gets its first verdict meanwhile waits for this transaction or is seen by it.
            announce(self._session, fingerprint, now)


def _open(key: int, now: datetime) -> Select[tuple[PendingUpload]]:
    return select(PendingUpload).where(
        PendingUpload.id == key, PendingUpload.state != "frozen", PendingUpload.expires_at > now
    )


def _to_pending(row: PendingUpload) -> Pending:
    return Pending(
        row.id,
        row.log,
        row.entry_id,
        row.email,
        row.fingerprint,
        row.state,
        row.created_at,
        row.expires_at,
    )
