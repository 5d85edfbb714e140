"""Contradictions: what is one and whose doing it is, who sees it, and who is told."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import insert, select

from marketplace.access.principal import ANONYMOUS, Principal
from marketplace.changes import PUBLIC, ChangeLog
from marketplace.conflicts import ConflictFollower, ConflictNotices
from marketplace.db import Database
from marketplace.entries import VisibleEntries
from marketplace.entries.cache import EntryCache, RememberedEntry
from marketplace.entries.conflicts import Conflict, ConflictKind, find_kind
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.ingest.items import Source
from marketplace.models import ConfirmedEndorser, OutgoingMail
from marketplace.worker import catch_up, rebuild
from tests.factories.alterations import flipped, mirrored
from tests.factories.documents import image, signed
from tests.factories.identities import make_ca, make_identity
from tests.factories.storing import import_entry
from tests.waiting import HANGING
from validators import accept
from validators.document import Coordinates

NOW = datetime(2026, 6, 1, tzinfo=UTC)
GROUP = "group:a"
MEMBER = Principal("joe", frozenset({PUBLIC, GROUP}))
JANE = make_identity("Jane", "jane@example.org")
JIM = make_identity("Jim", "jim@example.org", issuer=make_ca())
THIEF = make_identity("Thief", "jane@example.org", variant=7)

GOOD = signed(image(title="good"), JANE)
BAD = signed(image(title="bad", deprecated="withdrawn"), JANE)
STOLEN = signed(image(title="stolen"), THIEF)


def take_in(database: Database, *documents: bytes, log: str = PUBLIC) -> None:
    ingest = IngestService(database, UploadPolicy())
    try:
        for outcome in ingest.import_all(documents, log):
            assert not isinstance(outcome, Exception), outcome
    finally:
        ingest.close()


def follow(database: Database, **how) -> None:
    catch_up(database, ConflictFollower(database, lambda: NOW, **how))


def seen(database: Database, principal: Principal = ANONYMOUS, **asked) -> Sequence[Conflict]:
    with database.read() as session:
        return VisibleEntries(session, principal).conflicts(**asked)


def flags(database: Database, *documents: bytes, principal: Principal = ANONYMOUS) -> list[bool]:
    with database.read() as session:
        visible = VisibleEntries(session, principal)
        records = [visible.find_by_entry_id(accept(document).entry_id) for document in documents]
        return [record.row.conflicting for record in records if record is not None]


def test_what_makes_an_equivocation() -> None:
    assert find_kind([]) is None
    assert find_kind([("key", "a"), ("key", "a")]) is None
    assert find_kind([("key", "a"), ("key", "b")]) is ConflictKind.EQUIVOCATION
    assert find_kind([("key", "a"), ("other", "b")]) is ConflictKind.CONTESTED
    assert find_kind([("key", "a"), ("other", "b"), ("other", "c")]) is ConflictKind.EQUIVOCATION


def test_one_key_that_says_two_things(database: Database) -> None:
    take_in(database, GOOD, signed(image(content="another"), JANE), BAD)
    follow(database)
    (found,) = seen(database)
    assert (found.coordinates, found.kind) == (accept(GOOD).coordinates, ConflictKind.EQUIVOCATION)
    # The deprecation is what readers are shown, and stands first.
    assert [one.row.title for one in found.entries] == ["bad", "good"]
    assert len({one.row.key_digest for one in found.entries}) == 1
    assert flags(database, GOOD, BAD) == [True, True]


def test_two_keys_that_claim_one_address(database: Database) -> None:
    take_in(database, GOOD, STOLEN)
    follow(database)
    (found,) = seen(database)
    assert (found.kind, found.total) == (ConflictKind.CONTESTED, 2)


def test_nobody_can_brand_an_endorser_by_altering_its_certificate(database: Database) -> None:
    spellings = [signed(image(), who) for who in (JIM, flipped(JIM), mirrored(JIM))]
    ids = {accept(one).entry_id for one in spellings}
    assert len(ids) == 3, "each is an entry of its own"
    assert len({accept(one).statement for one in spellings}) == 1
    take_in(database, *spellings)
    follow(database)
    assert seen(database) == []
    assert flags(database, *spellings) == [False] * 3
    # With a real one beside them all are flagged, and it is known which key did it.
    other = signed(image(title="other"), flipped(JIM))
    take_in(database, other)
    follow(database)
    (found,) = seen(database)
    assert (found.kind, found.total) == (ConflictKind.EQUIVOCATION, 4)


def test_a_signature_in_another_spelling_is_the_same_entry() -> None:
    assert accept(signed(image(), JANE)).entry_id == accept(signed(image(), JANE)).entry_id


def test_a_conflict_is_where_the_reader_sees_both(database: Database) -> None:
    with database.write() as session:
        ChangeLog(session).create(GROUP)
    take_in(database, GOOD)
    take_in(database, BAD, log=GROUP)
    follow(database)
    assert seen(database) == [] and flags(database, GOOD) == [False]
    assert len(seen(database, MEMBER)) == 1
    assert flags(database, GOOD, BAD, principal=MEMBER) == [True, True]
    assert seen(database, Principal("x", frozenset({GROUP}))) == []


def test_pages_and_addresses(database: Database) -> None:
    pairs = [
        signed(image(content=str(n), title=t), who) for n in range(5) for t in "ab" for who in (JANE, JIM)
    ]
    take_in(database, *pairs)
    follow(database)
    everything = seen(database)
    assert len(everything) == 10
    walked: list[Conflict] = []
    while page := seen(database, after=walked[-1].coordinates if walked else None, limit=3):
        walked += page
    assert walked == list(everything)
    assert {one.coordinates.email for one in seen(database, email="jim@example.org")} == {"jim@example.org"}


def test_the_table_can_be_thrown_away(database: Database) -> None:
    take_in(database, GOOD, BAD)
    follower = ConflictFollower(database, lambda: NOW)
    assert catch_up(database, follower) == 2
    before = seen(database)
    follower.reset()
    assert seen(database) == []
    rebuild(database, follower)
    catch_up(database, follower)
    assert seen(database) == before


def letters(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [
            (row.recipient, row.body)
            for row in session.scalars(select(OutgoingMail).order_by(OutgoingMail.id))
        ]


def test_operators_and_known_endorsers_are_told_once_a_day(database: Database) -> None:
    notices = ConflictNotices(("ops@site.example",), "https://mp.example", lambda: NOW)
    confirmed = accept(GOOD).signer.fingerprint
    with database.write() as session:
        session.execute(
            insert(ConfirmedEndorser).values(
                fingerprint=confirmed, email="jane@example.org", confirmed_at=NOW
            )
        )
    pair = [signed(image(content=str(n), title=t), who) for n in "xy" for t in "ab" for who in (JANE, JIM)]
    take_in(database, *pair)
    follow(database, tell=notices)
    sent = letters(database)
    # Nothing here vouches for Jim's certificate: his address may be anybody's.
    assert [to for to, _ in sent] == ["ops@site.example", "jane@example.org"]
    assert "https://mp.example/metadata/" in sent[1][1] and "jim@example.org" not in sent[1][1]
    assert "https://mp.example/conflicts" in sent[0][1] and "jim@example.org" in sent[0][1]
    take_in(database, *(signed(image(content="z", title=t), JANE) for t in "ab"))
    follow(database, tell=notices)
    assert len(letters(database)) == 2


def test_nobody_is_told_of_what_is_private(database: Database) -> None:
    notices = ConflictNotices(("ops@site.example",), "https://mp.example", lambda: NOW)
    with database.write() as session:
        ChangeLog(session).create(GROUP)
    take_in(database, GOOD, BAD, log=GROUP)
    follow(database, tell=notices)
    assert letters(database) == []
    assert len(seen(database, MEMBER)) == 1


def test_what_comes_in_beside_an_entry_makes_the_cache_ask_again(database: Database) -> None:
    cache = EntryCache(10**6)
    path = accept(GOOD).coordinates.path()
    ingest = IngestService(database, UploadPolicy(), lambda: NOW, on_import=cache.forget_all)
    try:
        ingest.submit(GOOD)
        cache.remember(path, RememberedEntry.of(GOOD), cache.generation())
        ingest.submit(signed(image(content="other"), JANE))
        assert cache.find(path) is not None
        import_entry(ingest, BAD)
        assert cache.find(path) is None
    finally:
        ingest.close()


def test_the_cache_asks_again_before_the_uploader_is_answered(database: Database) -> None:
    handed, answers, answered = threading.Event(), [], []

    def told(coordinates: Sequence[Coordinates]) -> None:
        handed.wait(HANGING)
        answered.extend(answer.done() for answer in answers)

    ingest = IngestService(database, UploadPolicy(), lambda: NOW, on_import=told)
    try:
        ingest.submit(GOOD)
        answers.append(ingest.enqueue(accept(BAD), source=Source.IMPORT))
        handed.set()
        answers[0].result(HANGING)
    finally:
        ingest.close()
    assert answered == [False]
