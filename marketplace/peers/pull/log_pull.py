"""Pulls one log of one peer: checkpoint, rows, bodies, acceptance, and one transaction a page.

Nothing here decides whether a log is honest (``tlog.following``) or an entry valid
(``validators.accept``, in ``verification``); nothing here writes but through the
one writer of entries.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.changes import BulkImports, Provenance
from marketplace.db import Database
from marketplace.ingest import IngestResult, IngestService, Page
from marketplace.ingest.site_filter import SiteFilter
from marketplace.peers.acceptance.pool import Verification
from marketplace.peers.errors import ContactError
from marketplace.peers.limits import BOOTSTRAP_ROWS, PAGE_ROWS
from marketplace.peers.model import FollowedLog, Mirror, Peer, Rejected
from marketplace.peers.pull.bundles import AT_ONCE, Bundle, Bundles, joined
from marketplace.peers.pull.page_records import PulledPage
from marketplace.peers.pull.recent import Recent
from marketplace.peers.pull.rows import PageRow, cut, entry_ids, judge_rows, sort_rows, unknown_rows
from marketplace.peers.pull.write_pipeline import COMMIT_SECONDS, WrittenPages
from marketplace.peers.registry.checkpoints import find_another, find_passes
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.mirror_list import MirrorList
from marketplace.peers.registry.pull_writes import (
    known_ids,
    save_head,
    save_quarantine,
    save_seen,
)
from marketplace.peers.remote.mirrors import open_mirrors
from marketplace.peers.remote.peer_client import MAX_ROWS, PeerClient, PresentedHead, fetch_bodies
from marketplace.tlog.checkpoint import SignedCheckpoint
from marketplace.tlog.following import IntegrityError, SplitViewError, TrustedLog, VerifiedPage, judge_head
from marketplace.tlog.tiles import WIDTH

#: Whole bundles behind from which a log is read by bundles, several at a time.
BOOTSTRAP_BUNDLES = 2

_logger = logging.getLogger(__name__)

#: Bodies by the ids asked for; what is missing was not handed out.
Bodies = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class PullTools:
    """The services that a pull works with.

    Args:
        filter: which private logs the site reads at all.
        clock: returns the time as an aware datetime.
        site: this one's name among others; None where it publishes nothing.
        bulk_imports: counts a log that comes in as a whole.
    """

    database: Database
    ingest: IngestService
    verification: Verification
    filter: SiteFilter
    clock: Callable[[], datetime]
    site: str | None = None
    bulk_imports: BulkImports = field(default_factory=BulkImports)


class LogPull:
    """The pull of one log; keeps the tag of its checkpoint from one look to the next.

    Args:
        slug: the log's part of the peer's URLs.
    """

    def __init__(self, means: PullTools, peer: Peer, slug: str) -> None:
        self._means = means
        self._peer = peer
        self.slug = slug
        self._tag: str | None = None
        self._met = False
        #: The head of the last look; None where nothing new was shown.
        self._head: SignedCheckpoint | None = None
        #: Whether the peer was asked for its newest head at the last look.
        self.asked = False
        #: The last rows that were taken in.
        self.recent = Recent()

    def run(
        self, followed: FollowedLog, client: PeerClient, presented: SignedCheckpoint | None = None
    ) -> FollowedLog:
        """Bring in everything that the newest checkpoint covers.

        Args:
            presented: a checkpoint that the log's key signed; where it covers more than the newest one known,
                the peer is not asked for one.

        Returns:
            the log as it stands then.

        Raises:
            ContactError: the peer did not give what was asked for; what came before stays.
            IntegrityError: the log is quarantined now.
            IngestError, MovedError: this site could not take it.
        """
        try:
            return self._run(followed, client, presented)
        except IntegrityError as error:
            self.quarantine(followed, error)
            raise
        except ContactError:
            self._keep_head(followed)
            raise

    def quarantine(self, followed: FollowedLog, error: IntegrityError) -> None:
        """Pull the log no more, and keep what shows why."""
        _logger.error("a peer's log is quarantined: %s", error, extra={"peer": self._peer.name})
        with self._means.database.write() as session:
            save_quarantine(session, self._read(session, followed), error, self._means.clock())
        self._tag, self._met = None, False

    def _keep_head(self, followed: FollowedLog) -> None:
        """Remember what the log signed for, although its rows did not come."""
        newest = followed.trusted.newest
        if self._head is not None and (newest is None or newest.checkpoint != self._head.checkpoint):
            with self._means.database.write() as session:
                save_seen(session, followed, self._head, self._means.clock())

    def _run(
        self, followed: FollowedLog, client: PeerClient, presented: SignedCheckpoint | None
    ) -> FollowedLog:
        before = client.received
        quiet = followed.trusted.newest is not None and followed.trusted.behind == 0
        key = self._peer.log_key.named(followed.origin)
        self._head = None
        head: PresentedHead | None
        self.asked = presented is None or not covers_more(presented, followed)
        if presented is not None and not self.asked:
            head = PresentedHead(presented, None)
        else:
            head = client.head(self.slug, key, self._tag if quiet else None)
        if head is None:
            return followed
        trusted = judge_head(followed.trusted, head.signed)
        self._verify_seen(followed, head.signed)
        self._head = head.signed
        if trusted.behind == 0:
            if trusted != followed.trusted or followed.failures or not self._met:
                followed = self._save_head(followed, trusted, client.received - before)
        else:
            followed = self._take_rows(self._prepared(followed, head.signed), client, before)
        self._tag, self._met = head.tag, True
        return followed

    def _verify_seen(self, followed: FollowedLog, signed: SignedCheckpoint) -> None:
        """Hold a head against every one that was seen, where the largest was forgotten.

        Raises:
            SplitViewError: another tree of its size was signed before.
        """
        if followed.trusted.newest is not None:
            return
        with self._means.database.read() as session:
            another = find_another(session, followed, signed)
        if another is not None:
            raise SplitViewError(
                f"two checkpoints of size {signed.checkpoint.size} have different roots",
                another,
                signed.note.to_bytes().decode(),
            )

    def _prepared(self, followed: FollowedLog, newest: SignedCheckpoint) -> FollowedLog:
        """The log with a newer head, and with every other that its rows must pass."""
        with self._means.database.read() as session:
            passes = find_passes(session, followed, newest.checkpoint.size)
        return replace(followed, trusted=replace(followed.trusted, newest=newest, passes=passes))

    def _save_head(self, followed: FollowedLog, trusted: TrustedLog, received: int) -> FollowedLog:
        with self._means.database.write() as session:
            save_head(session, followed, trusted, received, self._means.clock())
            return self._read(session, followed)

    def _take_rows(self, followed: FollowedLog, client: PeerClient, before: int) -> FollowedLog:
        if bundles_behind(followed.trusted) >= BOOTSTRAP_BUNDLES:
            followed = self._bootstrap(followed, client)
            before = client.received
        while followed.trusted.behind:
            count = min(MAX_ROWS, followed.trusted.behind)
            rows = client.rows(self.slug, followed.trusted.reached.size, count)
            if not rows:
                judge_rows(followed.trusted, rows)
            for page in cut(followed.trusted, rows, PAGE_ROWS):
                bodies = self._fetch(followed.log, page, client)
                followed = self.take(followed, page, bodies, client.received - before)
                before = client.received
        return followed

    def _bootstrap(self, followed: FollowedLog, client: PeerClient) -> FollowedLog:
        """Take in whole bundles as long as there are any; the rest comes page by page."""
        start = followed.trusted.reached.size
        if start % WIDTH:
            # An immutable bundle begins here in the middle: the rest of it comes as rows.
            rest = client.rows(self.slug, start, WIDTH - start % WIDTH)
            for page in cut(followed.trusted, rest, PAGE_ROWS):
                followed = self.take(followed, page, self._fetch(followed.log, page, client), 0)
        first = followed.trusted.reached.size // WIDTH
        numbers = range(first, first + bundles_behind(followed.trusted))
        known = self._known(followed.log)
        mirrors = open_mirrors(client, self.slug, followed.trusted, self._find_mirrors(followed.log), AT_ONCE)
        try:
            with (
                self._means.bulk_imports.begin(),
                Bundles(client, self.slug, known, self._means.verification, mirrors) as bundles,
                WrittenPages() as written,
            ):
                self._take_bundles(followed, bundles.read(numbers), written)
        finally:
            if mirrors.tallies:
                with self._means.database.write() as session:
                    MirrorList(session).count(self._peer.id, mirrors.tallies)
        return self._reread(followed)

    def _find_mirrors(self, log: str) -> list[Mirror]:
        """The peer's mirrors; none but the peer itself hands out what not everybody may see."""
        if log != PUBLIC:
            return []
        with self._means.database.read() as session:
            return MirrorList(session).of(self._peer.id)

    def _take_bundles(self, followed: FollowedLog, bundles: Iterator[Bundle], written: WrittenPages) -> None:
        for bundle in joined(bundles):
            received = bundle.received
            for page in cut(followed.trusted, bundle.rows, BOOTSTRAP_ROWS):
                rows = unknown_rows(page, bundle.known, bundle.verdicts)
                written.add(self._enqueue(followed, page, rows, received))
                # The writer finds the cursor there or takes nothing: behind a page that failed all fail.
                followed = replace(followed, trusted=page.log)
                received = 0

    def _known(self, log: str) -> Callable[[Sequence[str]], set[str]]:
        def known(ids: Sequence[str]) -> set[str]:
            with self._means.database.read() as session:
                return known_ids(session, log, ids)

        return known

    def _fetch(self, log: str, page: VerifiedPage, client: PeerClient) -> Bodies:
        ids = entry_ids(page.leaves)
        known = self._known(log)(ids)
        return fetch_bodies(client, [one for one in dict.fromkeys(ids) if one not in known])

    def take(self, followed: FollowedLog, page: VerifiedPage, bodies: Bodies, received: int) -> FollowedLog:
        """Commit a judged page: entries, log rows, cursor and frontier together.

        Args:
            bodies: by entry id, unproven; those of entries that are here already are not needed.
            received: bytes that came over the network for it.
        """
        found = list(bodies)
        verdicts = dict(
            zip(found, self._means.verification.verify([bodies[one] for one in found]), strict=True)
        )
        known = self._known(followed.log)(entry_ids(page.leaves))
        rows = unknown_rows(page, known, verdicts)
        self._enqueue(followed, page, rows, received).result(COMMIT_SECONDS)
        self.recent.add(followed.trusted.reached, page.hashes, page.log.reached)
        # What the rows have still to pass is not kept by the database.
        followed = self._reread(followed)
        return replace(followed, trusted=replace(followed.trusted, passes=page.log.passes))

    def _enqueue(
        self, followed: FollowedLog, page: VerifiedPage, rows: Sequence[PageRow], received: int
    ) -> Future[list[IngestResult | Exception]]:
        means = self._means
        entries, wanted, rejected = sort_rows(followed.id, rows)
        rejected += [
            Rejected(followed.id, page.first + n, None, "leaf.format", "the row cannot be read")
            for n, leaf in enumerate(page.leaves)
            if leaf is None
        ]
        step = PulledPage(
            followed, page.log, [row for row, _ in entries], wanted, rejected, received, means.clock()
        )
        claims = [Provenance(row.leaf.origin, row.leaf.sequence, row.leaf.time) for row, _ in entries]
        page_in = Page([entry for _, entry in entries], followed.log, step, claims)
        return means.ingest.enqueue_page(page_in)

    def _reread(self, followed: FollowedLog) -> FollowedLog:
        with self._means.database.read() as session:
            return self._read(session, followed)

    def _read(self, session: Session, followed: FollowedLog) -> FollowedLog:
        return FollowedLogs(session).get(followed.id)


def covers_more(presented: SignedCheckpoint, followed: FollowedLog) -> bool:
    """Whether a checkpoint of a log covers more than the newest one known: an old one is shown easily."""
    newest = followed.trusted.newest
    return newest is None or presented.checkpoint.size > newest.checkpoint.size


def bundles_behind(log: TrustedLog) -> int:
    """Whole bundles between the cursor (at the next bundle's start) and the newest checkpoint."""
    if log.newest is None:
        return 0
    return max(0, log.newest.checkpoint.size // WIDTH - -(-log.reached.size // WIDTH))
