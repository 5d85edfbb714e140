"""Peers and their logs as the database keeps them, to plain values and back. Pure."""

from __future__ import annotations

from functools import lru_cache

from marketplace.models import PeerLog, PeerRow
from marketplace.peers.model import FollowedLog, Peer, PullState
from marketplace.tlog.checkpoint import SignedCheckpoint, parse_checkpoint
from marketplace.tlog.encoding import HASH_SIZE
from marketplace.tlog.following import EMPTY, TrustedLog
from marketplace.tlog.merkle import Frontier
from marketplace.tlog.note import VerifierKey, parse_note, parse_verifier_key


def frontier_bytes(frontier: Frontier) -> bytes:
    """A frontier as the database keeps it."""
    return b"".join(frontier.hashes)


def _frontier(size: int, data: bytes) -> Frontier:
    if size == 0:
        return EMPTY
    return Frontier(size, tuple(data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)))


@lru_cache(1024)
def _key(text: str) -> VerifierKey:
    # The list of peers is read every few seconds.
    return parse_verifier_key(text)


def read_peer(row: PeerRow) -> Peer:
    """A peer from its row."""
    return Peer(
        row.id,
        row.name,
        row.url,
        _key(row.log_key),
        None if row.auth_key is None else _key(row.auth_key),
        row.added_at,
        row.disabled,
        row.contacted_at,
        row.clock_offset,
        row.follows,
    )


def read_followed(row: PeerLog, log: str) -> FollowedLog:
    """A log of a peer from its row, and the name of the local log that its entries go into."""
    trusted = TrustedLog(
        row.origin,
        None if row.note is None else read_signed(row.note),
        _frontier(row.proven, row.proven_frontier),
        _frontier(row.reached, row.reached_frontier),
    )
    return FollowedLog(
        row.id,
        row.peer_id,
        log,
        PullState(row.state),
        trusted,
        row.failures,
        row.error_code,
        row.error,
        row.failed_at,
        row.succeeded_at,
        row.compared_at,
        row.entries,
        row.received,
    )


def read_signed(text: str) -> SignedCheckpoint:
    """A checkpoint whose signature was verified before it was kept."""
    note = parse_note(text.encode())
    return SignedCheckpoint(parse_checkpoint(note.text), note)
