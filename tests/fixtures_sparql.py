"""A database with a log, and a follower that keeps a triple store of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.changes import PUBLIC, ChangeLog, Cursors
from marketplace.db import Database
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.sparql.follower import SparqlFollower
from tests.databases import upgrade
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity


def document(
    content: str = "image",
    email: str = "jane@example.org",
    created: str = "2024-05-01T12:00:00Z",
    **said: object,
) -> bytes:
    """A signed entry. Everybody signs with one key: the certificate names no e-mail."""
    return signed(image(content=content, **said), make_identity(email=None), created=created, email=email)


def follow(database: Database, follower: SparqlFollower, page: int = 1024) -> int:
    """Bring a follower to the log's end as its runner does; returns how many pages that took."""
    pages = 0
    while True:
        with database.read() as session:
            position = Cursors(session).position(follower.name, PUBLIC)
            changes = ChangeLog(session).page(PUBLIC, position, page)
            if not changes:
                return pages
            follower.apply(session, PUBLIC, changes)
        with database.write() as session:
            Cursors(session).move(follower.name, PUBLIC, changes[-1].sequence + 1)
        pages += 1


@pytest.fixture
def log_database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/store.sqlite"
    upgrade(url)
    database = Database.open(url)
    yield database
    database.close()


@pytest.fixture
def ingest(log_database: Database) -> Iterator[IngestService]:
    service = IngestService(log_database, UploadPolicy(legacy="refuse"))
    yield service
    service.close()
