"""The triple store as a function of the log."""

from __future__ import annotations

import itertools
import logging
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from pyoxigraph import DefaultGraph, Store
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC, ChangeLog, Cursors
from marketplace.db import Database
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.ingest.current_refresh import CurrentRefresh
from marketplace.models import Certificate, TrustState, VerdictRow
from marketplace.sparql.follower import SparqlFollower
from marketplace.sparql.generations import Generations
from marketplace.sparql.store import StoreInUseError
from marketplace.worker import catch_up
from tests.contract.judging import JUDGED, verdict
from tests.databases import upgrade
from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_identity
from tests.factories.storing import import_entry
from tests.fixtures_sparql import document, follow
from tests.waiting import wait_for
from validators.verdict import Standing

TAG = "http://mp.stratuslab.eu/slterms#tag"
EXTENSION = (
    '<bio:tool xmlns:bio="http://example.org/bio#" rdf:parseType="Resource">'
    "<dcterms:description>aligns sequences</dcterms:description></bio:tool>"
)


IMAGE = "image"


def place(content: str, email: str, created: str) -> str:
    return f"http://mp.stratuslab.eu/#{image(content=content).about}/{email}/{created}"


def published(directory: Path) -> set[str]:
    """Every statement that queries see, as text."""
    generation = Generations(directory / "generations").acquire()
    assert generation is not None
    try:
        store = Store.read_only(str(generation.path))
        return {str(quad.triple) for quad in store.quads_for_pattern(None, None, None, DefaultGraph())}
    finally:
        generation.release()


def build(database: Database, directory: Path, page: int = 1024) -> set[str]:
    """Follow the log from nothing and return what queries would see."""
    follower = SparqlFollower.open(database, directory)
    follow(database, follower, page)
    follower.close()
    return published(directory)


def fingerprint_of(identity: Identity) -> str:
    return identity.certificate.fingerprint(hashes.SHA256()).hex()


def judge(session: Session, key: int, standing: Standing) -> None:
    """Store a verdict on a certificate, as the verdict service does."""
    if session.scalar(select(TrustState.id)) is None:
        session.execute(insert(TrustState).values(id=1, revision=0, basis="", refreshed_at=JUDGED))
    revision = session.scalars(
        update(TrustState).values(revision=TrustState.revision + 1).returning(TrustState.revision)
    ).one()
    row = asdict(verdict(standing)) | {"standing": standing.value, "basis": "b", "revision": revision}
    session.execute(delete(VerdictRow).where(VerdictRow.certificate_id == key))
    session.execute(insert(VerdictRow).values(certificate_id=key, due=None, **row))


def latest_of(statements: set[str]) -> set[str]:
    return {line.split(">")[0].lstrip("<") for line in statements if line.endswith('#tag> "latest"')}


def titles(statements: set[str]) -> set[str]:
    return {line.split('"')[1] for line in statements if "<http://purl.org/dc/terms/title>" in line}


def test_every_entry_is_a_resource_and_the_current_one_is_marked(
    log_database: Database, ingest: IngestService, tmp_path: Path
) -> None:
    first, second = "2024-05-01T12:00:00Z", "2024-06-01T12:00:00Z"
    ingest.submit(document(created=first, title="first", extra=EXTENSION))
    ingest.submit(document(created=second, title="second", deprecated="old"))
    ingest.submit(document(created=first, email="joe@example.org", title="third"))
    statements = build(log_database, tmp_path / "sparql")
    assert titles(statements) == {"first", "second", "third"}
    assert latest_of(statements) == {
        place("image", "jane@example.org", second),
        place("image", "joe@example.org", first),
    }
    assert any("aligns sequences" in line for line in statements)
    assert not any(f"<http://mp.stratuslab.eu/#{image(content=IMAGE).about}>" in line for line in statements)


def test_a_verdict_moves_what_is_latest_without_building_the_store_again(
    log_database: Database, ingest: IngestService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    old, new = (make_identity("Ann", "ann@x.org", variant=n) for n in (0, 1))
    created = "2024-05-01T12:00:00Z", "2024-06-01T12:00:00Z"
    for identity, moment in zip((old, new), created, strict=True):
        ingest.submit(signed(image(content=IMAGE, title=moment), identity, moment))
    before, after = (place(IMAGE, "ann@x.org", moment) for moment in created)
    follower = SparqlFollower.open(log_database, tmp_path / "sparql")
    name = follower.name
    catch_up(log_database, follower)
    wait_for(Generations(tmp_path / "sparql" / "generations").find_current)
    wait_for(lambda: latest_of(published(tmp_path / "sparql")) == {before, after})

    def change(standing: Standing) -> None:
        with log_database.write() as session:
            key = session.scalars(
                select(Certificate.id).where(Certificate.fingerprint == fingerprint_of(new))
            ).one()
            judge(session, key, standing)
        CurrentRefresh(log_database).refresh()

    for standing, wanted in ((Standing.CHAINED, {after}), (Standing.SELF_SIGNED, {before, after})):
        change(standing)
        catch_up(log_database, follower)
        wait_for(lambda wanted=wanted: latest_of(published(tmp_path / "sparql")) == wanted)
    follower.close()
    change(Standing.CHAINED)
    follower = SparqlFollower.open(log_database, tmp_path / "sparql")
    assert not Generations(tmp_path / "sparql" / "generations").find_current(), (
        "it shows what is no longer so"
    )
    catch_up(log_database, follower)
    follower.close()
    assert latest_of(published(tmp_path / "sparql")) == {after}
    assert follower.name == name, "the store is the one that there was"


def test_a_tag_of_the_documents_own_is_dropped(
    log_database: Database, ingest: IngestService, tmp_path: Path
) -> None:
    ingest.submit(
        document(
            created="2024-05-01T12:00:00Z",
            extra=(
                '<ext:a xmlns:ext="http://example.org/" rdf:parseType="Resource">'
                "<ext:tag>latest</ext:tag></ext:a>"
            ),
        )
    )
    ingest.submit(document(created="2024-06-01T12:00:00Z"))
    statements = build(log_database, tmp_path / "sparql")
    assert latest_of(statements) == {place("image", "jane@example.org", "2024-06-01T12:00:00Z")}
    assert any("<http://example.org/tag>" in line for line in statements)


@pytest.fixture
def varied(log_database: Database, ingest: IngestService) -> Database:
    """A log with superseded, deprecated, late and contested entries, of several endorsers."""
    documents = []
    for content, email, month in itertools.product("ab", ("jane@example.org", "joe@example.org"), (5, 6)):
        created = f"2024-0{month}-01T12:00:00Z"
        documents.append(
            document(content, email, created, title=f"{content} {email} {month}", extra=EXTENSION)
        )
    # The same coordinates again: once with a deprecation, once with another title.
    documents += [
        document("a", "jane@example.org", "2024-06-01T12:00:00Z", title="withdrawn", deprecated="bad"),
        document("b", "joe@example.org", "2024-05-01T12:00:00Z", title="equal in rank"),
        document("c", "jane@example.org", "2024-06-01T12:00:00Z", title="later first"),
        document("c", "jane@example.org", "2024-05-01T12:00:00Z", title="earlier second"),
    ]
    for receipt in ingest.import_all(documents):
        assert not isinstance(receipt, Exception)
    return log_database


def test_the_store_is_the_same_however_the_log_comes(varied: Database, tmp_path: Path) -> None:
    whole = build(varied, tmp_path / "whole")
    for page in (1, 3):
        assert build(varied, tmp_path / str(page), page) == whole


def test_at_contested_coordinates_the_deprecation_is_shown_else_one_of_the_two(
    varied: Database, tmp_path: Path
) -> None:
    shown = titles(build(varied, tmp_path / "sparql"))
    assert "withdrawn" in shown
    assert "a jane@example.org 6" not in shown
    assert len(shown & {"equal in rank", "b joe@example.org 5"}) == 1


def test_rows_that_come_again_change_nothing(varied: Database, tmp_path: Path) -> None:
    directory = tmp_path / "sparql"
    before = build(varied, directory)
    follower = SparqlFollower.open(varied, directory)
    with varied.read() as session:
        changes = ChangeLog(session).page(PUBLIC, 0)
        follower.apply(session, PUBLIC, changes)
        # As after a crash between the statements and the mark: every row is taken in once more.
        follower._store.move_mark(0, "", 0)
        for change in changes:
            follower.apply(session, PUBLIC, [change])
    follower.close()
    assert published(directory) == before


def test_rows_of_other_logs_stay_out(varied: Database, tmp_path: Path) -> None:
    follower = SparqlFollower.open(varied, tmp_path / "sparql")
    with varied.read() as session:
        follower.apply(session, "group:secret", ChangeLog(session).page(PUBLIC, 0))
    assert follower._store.mark.position == 0
    follower.close()


def test_a_follower_that_starts_again_goes_on_where_the_store_is(
    varied: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "sparql"
    before = build(varied, directory)
    name = _reopen(varied, directory).name
    with varied.write() as session:
        # A power cut can take the store's last writes, and never the database's.
        Cursors(session).move(name, PUBLIC, 3)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        follower = _reopen(varied, directory)
    with varied.read() as session:
        assert Cursors(session).position(follower.name, PUBLIC) == ChangeLog(session).size(PUBLIC)
    assert not caplog.records
    assert published(directory) == before


def test_a_cursor_ahead_of_the_store_leaves_no_gap(varied: Database, tmp_path: Path) -> None:
    whole = build(varied, tmp_path / "whole")
    follower = SparqlFollower.open(varied, tmp_path / "sparql")
    with varied.read() as session:
        follower.apply(session, PUBLIC, ChangeLog(session).page(PUBLIC, 5))
    follower.close()
    assert published(tmp_path / "sparql") == whole


def test_a_store_on_its_way_is_the_one_of_a_shorter_log(
    log_database: Database, ingest: IngestService, tmp_path: Path
) -> None:
    for month in (5, 6):
        ingest.submit(document(created=f"2024-0{month}-01T12:00:00Z"))
    follower = SparqlFollower.open(log_database, tmp_path / "sparql")
    with log_database.read() as session:
        follower.apply(session, PUBLIC, ChangeLog(session).page(PUBLIC, 0, 1))
    follower.close()
    store = Store.read_only(str(tmp_path / "sparql" / "store"))
    statements = {str(quad.triple) for quad in store.quads_for_pattern(None, None, None, DefaultGraph())}
    # The one that supersedes it is in the database already, and not yet in the store.
    assert latest_of(statements) == {place(IMAGE, "jane@example.org", "2024-05-01T12:00:00Z")}


def _reopen(database: Database, directory: Path) -> SparqlFollower:
    follower = SparqlFollower.open(database, directory)
    follower.close()
    return follower


@pytest.mark.parametrize("harm", ["destroyed", "damaged", "empty", "foreign", "ahead"])
def test_a_store_that_is_not_of_this_log_is_built_anew_and_says_so(
    varied: Database, tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "sparql"
    before = build(varied, directory)
    database = varied
    if harm == "destroyed":
        shutil.rmtree(directory)
    elif harm == "damaged":
        (directory / "store" / "CURRENT").write_text("rubbish\n")
    elif harm == "empty":
        shutil.rmtree(directory / "store")
    else:
        url = f"sqlite:///{tmp_path}/other.sqlite"
        upgrade(url)
        database = Database.open(url)
        service = IngestService(database, UploadPolicy(legacy="refuse"))
        for number in range(20 if harm == "foreign" else 1):
            import_entry(service, document(f"other {number}", title="other"))
        service.close()
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        follower = SparqlFollower.open(database, directory)
    assert "building the triple store from the log" in caplog.text
    with database.read() as session:
        assert Cursors(session).position(follower.name, PUBLIC) == 0
    assert Generations(directory / "generations").find_current() is None
    follow(database, follower)
    follower.close()
    if database is varied:
        assert published(directory) == before
    else:
        database.close()
        assert titles(published(directory)) == {"other"}


def test_two_processes_do_not_write_one_store(varied: Database, tmp_path: Path) -> None:
    follower = SparqlFollower.open(varied, tmp_path / "sparql")
    with pytest.raises(StoreInUseError, match="in use by another process"):
        SparqlFollower.open(varied, tmp_path / "sparql")
    follower.close()
    _reopen(varied, tmp_path / "sparql")


def test_reset_empties_the_store(varied: Database, tmp_path: Path) -> None:
    directory = tmp_path / "sparql"
    before = build(varied, directory)
    follower = SparqlFollower.open(varied, directory)
    follower.reset()
    assert Generations(directory / "generations").find_current() is None
    with varied.write() as session:
        Cursors(session).move(follower.name, PUBLIC, 0)
    follow(varied, follower)
    follower.close()
    assert published(directory) == before


def test_a_new_entry_is_published_while_the_follower_runs(
    log_database: Database, ingest: IngestService, tmp_path: Path
) -> None:
    directory = tmp_path / "sparql"
    follower = SparqlFollower.open(log_database, directory)
    wait_for(Generations(directory / "generations").find_current)
    for number in range(3):
        ingest.submit(document(f"image {number}", title=f"title {number}"))
        follow(log_database, follower)
        wait_for(lambda number=number: f"title {number}" in titles(published(directory)))
    follower.close()
    # One is current, and nobody held an older one.
    assert len([path for path in (directory / "generations").iterdir() if path.name.isdecimal()]) == 1
