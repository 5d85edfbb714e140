"""Receipts of two cloud sites, and what a marketplace then knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.access import ANONYMOUS, Principal, Scope
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.presence import (
    Presence,
    PresenceNotices,
    Recall,
    ReceiptService,
)
from marketplace.receipts import Finding, Receipt, sign_receipt
from marketplace.tlog.note import SigningKey
from tests.factories.entries import accepted
from tests.mail.test_reminders import JANE, know, store
from validators.document import AcceptedEntry, Checksum

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
URL = "https://images.example.org/image.qcow2"
ORSAY = SigningKey("lab-orsay", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
LYON = SigningKey("lab-lyon", Ed25519PrivateKey.from_private_bytes(bytes(32)))
SENDER = Principal("ops@orsay.example", frozenset({"public"}), frozenset({Scope.SITE}), token="0" * 16)
OTHER = Principal("ops@lyon.example", frozenset({"public"}), frozenset({Scope.SITE}), token="1" * 16)
CHECKSUMS = (Checksum("SHA-512", "ab" * 64),)
MEMBER = replace(SENDER, logs=frozenset({"public", "group:astro"}))


def receipt(entry: AcceptedEntry, finding: Finding = Finding.AVAILABLE, **said: object) -> Receipt:
    about = {"location": URL} if finding.is_about_location else {}
    return Receipt(
        **{
            "site": "lab-orsay",
            "entry_id": entry.entry_id,
            "identifier": entry.identifier,
            "finding": finding,
            "at": NOW - HOUR,
            "store": "main",
            "kind": "directory",
            **about,
            **said,
        }
    )


def send(
    database: Database,
    *receipts: Receipt,
    key: SigningKey = ORSAY,
    by: Principal = SENDER,
    now: datetime = NOW,
) -> list[str]:
    """What becomes of receipts: outcomes, or the codes of refusals."""
    notes = [sign_receipt(replace(one, site=key.name), key).decode() for one in receipts]
    results = ReceiptService(database, lambda: now).take(by, str(key.verifier), notes)
    return [one.code or one.outcome.value for one in results]


def sites(database: Database, entry: AcceptedEntry, reader: Principal = ANONYMOUS) -> int:
    with database.read() as session:
        return Presence(session, reader).count(entry.identifier)


def recalls(database: Database, reader: Principal = ANONYMOUS) -> list[Recall]:
    with database.read() as session:
        return list(Presence(session, reader).recalls())


def notices(database: Database, now: datetime = NOW, **settings: str) -> int:
    """Owe what is due, as the mail worker of some process does; how many mails that are."""
    read = Settings.from_mapping(
        {
            "site.url": "https://mp.example.org",
            "mail.host": "127.0.0.1",
            "mail.sender": "mp@example.org",
            "mail.admin": "root@mp.example.org",
            "reminders.enabled": "true",
            **settings,
        }
    )
    return PresenceNotices(database, read, lambda: now).run()


def withdrawn(database: Database) -> AcceptedEntry:
    """An entry whose image a site has, and that its endorser, whom the site knows, withdrew."""
    entry = accepted("one", JANE, created=NOW - 3 * HOUR)
    store(database, entry)
    know(database)
    send(database, receipt(entry))
    assert recalls(database) == []
    assert notices(database) == 0
    store(database, accepted("one", JANE, created=NOW - 2 * HOUR, deprecated="backdoor"))
    return entry
