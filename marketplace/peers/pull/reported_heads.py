"""Heads of one public log that others saw, held against what the log shows here.

A head counts only with the signature of the log's key, so nobody can make an honest log look like a liar.
Each must be passed by the rows that are read (``pull``), or stand in the tree that is here already:
lately seen ones by the hashes of the last rows, older ones by the tiles of the log, which must make the root
that it signed. Of one that goes on only elsewhere, both heads are kept.
"""

from __future__ import annotations

import logging
from collections import deque
from datetime import timedelta

from marketplace.peers.errors import MalformedError
from marketplace.peers.model import FollowedLog, Peer
from marketplace.peers.pull.log_pull import LogPull, PullTools
from marketplace.peers.registry.checkpoints import find_another, mark_withheld, remember
from marketplace.peers.registry.pull_writes import save_evidence
from marketplace.peers.remote.peer_client import PeerClient
from marketplace.tlog.checkpoint import SignedCheckpoint, parse_checkpoint, verify_checkpoint
from marketplace.tlog.errors import ProofError, TlogError
from marketplace.tlog.following import FrozenError, SplitViewError
from marketplace.tlog.merkle import Frontier, prove_former_root
from marketplace.tlog.note import parse_note
from marketplace.tlog.tiles import TileName, nodes_of

#: Time that a head may be known elsewhere before its own site must show it: caches hold one for a second.
PATIENCE = timedelta(seconds=3)
#: Heads that wait for each who told some: one that was read and one that was cosigned. Of many nobody pushes
#: away what somebody else tells.
OF_EACH = 2
#: Old heads at one look for which the log's own tiles are asked.
_BY_TILES = 2

_logger = logging.getLogger(__name__)


class ReportedHeads:
    """What others saw of one log, until it is held against it."""

    def __init__(self, means: PullTools, peer: Peer) -> None:
        self._means = means
        self._peer = peer
        #: Notes, not verified yet, by the name of who told them.
        self._waiting: dict[str, deque[bytes]] = {}
        #: True heads that are older than the last rows, and who told each; the first waits longest.
        self._old: deque[tuple[SignedCheckpoint, str]] = deque()

    def hear(self, note: bytes, witness: str) -> None:
        """Take in a note that may be a head of the log.

        Args:
            witness: the name of the site that told it; empty where the log's own did.
        """
        notes = self._waiting.setdefault(witness, deque(maxlen=OF_EACH))
        if note not in notes:
            notes.append(note)

    def hold(self, followed: FollowedLog, pull: LogPull) -> bool:
        """Hold what was heard against the log, of which everything that it shows is here.

        Returns:
            whether ``hold_old`` has something to do.

        Raises:
            SplitViewError: the log showed somebody another tree.
        """
        waiting, self._waiting = self._waiting, {}
        for witness, notes in waiting.items():
            for note in notes:
                signed = self._read(note, followed)
                if signed is not None and not self._hold(followed, pull, signed, witness):
                    self.hear(note, witness)
        return bool(self._old)

    def hold_old(self, followed: FollowedLog, pull: LogPull, client: PeerClient) -> None:
        """Hold some heads of which the rows were read long ago against the log.

        Args:
            client: of the log's own site.

        Raises:
            SplitViewError: the log showed somebody another tree.
            ContactError: it does not hand out what proves that its tree continues an older head.
        """
        tree = followed.trusted.proven
        for signed, witness in list(self._old)[:_BY_TILES]:
            if signed.checkpoint.size <= tree.size:
                root = fetch_former_root(client, pull.slug, tree, signed.checkpoint.size)
                _verify_root(followed, signed, witness, root)
            self._old.popleft()

    def _hold(self, followed: FollowedLog, pull: LogPull, signed: SignedCheckpoint, witness: str) -> bool:
        """Whether a head need not wait any longer here."""
        size = signed.checkpoint.size
        if size > followed.trusted.proven.size:
            return self._await_rows(followed, signed, witness, asked=pull.asked)
        root = pull.recent.find_root(followed.trusted.proven, size)
        if root is not None:
            _verify_root(followed, signed, witness, root)
        elif sum(one == witness for _, one in self._old) < OF_EACH:
            self._old.append((signed, witness))
        return True

    def _read(self, note: bytes, followed: FollowedLog) -> SignedCheckpoint | None:
        """A new head of the log from a note; None where the log's key did not sign the note."""
        newest = followed.trusted.newest
        try:
            head = parse_checkpoint(parse_note(note).text)
            if newest is not None and (head.size, head.root) == (
                newest.checkpoint.size,
                newest.checkpoint.root,
            ):
                return None
            return verify_checkpoint(note, self._peer.log_key.named(followed.origin))
        except TlogError as error:
            _logger.info("what is told is no head of the log: %s", error, extra={"log": followed.origin})
            return None

    def _await_rows(
        self, followed: FollowedLog, signed: SignedCheckpoint, witness: str, *, asked: bool
    ) -> bool:
        """Keep a head beyond what the log shows here; returns whether there is no more to be said of it."""
        now, shown, size = self._means.clock(), followed.trusted.newest, signed.checkpoint.size
        with self._means.database.write() as session:
            another = find_another(session, followed, signed)
            since = remember(session, followed, signed, now, witness)
            if another is not None:
                raise SplitViewError(
                    f"{_who(witness)} saw another tree of {size} rows", another, _text(signed)
                )
            if shown is None or not asked or now - since < PATIENCE:
                return False
            frozen = FrozenError(
                f"the log shows {shown.checkpoint.size} rows, and {_who(witness)} has a head of {size} "
                "that it signed before",
                _text(signed),
                _text(shown),
            )
            if mark_withheld(session, followed, signed, now):
                _logger.error("a peer withholds what it signed: %s", frozen, extra={"peer": self._peer.name})
                save_evidence(session, followed, frozen, now)
        return True


def fetch_former_root(client: PeerClient, slug: str, tree: Frontier, size: int) -> bytes:
    """The root that a log's tree had when it was smaller, out of its tiles.

    Args:
        client: of the log's own site.
        slug: the log's part of the URLs there.
        tree: as it is now; the tiles count only as far as they make its root.
        size: in rows.

    Raises:
        ContactError: they do not come, or do not make it.
    """
    read: dict[tuple[int, int], bytes] = {}

    def tile(level: int, number: int, width: int) -> bytes:
        if (level, number) not in read:
            read[level, number] = b"".join(client.tile(slug, level, TileName(number, width)))
        return read[level, number]

    try:
        return prove_former_root(size, tree.size, nodes_of(tree.size, tile), tree.root)
    except ProofError as error:
        raise MalformedError(f"the tiles do not give the root of {tree.size} rows: {error}") from None


def _verify_root(followed: FollowedLog, signed: SignedCheckpoint, witness: str, root: bytes) -> None:
    """Check that a head is the one that the log had at its size.

    Raises:
        SplitViewError: it is not.
    """
    if signed.checkpoint.root == root:
        return
    newest = followed.trusted.newest
    raise SplitViewError(
        f"{_who(witness)} saw another tree of {signed.checkpoint.size} rows than this site, "
        f"which has {followed.trusted.proven.size}",
        "" if newest is None else _text(newest),
        _text(signed),
    )


def _who(witness: str) -> str:
    return witness or "this site, as a witness,"


def _text(signed: SignedCheckpoint) -> str:
    return signed.note.to_bytes().decode()
