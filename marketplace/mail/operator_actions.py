"""What operators do with outgoing mail, by whatever way, with the record of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from marketplace.audit import AuditLog
from marketplace.config import Settings
from marketplace.mail.letter import Letter, compose
from marketplace.mail.outbox import Outbox
from marketplace.mail.smtp import SmtpTransport
from validators.coded_error import CodedError


class NoServerError(CodedError, code="mail.off"):
    """No mail server is set."""


def retry(session: Session, keys: Collection[int] | None, *, by: str, at: datetime) -> int:
    """Send dead mail again, and waiting mail now; see ``Outbox.retry``."""
    count = Outbox(session).retry(keys, at)
    AuditLog(session).record(by, "mail.retry", _named(keys), {"mails": count}, at=at)
    return count


def drop(session: Session, keys: Collection[int] | None, *, by: str, at: datetime) -> int:
    """Forget dead mail for good; see ``Outbox.drop``."""
    count = Outbox(session).drop(keys)
    AuditLog(session).record(by, "mail.drop", _named(keys), {"mails": count}, at=at)
    return count


def send_test(settings: Settings, address: str, now: datetime) -> None:
    """Send a mail now, by the mail server of the settings.

    Raises:
        NoServerError: there is none.
        LetterError: the address is none.
        PermanentError, TemporaryError, ServerUnavailableError: it did not go out.
    """
    if not settings.mail.host or settings.mail.sender is None:
        raise NoServerError("mail.host is not set: no mail is sent")
    letter = Letter(address, "Test", f"Mail of {settings.site.url} arrives.\n", f"test/{now.isoformat()}")
    message = compose(letter, letter.body, settings.mail.sender, settings.site.title, now)
    with SmtpTransport(settings.mail, settings.site.url).connect() as connection:
        connection.send(address, message)


def _named(keys: Collection[int] | None) -> str:
    return "all" if keys is None else " ".join(map(str, keys))
