"""What a mail says, checked so that nothing in it can become a header or a command."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum

from marketplace.access.principal import PUBLIC
from marketplace.config.mail import is_address
from validators.coded_error import CodedError

#: Stands in a body where its secret link goes when it is sent. No printable text holds this character.
LINK = "\ue000"

MAX_SUBJECT, MAX_BODY, MAX_KEY = 200, 200_000, 300


class LetterError(CodedError, code="mail.letter"):
    """A mail that must not be sent as it is; the message says why."""


class LinkPurpose(StrEnum):
    """What the secret link of a mail allows."""

    UPLOAD = "upload"
    SUBSCRIBE = "subscribe"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to one address, in plain text.

    Args:
        to: a bare address.
        subject: one printable line.
        body: lines; LINK stands where the address of the secret link goes.
        key: names the occasion; a second letter of the same key is not taken in.
        log: the log it tells of; figures that everybody sees count letters about the public one only.
        link: what the secret link is for; None where there is none.
        pending_id: key of the upload the link is about.

    Raises:
        LetterError: some part could be read as something else by a mail server or reader.
    """

    to: str
    subject: str
    body: str
    key: str
    log: str = PUBLIC
    link: LinkPurpose | None = None
    pending_id: int | None = None

    def __post_init__(self) -> None:
        if not is_address(self.to):
            raise LetterError(f"{self.to[:80]!r} is not a mail address")
        if not self.subject or not self.subject.isprintable() or len(self.subject) > MAX_SUBJECT:
            raise LetterError(f"a subject must be one printable line of at most {MAX_SUBJECT} characters")
        if not self.key or not self.key.isprintable() or len(self.key) > MAX_KEY:
            raise LetterError(f"a key is one printable line of at most {MAX_KEY} characters")
        plain = (
            self.body.replace("\n", "")
            if self.link is None
            else self.body.replace("\n", "").replace(LINK, "")
        )
        if not plain.isprintable() or len(self.body) > MAX_BODY:
            raise LetterError(f"a body is printable lines of at most {MAX_BODY} characters in all")


def one_line(text: str, most: int = 150) -> str:
    """Text from outside as it may stand in a letter: one printable line, cut to a length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def message_id(key: str, sender: str) -> str:
    """The Message-ID of the letter of a key: the same at each attempt, so that mail readers see one."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"


def compose(letter: Letter, body: str, sender: str, name: str, moment: datetime) -> EmailMessage:
    """Write a letter as a message (RFC 5322).

    Args:
        body: the letter's, with its link filled in.
        sender: bare address it comes from.
        name: of the sender, for people.
        moment: the aware time for its Date.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(display_name=one_line(name, 80), addr_spec=sender)
    message["To"] = Address(addr_spec=letter.to)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(moment)
    message["Message-ID"] = message_id(letter.key, sender)
    # Answering machines keep silent towards such mail (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    return message
