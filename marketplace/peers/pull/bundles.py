"""Reads immutable bundles of a log several at a time, and proves their bodies on the way."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

from marketplace.peers.acceptance.pool import Verification
from marketplace.peers.acceptance.protocol import Refusal
from marketplace.peers.errors import AnswerTooLargeError, ContactError, NotAtPeerError
from marketplace.peers.limits import BOOTSTRAP_ROWS, PAGE_BYTES
from marketplace.peers.model import Mirror
from marketplace.peers.remote.mirrors import Mirrors
from marketplace.peers.remote.peer_client import PeerClient, fetch_bodies
from marketplace.tlog.following import read_row
from marketplace.tlog.leaf import EntryLeaf
from validators.document import AcceptedEntry

#: Bundles on their way at the same time.
AT_ONCE = 4
#: Unknown entries of a bundle up to which they are asked for one by one.
_FEW = 64

#: What was made of bodies, by the entry ids that the log claims for them.
Verdicts = Mapping[str, AcceptedEntry | Refusal]


@dataclass(frozen=True, slots=True)
class Bundle:
    """256 rows or several times as many, not judged yet, and the verdicts about those of their bodies that
    are not here.

    Args:
        known: ids of the entries that are here already.
        received: bytes that came over the network.
    """

    rows: tuple[bytes, ...]
    known: frozenset[str]
    verdicts: Verdicts
    received: int

    @property
    def size(self) -> int:
        """Bytes of the entries."""
        return sum(len(one.data) for one in self.verdicts.values() if isinstance(one, AcceptedEntry))


def joined(bundles: Iterable[Bundle]) -> Iterator[Bundle]:
    """Bundles that follow each other as one, as far as a transaction holds them.

    The more entries a transaction takes in, the more often the same pages of the
    database's indexes change in it, which are written once then.

    Raises:
        ContactError: as from ``bundles``, behind everything that came.
    """
    held: list[Bundle] = []
    rows = size = 0
    try:
        for bundle in bundles:
            if held and (rows + len(bundle.rows) > BOOTSTRAP_ROWS or size + bundle.size > PAGE_BYTES):
                yield _join(held)
                held, rows, size = [], 0, 0
            held.append(bundle)
            rows, size = rows + len(bundle.rows), size + bundle.size
    except ContactError:
        if held:
            yield _join(held)
        raise
    if held:
        yield _join(held)


def _join(bundles: Sequence[Bundle]) -> Bundle:
    return Bundle(
        rows=tuple(row for one in bundles for row in one.rows),
        known=frozenset().union(*(one.known for one in bundles)),
        verdicts={entry_id: verdict for one in bundles for entry_id, verdict in one.verdicts.items()},
        received=sum(one.received for one in bundles),
    )


class Bundles:
    """A reader of bundles, for one ``with`` block.

    Args:
        client: one connection to the peer; others are opened beside it.
        known: tells which entry ids need no body.
        mirrors: asked before the peer.
    """

    def __init__(
        self,
        client: PeerClient,
        slug: str,
        known: Callable[[Sequence[str]], set[str]],
        verification: Verification,
        mirrors: Mirrors,
    ) -> None:
        self._mirrors = mirrors
        self._slug = slug
        self._known = known
        self._verification = verification
        self._all = [client.another() for _ in range(AT_ONCE)]
        self._idle: queue.SimpleQueue[PeerClient] = queue.SimpleQueue()
        for one in self._all:
            self._idle.put(one)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="bundles")

    def __enter__(self) -> Bundles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._mirrors.close()
        for one in self._all:
            one.close()

    def read(self, numbers: Iterable[int]) -> Iterator[Bundle]:
        """The bundles of these numbers, in their order.

        Raises:
            ContactError: one of them does not come.
        """
        ahead: deque[Future[Bundle]] = deque()
        for number in numbers:
            ahead.append(self._threads.submit(self._read, number))
            if len(ahead) == AT_ONCE:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def _read(self, number: int) -> Bundle:
        feed = self._idle.get()
        try:
            before = feed.received
            rows = self._rows(feed, number)
            ids = [_entry_id(row) for row in rows]
            named = [one for one in ids if one is not None]
            known = self._known(named)
            unknown = [one for one in dict.fromkeys(named) if one not in known]
            mirror, verdicts = self._mirrored(number, ids, unknown)
            missing = [one for one in unknown if one not in verdicts]
            told = self._verdicts(self._bodies(feed, number, ids, missing))
            if mirror is not None and any(_is_proven(told, one) for one in missing):
                self._mirrors.blame(mirror, "entries of a bundle do not match its rows")
            verdicts |= told
            received = feed.received - before
        finally:
            self._idle.put(feed)
        return Bundle(tuple(rows), frozenset(known), verdicts, received)

    def _rows(self, client: PeerClient, number: int) -> list[bytes]:
        found = self._mirrors.find_rows(number)
        return client.bundle_rows(self._slug, number) if found is None else found

    def _mirrored(
        self, number: int, ids: Sequence[str | None], unknown: Sequence[str]
    ) -> tuple[Mirror | None, dict[str, AcceptedEntry | Refusal]]:
        """The entries that a mirror gives and that prove themselves: about all others the peer is asked."""
        found = self._mirrors.find_bodies(number) if len(unknown) > _FEW else None
        if found is None:
            return None, {}
        mirror, bodies = found
        verdicts = self._verdicts(_named(ids, bodies, unknown))
        return mirror, {one: verdict for one, verdict in verdicts.items() if _is_proven(verdicts, one)}

    def _verdicts(self, bodies: Mapping[str, bytes]) -> dict[str, AcceptedEntry | Refusal]:
        verdicts = self._verification.verify(list(bodies.values()))
        return dict(zip(bodies, verdicts, strict=True))

    def _bodies(
        self, client: PeerClient, number: int, ids: Sequence[str | None], unknown: Sequence[str]
    ) -> dict[str, bytes]:
        if len(unknown) > _FEW:
            try:
                return _named(ids, client.bundle_bodies(self._slug, number), unknown)
            except (AnswerTooLargeError, NotAtPeerError):
                pass  # large ones come in smaller portions
        return fetch_bodies(client, unknown)


def _named(ids: Sequence[str | None], bodies: Sequence[bytes], wanted: Sequence[str]) -> dict[str, bytes]:
    """The bodies of a bundle that are wanted, by the ids that its rows name."""
    names = set(wanted)
    return {
        entry_id: body
        for entry_id, body in zip(ids, bodies, strict=True)
        if entry_id is not None and entry_id in names and body
    }


def _is_proven(verdicts: Verdicts, entry_id: str) -> bool:
    verdict = verdicts.get(entry_id)
    return isinstance(verdict, AcceptedEntry) and verdict.entry_id == entry_id


def _entry_id(row: bytes) -> str | None:
    leaf = read_row(row)
    return leaf.entry_id if isinstance(leaf, EntryLeaf) else None
