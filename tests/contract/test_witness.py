"""Cosigning: only what its log signed, only what continues what was cosigned, on disk before the answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, update

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.federation.errors import (
    InconsistentError,
    MalformedRequestError,
    SizeConflictError,
    UnknownOriginError,
    UntrustedError,
)
from marketplace.federation.keys import SiteKeys
from marketplace.federation.witness import Hearers, Witness, origin_digest
from marketplace.models import PeerLog, PeerRow
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.peer_registry import Peers
from marketplace.tlog.checkpoint import (
    Checkpoint,
    SignedCheckpoint,
    parse_checkpoint,
    sign_checkpoint,
    verify_cosignature,
)
from marketplace.tlog.merkle import Frontier, fold, hash_leaf, prove_consistency
from marketplace.tlog.note import SigningKey, parse_note, parse_signature, verify_note
from marketplace.tlog.proof import WitnessRequest

NOW = datetime(2026, 11, 22, tzinfo=UTC)
Make = Callable[..., Witness]


def site(name: str, number: int) -> SiteKeys:
    secret = bytes(31) + bytes([number])
    return SiteKeys(
        SigningKey(name, Ed25519PrivateKey.from_private_bytes(secret)),
        SigningKey(f"{name}/auth", Ed25519PrivateKey.from_private_bytes(secret[::-1])),
    )


OURS, THEIRS = site("mp-a.example", 1), site("mp-b.example", 2)
ORIGIN = "mp-b.example/public"
HASHES = [hash_leaf(str(n).encode()) for n in range(100)]


def head(size: int, origin: str = ORIGIN, keys: SiteKeys = THEIRS, root: bytes | None = None) -> bytes:
    found = root or Frontier().extended(HASHES[:size]).root
    return sign_checkpoint(Checkpoint(origin, size, found), keys.log).to_bytes()


def asked(old: int, new: int, checkpoint: bytes | None = None) -> bytes:
    path = prove_consistency(old, new, lambda level, n: fold(HASHES[n << level : (n + 1) << level]))
    return WitnessRequest(old, tuple(path), checkpoint or head(new)).to_bytes()


@pytest.fixture
def witness(database: Database) -> Make:
    with database.write() as session:
        session.execute(
            insert(PeerRow).values(
                name="mp-b.example",
                url="http://127.0.0.1:1",
                log_key=str(THEIRS.log.verifier),
                added_at=NOW,
                disabled=False,
            )
        )

    def make(hearers: Hearers | None = None) -> Witness:
        return Witness(database, OURS, lambda: NOW, hearers)

    return make


def test_each_head_that_continues_the_one_before_is_cosigned_and_kept(
    witness: Make,
) -> None:
    for old, new in ((0, 0), (0, 7), (7, 8), (8, 8), (8, 100)):
        lines = witness().add_checkpoint(asked(old, new))
        (line,) = lines.decode().splitlines()
        text = parse_note(head(new)).text
        assert verify_cosignature(text, parse_signature(line), OURS.witness) == int(NOW.timestamp())
        # A witness of its own, as after a restart: what was answered is in the database.
        kept = witness().newest(origin_digest(ORIGIN))
        assert kept is not None
        assert verify_note(kept, [THEIRS.verifier(ORIGIN)]).text == text
        assert line.encode() in kept
    assert witness().newest(origin_digest("mp-c.example/public")) is None


def test_another_log_of_the_site_has_a_state_of_its_own(witness: Make) -> None:
    witness().add_checkpoint(asked(0, 9))
    witness().add_checkpoint(asked(0, 5, head(5, f"{ORIGIN}/e2")))
    with pytest.raises(SizeConflictError, match="9"):
        witness().add_checkpoint(asked(0, 5))


def test_the_newest_epoch_of_a_log_is_told_by_the_name_of_its_first(witness: Make) -> None:
    def newest(first: str = ORIGIN) -> str | None:
        note = witness().newest_epoch(first)
        return None if note is None else parse_note(note).text.partition("\n")[0]

    assert newest() is None
    for origin in (ORIGIN, f"{ORIGIN}/e9", f"{ORIGIN}/e10", f"{ORIGIN}/extra", f"{ORIGIN}2/e30"):
        witness().add_checkpoint(asked(0, 5, head(5, origin)))
    assert newest() == f"{ORIGIN}/e10"
    for odd in ("", "%", f"{ORIGIN}/e", f"{ORIGIN}/e9/x", "mp-c.example/public"):
        assert newest(odd) is None, odd


def test_heads_of_public_logs_are_told_and_of_no_others(witness: Make, database: Database) -> None:
    """What was read, and what was cosigned where that is another one."""
    with database.write() as session:
        peers = Peers(session)
        others = [
            peers.add(f"http://127.0.0.1:{n}", site(f"mp-{n}.example", n).log.verifier, None, NOW)
            for n in (3, 4)
        ]
        peers.switch(others[1].name, disabled=True)
        group = "group:x"
        ChangeLog(session).create(group)
        read = {ORIGIN: (THEIRS, 7), "mp-3.example/public": (site("mp-3.example", 3), 5),
                "mp-4.example/public": (site("mp-4.example", 4), 5)}  # fmt: skip
        FollowedLogs(session).follow(peers.get("mp-b.example"), ORIGIN, PUBLIC)
        secret = FollowedLogs(session).follow(peers.get("mp-b.example"), f"mp-b.example/g/{'1' * 32}", group)
        assert secret.log == group
        read[secret.origin] = THEIRS, 9
        for origin, (keys, size) in read.items():
            note = head(size, origin, keys).decode()
            session.execute(update(PeerLog).where(PeerLog.origin == origin).values(note=note, covered=size))
    assert told(witness()) == [("mp-3.example/public", 5), (ORIGIN, 7)]
    witness().add_checkpoint(asked(0, 7))
    witness().add_checkpoint(asked(0, 9, head(9, secret.origin)))
    assert told(witness()) == [("mp-3.example/public", 5), (ORIGIN, 7)]
    witness().add_checkpoint(asked(7, 8))
    assert told(witness()) == [("mp-3.example/public", 5), (ORIGIN, 7), (ORIGIN, 8)]


def told(witness: Witness) -> list[tuple[str, int]]:
    heads = [parse_checkpoint(parse_note(note).text) for note in witness.heads()]
    return [(one.origin, one.size) for one in heads]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", MalformedRequestError),
        (b"old 0\n\nnothing signed\n", MalformedRequestError),
        (asked(0, 7).replace(b"old 0", b"old 8"), MalformedRequestError),
        (asked(0, 7, head(7, "mp-c.example/public")), UnknownOriginError),
        (asked(0, 7, head(7, "mp-b.example.evil/public")), UnknownOriginError),
        (asked(0, 7, head(7, keys=OURS)), UntrustedError),
        (asked(3, 7), SizeConflictError),
        (asked(2, 7).replace(b"old 2", b"old 0"), InconsistentError),
    ],
)
def test_what_is_refused_is_not_cosigned(witness: Make, data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        witness().add_checkpoint(data)
    assert witness().newest(origin_digest(ORIGIN)) is None


def test_a_log_that_takes_something_back_is_not_cosigned_and_told_of(witness: Make) -> None:
    heads: list[SignedCheckpoint] = []
    found: list[tuple[str, bytes, bytes]] = []
    one = witness(Hearers(heads.append, lambda *evidence: found.append(evidence)))
    one.add_checkpoint(asked(0, 9))
    kept = one.newest(origin_digest(ORIGIN))
    for data, error in (
        (asked(0, 5), SizeConflictError),  # rolled back
        (asked(9, 9, head(9, root=bytes(32))), SizeConflictError),  # another tree of this size
        (asked(9, 20, head(20, root=bytes(32))), InconsistentError),  # a fork that grew
        (asked(9, 20).replace(b"old 9\n", b"old 9\n" + b"A" * 43 + b"=\n"), InconsistentError),
    ):
        with pytest.raises(error):
            one.add_checkpoint(data)
    assert one.newest(origin_digest(ORIGIN)) == kept
    assert [(origin, kept in (first,)) for origin, first, _ in found] == [(ORIGIN, True)]
    assert [(one.checkpoint.origin, one.checkpoint.size) for one in heads] == [
        (ORIGIN, size) for size in (9, 5, 9, 20, 20)
    ]  # each was truly signed, so each is a reason to look


def test_a_peer_that_is_disabled_is_not_known(witness: Make, database: Database) -> None:
    with database.write() as session:
        session.execute(update(PeerRow).values(disabled=True))
    with pytest.raises(UnknownOriginError):
        witness().add_checkpoint(asked(0, 1))


def test_of_two_requests_at_the_same_time_one_is_cosigned(witness: Make) -> None:
    """Heads that fork: whoever is first decides, the other never gets a signature."""
    witness().add_checkpoint(asked(0, 1))
    fork = [HASHES[0], *(hash_leaf(b"fork %d" % n) for n in range(60))]
    path = prove_consistency(1, 51, lambda level, n: fold(fork[n << level : (n + 1) << level]))
    forked = head(51, root=Frontier().extended(fork[:51]).root)
    requests = (WitnessRequest(1, tuple(path), forked).to_bytes(), asked(1, 40))
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(witness().add_checkpoint, data) for data in requests]
    errors = [answer.exception(60) for answer in answers]
    assert sorted(type(error).__name__ for error in errors) == ["NoneType", "SizeConflictError"]
