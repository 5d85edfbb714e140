"""Takes receipts of sites in: proven, about entries that the sender may read, the latest of each counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from marketplace.access import Principal
from marketplace.audit import AuditLog, Detail
from marketplace.db import Database
from marketplace.events import Happening, Kind, record
from marketplace.locations.links import carries_credentials
from marketplace.models import ChangeRow, Entry, EntryChecksum, EntryLocation, SiteReceipt
from marketplace.models.insertion import insert_once
from marketplace.presence.errors import NotTakenError
from marketplace.presence.keys import BoundSite, SiteRegistry
from marketplace.receipts import (
    Finding,
    Receipt,
    ReceiptError,
    ReceiptOutcome,
    Result,
    parse_site_key,
    verify_receipt,
)
from marketplace.rules.visibility import VisibleLogs, find_scope
from marketplace.usage import add_imports
from marketplace.watch import location_digest, look_soon

#: How far ahead of this clock the clock of a site may be.
_CLOCK: Final = timedelta(minutes=5)
#: Stores of one site that have one entry.
MOST_STORES: Final = 32
_SHA512: Final = "SHA-512"

#: What of the findings at a location is an event.
_TOLD: Final = {Finding.MISMATCH: Kind.MISMATCH, Finding.UNREACHABLE: Kind.UNREACHABLE}
#: A receipt that is proven, with its bytes, or why it is not.
_Read = tuple[Receipt, str] | Result


class ReceiptService:
    """Keeps what sites say. Safe to share between threads and processes.

    Args:
        now: the clock.
        counting: whether imports are counted.
        on_imports: told how many imports were counted.
    """

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        *,
        counting: bool = True,
        on_imports: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._database = database
        self._now = now
        self._counting = counting
        self._on_imports = on_imports

    def take(self, principal: Principal, key_text: str, notes: Sequence[str]) -> tuple[Result, ...]:
        """Keep receipts, in their order; one that is refused keeps no other from being kept.

        Args:
            principal: who sends them; only entries that it may read are there for it.
            key_text: the key of the site that signed them.
            notes: the signed receipts.

        Raises:
            ReceiptFormatError: the text is not a key of a site.
            SiteKeyError: it is not the key that is bound to the site's name.
        """
        key = parse_site_key(key_text)
        read: list[_Read] = []
        for note in notes:  # before the transaction: nobody waits for signatures to be verified
            try:
                read.append((verify_receipt(note.encode("utf-8", "surrogatepass"), key), note))
            except ReceiptError as error:
                read.append(Result(ReceiptOutcome.REFUSED, error.code, str(error)))
        now = self._now()
        with self._database.write() as session:
            site = SiteRegistry(session).admit(key, principal, now)
            keeping = _Keeping(session, site, find_scope(session, principal), now)
            results = tuple(one if isinstance(one, Result) else keeping.take(*one) for one in read)
            counts = Counter(one.outcome.value for one in results)
            if self._counting:
                add_imports(session, now.date(), keeping.imports)
            if counts[ReceiptOutcome.KEPT.value]:
                details: dict[str, Detail] = {one.value: counts[one.value] for one in ReceiptOutcome}
                AuditLog(session).record(principal.name or "", "receipt.post", site.name, details, at=now)
        if self._counting:
            self._on_imports(keeping.imports.total())
        return results


class _Keeping:
    """One request of one site, in its transaction."""

    def __init__(self, session: Session, site: BoundSite, scope: VisibleLogs, now: datetime) -> None:
        self._session = session
        self._site = site
        self._scope = scope
        self._now = now
        #: Stores that have an entry and had it not before, by the key of the entry.
        self.imports: Counter[int] = Counter()

    def take(self, receipt: Receipt, note: str) -> Result:
        """Store one receipt."""
        try:
            key = self._judge(receipt)
            return Result(ReceiptOutcome.KEPT if self._keep(receipt, key, note) else ReceiptOutcome.KNOWN)
        except NotTakenError as error:
            return Result(ReceiptOutcome.REFUSED, error.name, str(error))

    def _judge(self, receipt: Receipt) -> int:
        """The key of the entry that a receipt is about, if it is one that can be kept."""
        entry = self._session.execute(
            select(Entry.id, Entry.identifier)
            .join(ChangeRow, ChangeRow.entry_key == Entry.id)
            .where(Entry.entry_id == receipt.entry_id, self._scope.covers(ChangeRow.log_id), ChangeRow.shown)
            .limit(1)
        ).one_or_none()
        if entry is None:
            raise NotTakenError(
                "receipt.entry", "there is no entry with this id, or this token may not read it"
            )
        if entry.identifier != receipt.identifier:
            raise NotTakenError("receipt.identifier", "the entry is about another image")
        if receipt.at > self._now + _CLOCK:
            raise NotTakenError(
                "receipt.time", "the receipt's time is in the future: set the clock of the site"
            )
        if receipt.finding is Finding.AVAILABLE and receipt.sha512 is not None:
            endorsed = self._session.scalars(
                select(EntryChecksum.value).where(
                    EntryChecksum.entry_key == entry.id, EntryChecksum.algorithm == _SHA512
                )
            ).all()
            if endorsed and receipt.sha512 not in endorsed:
                raise NotTakenError(
                    "receipt.sha512",
                    "the entry endorses another SHA-512: the site's copy is not this image",
                )
        if receipt.location is not None and not self._session.scalar(
            select(exists().where(EntryLocation.entry_key == entry.id, EntryLocation.uri == receipt.location))
        ):
            raise NotTakenError("receipt.location", "the entry does not name this location")
        return int(entry.id)

    def _keep(self, receipt: Receipt, key: int, note: str) -> bool:
        about = _about(receipt)
        mine = (SiteReceipt.site_id == self._site.number, SiteReceipt.entry_key == key)
        known = self._session.execute(
            select(SiteReceipt.at, SiteReceipt.note, SiteReceipt.finding).where(
                *mine, SiteReceipt.about == about
            )
        ).one_or_none()
        if known is not None and (known.at > receipt.at or known.note == note):
            return False
        said = {
            "finding": receipt.finding.value,
            "store": receipt.store,
            "kind": receipt.kind,
            "location": receipt.location,
            "reason": receipt.reason,
            "at": receipt.at,
            "received_at": self._now,
            "note": note,
        }
        if known is None:
            stores = (
                select(func.count()).select_from(SiteReceipt).where(*mine, SiteReceipt.about.like("store:%"))
            )
            if not receipt.finding.is_about_location and (self._session.scalar(stores) or 0) >= MOST_STORES:
                raise NotTakenError("receipt.stores", f"a site has an entry in at most {MOST_STORES} stores")
            row = {"site_id": self._site.number, "entry_key": key, "about": about, **said}
            self._session.execute(insert_once(self._session, SiteReceipt, row))
        else:
            self._session.execute(update(SiteReceipt).where(*mine, SiteReceipt.about == about).values(**said))
        self._follow_up(receipt, key, said)
        available = Finding.AVAILABLE.value
        if receipt.finding is Finding.AVAILABLE and (known is None or known.finding != available):
            self.imports[key] += 1
        if receipt.finding in _TOLD and (known is None or known.finding != receipt.finding.value):
            self._tell(receipt, key)
        return True

    def _tell(self, receipt: Receipt, key: int) -> None:
        """Note what a site found as an event, for whoever sees the entry; the site is not named."""
        location = receipt.location or ""
        details = {
            "location": None if carries_credentials(location) else location,
            "reason": receipt.reason,
        }
        logs = (
            select(ChangeRow.log_id)
            .where(ChangeRow.entry_key == key, ChangeRow.shown)
            .order_by(ChangeRow.log_id)
        )
        kind = _TOLD[receipt.finding]
        record(
            self._session,
            [Happening(kind, log, self._now, key, details) for log in self._session.scalars(logs)],
        )

    def _follow_up(self, receipt: Receipt, key: int, members: Mapping[str, object]) -> None:
        mine = SiteReceipt.site_id == self._site.number
        if receipt.finding.is_about_location and receipt.location is not None:
            look_soon(self._session, receipt.location, key, self._now)
        elif receipt.finding is Finding.WITHDRAWN:
            # A store has an image or it has not, whichever entries it was imported by.
            same_image = select(Entry.id).where(Entry.identifier == receipt.identifier)
            self._session.execute(
                update(SiteReceipt)
                .where(
                    mine,
                    SiteReceipt.about == _about(receipt),
                    SiteReceipt.entry_key.in_(same_image),
                    SiteReceipt.at <= receipt.at,
                )
                .values(dict(members))
                .execution_options(synchronize_session=False)
            )
        elif receipt.location is not None:
            self._session.execute(
                delete(SiteReceipt).where(
                    mine,
                    SiteReceipt.entry_key == key,
                    SiteReceipt.about == _about_location(receipt.location),
                    SiteReceipt.at <= receipt.at,
                )
            )


def _about(receipt: Receipt) -> str:
    if receipt.finding.is_about_location and receipt.location is not None:
        return _about_location(receipt.location)
    return f"store:{receipt.store}"


def _about_location(location: str) -> str:
    return f"location:{location_digest(location)}"
