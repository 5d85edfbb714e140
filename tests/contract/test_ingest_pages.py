"""Pages of replicated entries: one transaction with whatever the puller keeps beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, ChangeLog, Cursors
from marketplace.db import Database
from marketplace.ingest import (
    IngestResult,
    IngestService,
    Item,
    Page,
    Source,
    StoreUnavailableError,
    UploadPolicy,
)
from marketplace.ingest.batch import Batch
from marketplace.models import ChangeRow, Current, Entry, EntryBody, Log, Twin
from tests.contract.search_store import GROUP, empty
from tests.factories.entries import accepted, moment, signer
from tests.factories.storing import Beside
from validators.document import AcceptedEntry, Strength

NOW = moment(86_400)


@pytest.fixture
def ingest(database: Database) -> Iterator[IngestService]:
    service = IngestService(database, UploadPolicy(), lambda: NOW)
    yield service
    service.close()


def keep(session: Session, outcomes: Sequence[object]) -> None:
    """What a puller does beside the entries: it moves a cursor."""
    Cursors(session).move("puller", PUBLIC, len(outcomes))


def state(database: Database) -> tuple[int, int]:
    """Rows of the public log, and the position kept beside them."""
    with database.read() as session:
        return ChangeLog(session).size(PUBLIC), Cursors(session).position("puller", PUBLIC)


def sequences(outcomes: Sequence[IngestResult | Exception]) -> list[tuple[str, int]]:
    return [(one.outcome, one.sequence) for one in outcomes if isinstance(one, IngestResult)]


def test_entries_and_what_is_kept_beside_them_come_together(
    ingest: IngestService, database: Database
) -> None:
    page = [accepted(n) for n in range(3)]
    outcomes = ingest.enqueue_page(Page(page, PUBLIC, Beside(keep))).result(timeout=60)
    assert sequences(outcomes) == [("created", 0), ("created", 1), ("created", 2)]
    assert state(database) == (3, 3)


def test_a_failure_beside_them_undoes_the_entries(ingest: IngestService, database: Database) -> None:
    def fail(session: Session, outcomes: Sequence[object]) -> None:
        keep(session, outcomes)
        raise KeyError("somebody else moved the cursor")

    with pytest.raises(KeyError):
        ingest.enqueue_page(Page([accepted(1)], PUBLIC, Beside(fail))).result(timeout=60)
    assert state(database) == (0, 0)
    assert ingest.enqueue(accepted(1)).result(timeout=60).sequence == 0


def test_the_gate_does_not_judge_what_peers_accepted(ingest: IngestService) -> None:
    """Older than the latest, far in the future and legacy: the set is the same everywhere, or it is none."""
    ingest.enqueue(accepted("image", created=moment(1000))).result(timeout=60)
    late = accepted("image", created=moment(0))
    ahead = accepted("image", created=NOW + timedelta(days=9))
    legacy = accepted("image", created=moment(5), strength=Strength.LEGACY)
    outcomes = ingest.enqueue_page(Page([late, ahead, legacy], PUBLIC, Beside(keep))).result(timeout=60)
    assert sequences(outcomes) == [("created", 1), ("created", 2), ("created", 3)]


def test_the_same_page_again_adds_nothing(ingest: IngestService, database: Database) -> None:
    page = Page([accepted(1), accepted(2), accepted(1)], PUBLIC, Beside(keep))
    ingest.enqueue_page(page).result(timeout=60)
    outcomes = ingest.enqueue_page(page).result(timeout=60)
    assert sequences(outcomes) == [("unchanged", 0), ("unchanged", 1), ("unchanged", 0)]
    assert state(database)[0] == 2


def test_uploads_and_pages_wait_in_one_line(ingest: IngestService, database: Database) -> None:
    """Whatever the order in which they arrive, each gets its answer and each is stored once."""
    answers = []
    for n in range(60):
        if n % 7 == 3:
            page = Page([accepted(n), accepted(n + 1000)], PUBLIC, Beside())
            answers.append(ingest.enqueue_page(page))
        else:
            answers.append(ingest.enqueue(accepted(n)))
    for answer in answers:
        answer.result(timeout=60)
    assert state(database)[0] == 60 + len([n for n in range(60) if n % 7 == 3])


def test_one_faulty_entry_does_not_stop_its_page(ingest: IngestService, database: Database) -> None:
    faulty: AcceptedEntry = accepted(2, entry_id="too short for the table")
    told: list[list[bool]] = []

    def note(session: Session, outcomes: Sequence[object]) -> None:
        told.append([isinstance(one, Exception) for one in outcomes])

    outcomes = ingest.enqueue_page(Page([accepted(1), faulty, accepted(3)], PUBLIC, Beside(note))).result(
        timeout=60
    )
    assert [isinstance(one, Exception) for one in outcomes] == [False, True, False]
    assert told == [[False, True, False]]
    assert state(database)[0] == 2


def test_no_page_is_taken_after_the_end(database: Database) -> None:
    with closing(IngestService(database, UploadPolicy(), lambda: NOW)) as service:
        last = service.enqueue_page(Page([accepted(1)], PUBLIC, Beside(keep)))
    assert sequences(last.result(timeout=60)) == [("created", 0)]
    with pytest.raises(StoreUnavailableError):
        service.enqueue_page(Page([accepted(2)], PUBLIC, Beside(keep)))


ENTRIES = st.builds(
    lambda second, name, said: accepted("image", "ann@x.org", moment(second), signed_by=signer(name), **said),
    second=st.integers(0, 2),
    name=st.sampled_from(["a", "a", "b"]),
    said=st.sampled_from([{}, {}, {"data": b"respelled"}, {"title": "other"}, {"deprecated": "gone"}]),
)
ITEMS = st.builds(
    Item,
    entry=ENTRIES | st.builds(accepted, st.integers(0, 3)),
    log=st.sampled_from([PUBLIC, PUBLIC, GROUP, "group:nobody"]),
    source=st.sampled_from([Source.UPLOAD, Source.UPLOAD, Source.IMPORT, Source.REPLICA]),
)


STORED = (
    select(Log.name, Entry.entry_id, ChangeRow.sequence, EntryBody.data, ChangeRow.shown)
    .select_from(ChangeRow)
    .join(Log, Log.id == ChangeRow.log_id)
    .join(Entry, Entry.id == ChangeRow.entry_key)
    .join(EntryBody, EntryBody.id == ChangeRow.body_id),
    select(Log.name, Current.entry_id, Current.key_digest, Current.contested, Current.trusted_id)
    .select_from(Current)
    .join(Log, Log.id == Current.log_id),
    select(Entry.entry_id).join(Twin, Twin.entry_key == Entry.id),
)


def take(database: Database, pages: Sequence[Sequence[Item]]) -> list[object]:
    """What becomes of entries that come in pages, and what the database tells then."""
    empty(database)
    told: list[object] = []
    for page in pages:
        with database.write() as session:
            for outcome in Batch(session, UploadPolicy(), NOW).take(page):
                beside = outcome.may_conflict if isinstance(outcome, IngestResult) else type(outcome)
                told.append((repr(outcome), beside))
    with database.read() as session:
        told += [sorted(map(repr, session.execute(statement))) for statement in STORED]
    return told


@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(items=st.lists(ITEMS, min_size=2, max_size=8))
def test_a_page_comes_to_what_its_entries_come_to_one_by_one(database: Database, items: list[Item]) -> None:
    assert take(database, [items]) == take(database, [[one] for one in items])
