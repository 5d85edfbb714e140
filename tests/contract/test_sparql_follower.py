"""The triple store follows the log of either database to the same statements."""

from __future__ import annotations

from pathlib import Path

from marketplace.db import Database
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.sparql.follower import SparqlFollower
from marketplace.worker import catch_up, rebuild
from tests.factories.storing import import_entry
from tests.fixtures_sparql import document


def test_a_store_built_again_is_the_store_that_followed(database: Database, tmp_path: Path) -> None:
    ingest = IngestService(database, UploadPolicy(legacy="refuse"))
    follower = SparqlFollower.open(database, tmp_path / "sparql")
    for number in range(6):
        for created in ("2024-05-01T12:00:00Z", "2024-06-01T12:00:00Z"):
            import_entry(ingest, document(f"image {number}", created=created, title=f"{number} {created}"))
        assert catch_up(database, follower) == 2
    followed = follower._store.count()
    # Two entries of one image differ in one statement: which of them is the latest.
    assert followed > 12 * 10
    rebuild(database, follower)
    assert catch_up(database, follower) == 12
    assert follower._store.count() == followed
    follower.close()
    ingest.close()
