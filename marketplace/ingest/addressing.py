"""The log that an upload goes to, and the record of it that the writer stores in the same transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from marketplace.access.principal import PUBLIC, Principal, group_log
from marketplace.audit import OwedRecord
from validators.audience import read_audience
from validators.document import AcceptedEntry


@dataclass(frozen=True, slots=True)
class Address:
    """The log that an upload goes to.

    Args:
        log: name of the log.
        record: written by the writer thread in the transaction that creates the entry, and not written
            where the entry was there before.
    """

    log: str
    record: OwedRecord | None = None


#: Addresses an upload by what its endorser signed.
Addressing = Callable[[AcceptedEntry], Address]


def address_of(entry: AcceptedEntry, log: str | Addressing) -> Address:
    """The address of an entry, by a log's name or by what tells it."""
    return Address(log) if isinstance(log, str) else log(entry)


@dataclass(frozen=True, slots=True)
class ToGroup:
    """Sends each entry to the log of one group. Uploads to a group are private acts, and on record."""

    group: str
    principal: Principal

    def __call__(self, entry: AcceptedEntry) -> Address:
        details = {"group": self.group, "entry": entry.entry_id}
        return Address(group_log(self.group), _record(self.principal, "entry.upload", entry, details))


@dataclass(frozen=True, slots=True)
class AsSigned:
    """Sends an entry to the group that it is signed for, where that is one of the uploader's; else to all."""

    principal: Principal

    def __call__(self, entry: AcceptedEntry) -> Address:
        named = read_audience(entry.metadata).groups
        own = [group for group in named if self.principal.may_upload_to(group)]
        return ToGroup(own[0], self.principal)(entry) if len(own) == 1 else Address(PUBLIC)


@dataclass(frozen=True, slots=True)
class ToEverybody:
    """Sends entries that a group publishes to the public log, with a record of who did it."""

    principal: Principal

    def __call__(self, entry: AcceptedEntry) -> Address:
        return Address(PUBLIC, _record(self.principal, "entry.publish", entry, {"entry": entry.entry_id}))


def _record(principal: Principal, action: str, entry: AcceptedEntry, details: dict[str, str]) -> OwedRecord:
    return OwedRecord(principal.name or "", action, entry.coordinates.path(), details)
