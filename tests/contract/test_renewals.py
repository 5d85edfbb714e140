"""A verdict changes what is current, and followers look at these images again and at nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from marketplace.access import ANONYMOUS, Principal
from marketplace.catalogue import Catalogue
from marketplace.changes import PUBLIC, ChangeLog, Cursors
from marketplace.db import Database
from marketplace.ingest.current_refresh import CurrentRefresh
from marketplace.models import RenewalRow
from marketplace.rules.visibility import find_scope
from marketplace.search.indexer import SearchIndexer
from marketplace.search.request import SearchRequest
from marketplace.search.service import SearchService
from marketplace.search.whoosh_engine import WhooshEngine
from marketplace.worker import catch_up
from tests.contract.judging import hold, verdict
from tests.contract.search_store import GROUP, NOW, add, empty
from tests.factories.entries import accepted, moment, signer
from validators.document import AcceptedEntry
from validators.verdict import Standing

ADDRESS = "ann@x.org"
BODY = b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description/><!-- %s --></r:RDF>'


def said(image: str, second: int, key: str, title: str) -> AcceptedEntry:
    by = signer(key, email=ADDRESS)
    data = BODY % f"{image} {second} {key}".encode()
    return accepted(image, ADDRESS, moment(second), signed_by=by, title=title, data=data)


@pytest.fixture
def indexer(database: Database, tmp_path: Path) -> Iterator[SearchIndexer]:
    empty(database)
    found = SearchIndexer.open(database, WhooshEngine(tmp_path / "index"))
    yield found
    found.close()


def test_an_index_follows_a_verdict_without_starting_again(
    database: Database, indexer: SearchIndexer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    service = SearchService(database, Catalogue(), indexer)

    def found() -> set[str | None]:
        CurrentRefresh(database).refresh()
        catch_up(database, indexer)
        hits = service.search(SearchRequest(words="word"), ANONYMOUS, NOW).hits
        return {hit.row.title for hit in hits}

    add(database, [said("image", 1, "old", "old word"), said("other", 1, "old", "other word")])
    assert found() == {"old word", "other word"}
    add(database, [said("image", 2, "new", "new word")])
    assert found() == {"old word", "new word", "other word"}
    hold(database, {"new": verdict(Standing.CHAINED)})
    assert found() == {"new word", "other word"}
    hold(database, {"new": verdict(Standing.REVOKED)})
    assert found() == {"old word", "new word", "other word"}
    assert "starts again" not in caplog.text
    with database.read() as session:
        assert not Cursors(session).lacks_renewals(indexer.name, PUBLIC)


def test_the_first_entries_of_a_log_stay_when_a_verdict_comes_with_them(database: Database) -> None:
    empty(database)
    service = SearchService(database, Catalogue(), None)
    assert service.search(SearchRequest(), ANONYMOUS, NOW).hits == []
    add(database, [said("image", 1, "old", "old"), said("image", 2, "new", "new")])
    hold(database, {"new": verdict(Standing.CHAINED)})
    assert CurrentRefresh(database).refresh() > 0
    assert [hit.row.title for hit in service.search(SearchRequest(), ANONYMOUS, NOW).hits] == ["new"]


def test_an_image_that_one_key_speaks_about_is_never_worked_out_anew(database: Database) -> None:
    empty(database)
    add(database, [said("image", 1, "ann", "one"), said("image", 2, "ann", "two")])
    for standing in (Standing.CHAINED, Standing.REVOKED, Standing.SELF_SIGNED):
        hold(database, {"ann": verdict(standing)})
        assert CurrentRefresh(database).refresh() == 0


def test_what_a_group_keeps_renews_nothing_of_the_public_log(database: Database) -> None:
    """Who sees the public log only is not told that something about an image changed elsewhere."""
    empty(database)
    add(database, [said("image", 1, "ann", "public")])
    add(database, [said("image", 2, "secret", "private")], GROUP)
    with database.read() as session:
        before = find_scope(session, ANONYMOUS).version
    hold(database, {"secret": verdict(Standing.CHAINED)})
    assert CurrentRefresh(database).refresh() > 0
    with database.read() as session:
        assert find_scope(session, ANONYMOUS).version == before
        group = ChangeLog(session).key(GROUP)
        assert set(session.scalars(select(RenewalRow.log_id))) == {group}
        member = Principal("member", frozenset({PUBLIC, GROUP}))
        page = SearchService(database, Catalogue(), None).search(SearchRequest(), member, NOW)
        assert [hit.row.title for hit in page.hits] == ["private"]
