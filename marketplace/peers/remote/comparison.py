"""Compares what is here with what a peer has, by digests of sets, and fetches what is missing.

The log already tells everything in order; this finds what no log can: rows that this
site once passed over, or lost. Equal sets cost one request and no body.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.changes import ChangeLog
from marketplace.ingest import ErasedError
from marketplace.models import ChangeRow, Entry, PeerRejected, PeerWanted
from marketplace.peers.model import FollowedLog
from marketplace.peers.remote.peer_client import PeerClient
from marketplace.tlog.digest import SetSum, sum_up

#: Parts that differ and are looked into in one comparison; the next one goes on.
MAX_PARTS = 256
#: Ids that are fetched after one comparison.
MAX_MISSING = 2048
#: Rows read at a time.
_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Sets:
    """The ids of a local log, summed up by their first two digits."""

    parts: Mapping[str, SetSum]

    @property
    def digest(self) -> str:
        """The digest of all ids."""
        return sum_up(self.parts.values()).digest


def sum_log(session: Session, log: str) -> Sets:
    """The sums of a local log."""
    parts: defaultdict[str, SetSum] = defaultdict(SetSum)
    for page in _pages(session, log):
        grouped: defaultdict[str, list[str]] = defaultdict(list)
        for entry_id in page:
            grouped[entry_id[:2]].append(entry_id)
        for prefix, ids in grouped.items():
            parts[prefix] = parts[prefix].plus(ids)
    return Sets(parts)


def find_missing(session: Session, followed: FollowedLog, slug: str, client: PeerClient) -> list[str]:
    """The ids that a peer's log has and the local one has not, at most MAX_MISSING.

    Not those that are wanted from that log: they are asked for anyway, everywhere. Nor those that say what
    was erased here.

    Raises:
        ContactError: the peer did not give what was asked for.
    """
    log = followed.log
    here = sum_log(session, log)
    there = client.digests(slug, "", here.digest)
    if there is None:
        return []
    missing: list[str] = []
    looked = 0
    for prefix in _differing(there, here.parts):
        ids = _ids_below(session, log, prefix)
        deeper: defaultdict[str, SetSum] = defaultdict(SetSum)
        for entry_id in ids:
            deeper[entry_id[:4]] = deeper[entry_id[:4]].plus([entry_id])
        known = ids | _left_out_below(session, followed, prefix)
        for second in _differing(client.digests(slug, prefix, "") or {}, deeper):
            missing += [one for one in client.digest_ids(slug, second) if one not in known]
            looked += 1
            if looked >= MAX_PARTS or len(missing) >= MAX_MISSING:
                return missing[:MAX_MISSING]
    return missing


def _differing(there: Mapping[str, str], here: Mapping[str, SetSum]) -> list[str]:
    return [prefix for prefix, digest in there.items() if prefix not in here or here[prefix].digest != digest]


def _ids_below(session: Session, log: str, prefix: str) -> set[str]:
    query = (
        select(Entry.entry_id)
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .where(
            ChangeRow.log_id == ChangeLog(session).key(log),
            Entry.entry_id >= prefix,
            # Behind every hex digit, so behind every id that begins with the prefix.
            Entry.entry_id < prefix + "g",
        )
    )
    return set(session.scalars(query))


def _left_out_below(session: Session, followed: FollowedLog, prefix: str) -> set[str]:
    found: set[str] = set()
    for table in (PeerWanted, PeerRejected):
        query = select(table.entry_id).where(
            table.peer_log_id == followed.id,
            table.entry_id >= prefix,
            table.entry_id < prefix + "g",
        )
        if table is PeerRejected:
            # What was passed over for another reason may have been spoilt on its way.
            query = query.where(PeerRejected.code == ErasedError.code)
        found.update(one for one in session.scalars(query) if one is not None)
    return found


def _pages(session: Session, log: str) -> Iterator[list[str]]:
    log_id, start, size = ChangeLog(session).key(log), 0, ChangeLog(session).size(log)
    while start < size:
        query = (
            select(Entry.entry_id)
            .join(ChangeRow, ChangeRow.entry_key == Entry.id)
            .where(
                ChangeRow.log_id == log_id, ChangeRow.sequence >= start, ChangeRow.sequence < start + _PAGE
            )
        )
        yield list(session.scalars(query))
        start += _PAGE
