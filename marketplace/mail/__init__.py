"""Outgoing mail: owed in the database, sent by whoever comes first, once as far as SMTP allows."""

from marketplace.mail.letter import LINK, Letter, LetterError, LinkPurpose, one_line
from marketplace.mail.outbox import Outbox, OutgoingState
from marketplace.mail.worker import Chore, MailHealth, MailWorker

__all__ = [
    "LINK",
    "Chore",
    "Letter",
    "LetterError",
    "LinkPurpose",
    "MailHealth",
    "MailWorker",
    "Outbox",
    "OutgoingState",
    "one_line",
]
