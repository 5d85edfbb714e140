"""reindex: the index is built from really signed entries, and what is in the way is one sentence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from marketplace.access import ANONYMOUS
from marketplace.catalogue.catalogue import Catalogue
from marketplace.db import Database
from marketplace.search.indexer import SearchIndexer
from marketplace.search.request import SearchRequest
from marketplace.search.service import SearchService
from marketplace.search.whoosh_engine import WhooshEngine
from tests.factories.documents import image, signed
from validators import accept

_TOOL = (
    '<x:tool xmlns:x="urn:example:x#" rdf:parseType="Resource"><dcterms:description>blastn &amp; friends'
    '</dcterms:description><x:home rdf:resource="http://tools.example.org/blast"/></x:tool>'
)


@pytest.fixture
def filled(cli, data, tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    for document in (
        signed(image(title="Aligner", extra=_TOOL)),
        signed(image(content="other", title="Web server", tags=("stable",))),
    ):
        (archive / f"{accept(document).entry_id}.xml").write_bytes(document)
    assert cli("import", "--data", data, archive).code == 0
    return data


def titles(data, words):
    database = Database.open(f"sqlite:///{data}/marketplace.sqlite")
    indexer = SearchIndexer.open(database, WhooshEngine(data / "search"))
    try:
        service = SearchService(database, Catalogue(), indexer)
        page = service.search(SearchRequest(words=words), ANONYMOUS, datetime(2025, 1, 1, tzinfo=UTC))
        return sorted(hit.row.title for hit in page.hits)
    finally:
        indexer.close()
        database.close()


def test_everything_an_entry_says_is_found_after_it(cli, filled):
    outcome = cli("reindex", "--data", filled)
    assert (outcome.code, outcome.is_sentence()) == (0, True)
    assert "2 log rows" in outcome.err
    for words in ("blastn friends", "tools.example.org", "aligner", "jane tester"):
        assert "Aligner" in titles(filled, words), words
    assert titles(filled, "tag:stable") == ["Web server"]


def test_it_can_be_called_again_and_over_damage(cli, filled):
    assert cli("reindex", "--data", filled).code == 0
    files = [path for path in (filled / "search").rglob("*") if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(b"damaged")
    assert cli("reindex", "--data", filled).code == 0
    assert titles(filled, "aligner") == ["Aligner"]


def test_without_an_engine_it_is_one_sentence(cli, filled, monkeypatch):
    monkeypatch.setenv("MARKETPLACE_SEARCH_ENGINE", "off")
    outcome = cli("reindex", "--data", filled)
    assert (outcome.code, outcome.is_sentence()) == (2, True)


def test_an_engine_that_needs_another_database_is_one_sentence(cli, filled, monkeypatch):
    monkeypatch.setenv("MARKETPLACE_SEARCH_ENGINE", "postgresql")
    outcome = cli("reindex", "--data", filled)
    assert outcome.code != 0
    assert outcome.is_sentence()
    assert "PostgreSQL" in outcome.err


def test_a_place_that_cannot_be_written_is_one_sentence(cli, filled):
    (filled / "search").write_text("no directory")
    outcome = cli("reindex", "--data", filled)
    assert (outcome.code, outcome.is_sentence()) == (1, True)
