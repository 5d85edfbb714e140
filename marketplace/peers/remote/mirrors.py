"""Mirrors: plain HTTP servers with copies of what never changes. They are believed nothing at all.

Rows from a mirror must be the bundle that the peer's signed root covers, entries must
be those that the rows name; otherwise, and where a mirror is slow or gone, the peer
is asked and the mirror left alone until the next log that is read as a whole.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from marketplace.peers.errors import AnswerTooLargeError, ContactError, MalformedError, NotAtPeerError
from marketplace.peers.model import Mirror
from marketplace.peers.remote.bundle_hashes import bundle_hash, verify_bundle_hashes
from marketplace.peers.remote.peer_client import (
    BINARY,
    MAX_BODY_BUNDLE,
    MAX_ROW_BUNDLE,
    PeerClient,
    read_body_bundle,
    read_row_bundle,
)
from marketplace.peers.remote.reader import PeerReader
from marketplace.tlog.following import TrustedLog
from marketplace.tlog.tiles import HEIGHT, WIDTH, TileName, width_at

#: Bundles whose hashes are kept in memory, 32 bytes each and what Python adds.
MOST_BUNDLES = 65_536

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class MirrorTally:
    """How often a mirror helped, and how often it failed.

    Args:
        bundles: bundles of rows or bodies that it gave.
        failures: times that the peer had to be asked instead.
        error: why, the last time.
    """

    bundles: int = 0
    failures: int = 0
    error: str | None = None


def open_mirrors(
    client: PeerClient, slug: str, log: TrustedLog, mirrors: Sequence[Mirror], at_once: int
) -> Mirrors:
    """The mirrors of a log, if there are any and what they give can be proven.

    Args:
        log: with its cursor at the start of a bundle.

    Raises:
        ContactError: the peer does not answer.
    """
    if not mirrors:
        return Mirrors((), {}, at_once)
    try:
        hashes = _read_hashes(client, slug, log)
    except (MalformedError, NotAtPeerError, AnswerTooLargeError) as error:
        # Its rows decide about the peer's honesty, as without mirrors.
        _logger.warning("mirrors cannot be used: %s", error, extra={"log": log.origin})
        return Mirrors((), {}, at_once)
    return Mirrors(mirrors, hashes, at_once)


def _read_hashes(client: PeerClient, slug: str, log: TrustedLog) -> dict[int, bytes]:
    size = 0 if log.newest is None else log.newest.checkpoint.size
    first, end = log.reached.size >> HEIGHT, size >> HEIGHT
    if end - first > MOST_BUNDLES:
        raise AnswerTooLargeError(
            f"the log is {end - first} bundles ahead; mirrors are used for {MOST_BUNDLES}"
        )
    hashes: list[bytes] = []
    for number in range(first // WIDTH, -(-end // WIDTH)):
        tile = client.tile(slug, 1, TileName(number, width_at(size, 1, number)))
        hashes += tile[max(0, first - number * WIDTH) :]
    rest = width_at(size, 0, end)
    verify_bundle_hashes(log, hashes, client.tile(slug, 0, TileName(end, rest)) if rest else ())
    return dict(enumerate(hashes, first))


class Mirrors:
    """The mirrors of one log while it is read as a whole. Safe to share between threads.

    Args:
        hashes: of whole bundles by their numbers, as the signed root covers them.
        at_once: threads that read.
    """

    def __init__(self, mirrors: Sequence[Mirror], hashes: Mapping[int, bytes], at_once: int) -> None:
        self._hashes = hashes
        self._lock = threading.Lock()
        self._usable = list(mirrors)
        self.tallies = {mirror.url: MirrorTally() for mirror in mirrors}
        self._idle: dict[str, queue.SimpleQueue[PeerReader]] = {}
        self._all: list[PeerReader] = []
        for mirror in mirrors:
            self._idle[mirror.url] = queue.SimpleQueue()
            for _ in range(at_once):
                reader = PeerReader(mirror.url)
                self._all.append(reader)
                self._idle[mirror.url].put(reader)

    def close(self) -> None:
        """Close the connections."""
        for reader in self._all:
            reader.close()

    def find_rows(self, number: int) -> list[bytes] | None:
        """The rows of a bundle, proven; None where no mirror gives them."""

        def read(reader: PeerReader) -> list[bytes]:
            answer = reader.get(f"/tile/entries/{TileName(number, WIDTH)}", BINARY, limit=MAX_ROW_BUNDLE)
            rows = read_row_bundle(answer.body)
            if bundle_hash(rows) != self._hashes.get(number):
                raise MalformedError("the rows are not the rows that the peer signed")
            return rows

        found = self._find(read)
        return None if found is None else found[1]

    def find_bodies(self, number: int) -> tuple[Mirror, list[bytes]] | None:
        """The bodies of a bundle, unproven, and who gave them; None where no mirror does."""

        def read(reader: PeerReader) -> list[bytes]:
            answer = reader.get(f"/bodies/{TileName(number, WIDTH)}", BINARY, limit=MAX_BODY_BUNDLE)
            return read_body_bundle(answer.body)

        return self._find(read)

    def blame(self, mirror: Mirror, reason: str) -> None:
        """Ask a mirror no more: what it gave was wrong, or nothing came."""
        with self._lock:
            if mirror not in self._usable:
                return
            self._usable.remove(mirror)
            tally = self.tallies[mirror.url]
            tally.failures += 1
            tally.error = reason
        _logger.warning("a mirror is left alone: %s", reason, extra={"mirror": mirror.url})

    def _find(self, read: Callable[[PeerReader], list[bytes]]) -> tuple[Mirror, list[bytes]] | None:
        for mirror in list(self._usable):
            try:
                with self._reader(mirror) as reader:
                    found = read(reader)
            except ContactError as error:
                self.blame(mirror, str(error))
                continue
            with self._lock:
                self.tallies[mirror.url].bundles += 1
            return mirror, found
        return None

    @contextmanager
    def _reader(self, mirror: Mirror) -> Iterator[PeerReader]:
        reader = self._idle[mirror.url].get()
        try:
            yield reader
        finally:
            self._idle[mirror.url].put(reader)
