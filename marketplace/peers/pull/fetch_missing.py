"""Looks for entries that are missing here: rows whose bodies did not come, and what only sets tell of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketplace.changes import Provenance
from marketplace.ingest import Page
from marketplace.ingest.items import PageRecord
from marketplace.peers.limits import PAGE_ROWS
from marketplace.peers.model import FollowedLog, Peer, WantedRow
from marketplace.peers.pull.log_pull import PullTools
from marketplace.peers.pull.page_records import ComparedPart, RetriedBodies, WantedBodies
from marketplace.peers.pull.write_pipeline import COMMIT_SECONDS
from marketplace.peers.registry.missing_rows import due_elsewhere, due_wanted, note_asked
from marketplace.peers.remote.comparison import find_missing
from marketplace.peers.remote.peer_client import MAX_IDS, PeerClient, ask_for
from marketplace.portions import portions
from validators.document import AcceptedEntry


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison of whole sets brought.

    Args:
        came: entries that are here now.
        lacking: entries that the peer lists and does not hand out, and did not erase, as it says.
    """

    came: int
    lacking: int


class MissingEntries:
    """Requests missing entries from one peer."""

    def __init__(self, means: PullTools, peer: Peer) -> None:
        self._means = means
        self._peer = peer

    def retry_wanted(self, followed: FollowedLog, client: PeerClient) -> int | None:
        """Ask this peer for bodies that are missing; returns how many came, None where none is due.

        Of its own rows the peer can say that it erased what they name: then they are
        wanted no more.

        Raises:
            ContactError: the peer did not give what was asked for.
            IngestError: this site could not take it.
        """
        means, now = self._means, self._means.clock()
        with means.database.read() as session:
            rows = due_wanted(session, followed, now, MAX_IDS)
        if not rows:
            return None
        handed = ask_for(client, list(dict.fromkeys(one.entry_id for one in rows)))
        came = WantedBodies(self._proven(handed.bodies), followed.log, now)
        return self._take(came, rows, RetriedBodies(came, rows, followed.id, handed.erased))

    def ask_elsewhere(self, followed: FollowedLog, client: PeerClient) -> int | None:
        """Ask this peer, once, for what others said that they erased; returns how many came.

        Nobody can hide so what somebody else has. None where nothing is left to ask for.

        Raises:
            ContactError: the peer did not give what was asked for.
            IngestError: this site could not take it.
        """
        means = self._means
        with means.database.read() as session:
            rows = due_elsewhere(session, self._peer.id, means.clock())
        if not rows:
            return None
        came = 0
        for part in portions(rows, MAX_IDS):
            handed = ask_for(client, list(dict.fromkeys(one.entry_id for one in part)))
            bodies = WantedBodies(self._proven(handed.bodies), followed.log, means.clock())
            came += self._take(bodies, part, bodies)
        with means.database.write() as session:
            moments = [one.erased_at for one in rows if one.erased_at is not None]
            note_asked(session, self._peer.id, max(moments))
        return came

    def compare(self, followed: FollowedLog, slug: str, client: PeerClient) -> Compared:
        """Fetch what the peer has and this site has not.

        Args:
            slug: the log's part of the peer's URLs.

        Raises:
            ContactError: the peer did not give what was asked for.
            IngestError: this site could not take it.
        """
        means, now = self._means, self._means.clock()
        with means.database.read() as session:
            missing = find_missing(session, followed, slug, client)
        handed = ask_for(client, missing)
        entries = self._proven(handed.bodies)
        for start in range(0, max(1, len(entries)), PAGE_ROWS):
            part = entries[start : start + PAGE_ROWS]
            page = Page(part, followed.log, ComparedPart(followed, part, now))
            means.ingest.enqueue_page(page).result(COMMIT_SECONDS)
        lacking = [one for one in missing if one not in handed.bodies and one not in handed.erased]
        return Compared(len(entries), len(lacking))

    def _take(self, came: WantedBodies, rows: Sequence[WantedRow], record: PageRecord) -> int:
        """Take in the bodies that came; returns how many they are."""
        by_id = {one.entry_id: one for one in rows}
        claims = [by_id[entry.entry_id] for entry in came.entries]
        provenance = [Provenance(one.origin, one.origin_sequence, one.origin_time) for one in claims]
        page = Page(came.entries, came.log, record, provenance)
        self._means.ingest.enqueue_page(page).result(COMMIT_SECONDS)
        return len(came.entries)

    def _proven(self, bodies: Mapping[str, bytes]) -> list[AcceptedEntry]:
        verdicts = self._means.verification.verify(list(bodies.values()))
        return [
            entry
            for entry_id, entry in zip(bodies, verdicts, strict=True)
            if isinstance(entry, AcceptedEntry) and entry.entry_id == entry_id
        ]
