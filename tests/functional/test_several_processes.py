"""Two server processes over one PostgreSQL database, and another site that knows one of them."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

import httpx
from sqlalchemy import select

from marketplace.db import Database, upgrade
from marketplace.federation.keys import create_keys, load_keys
from marketplace.models import ChangeRow, Entry
from marketplace.moments import utc_now
from marketplace.peers.model import PullState
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.peer_registry import Peers
from marketplace.tlog.checkpoint import verify_checkpoint
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.fixtures_postgres import postgres_server, postgres_url
from tests.functional.running import AUTHORITIES, RunningServer, start
from tests.functional.sites import SETTINGS, sites, until
from validators import accept

__all__ = ["postgres_server", "postgres_url"]

SITE = "mp-twins.example"


def post(server: RunningServer, document: bytes) -> None:
    with server.client() as http:
        answer = http.post("/metadata", content=document, headers={"Content-Type": "text/xml"})
    assert answer.status_code == 201, answer.text


def ids(database: Database) -> list[str]:
    """Of every row of every log, in order."""
    with database.read() as session:
        query = (
            select(Entry.entry_id)
            .join(ChangeRow, ChangeRow.entry_key == Entry.id)
            .order_by(ChangeRow.sequence)
        )
        return list(session.scalars(query))


def test_a_site_of_two_processes_is_one_site_to_its_peers(tmp_path: Path, postgres_url: str) -> None:
    upgrade(postgres_url)
    data = tmp_path / "twins"
    data.mkdir()
    create_keys(data, SITE)
    keys = load_keys(data)
    assert keys is not None
    identity = make_identity()
    documents = [signed(image(content=f"twins {n}"), identity) for n in range(12)]
    with ExitStack() as stack:
        (other,) = stack.enter_context(sites(tmp_path, 1))
        twins = []
        for _ in range(2):
            twin = start(data, **SETTINGS, database_url=postgres_url)
            stack.callback(twin.stop)
            twins.append(twin)
        database = stack.enter_context(closing(Database.open(postgres_url)))
        with database.write() as session:
            Peers(session).add(other.url, other.keys.log.verifier, other.keys.auth.verifier, utc_now())
        with other.database() as theirs, theirs.write() as session:
            Peers(session).add(twins[1].url, keys.log.verifier, keys.auth.verifier, utc_now())

        for number, document in enumerate(documents):
            if number % 3 == 2:
                other.upload(document)
            else:
                post(twins[number % 3], document)
        everything = {accept(document).entry_id for document in documents}
        with other.database() as theirs:
            until(lambda: set(ids(database)) == everything, "all of it is at the twins")
            until(lambda: set(ids(theirs)) == everything, "all of it is at the other site")
            assert len(ids(database)) == len(ids(theirs)) == len(documents)

        def published() -> set[int]:
            notes = [
                httpx.get(f"{twin.url}/fed/v1/logs/public/checkpoint", verify=AUTHORITIES).content
                for twin in twins
            ]
            key = keys.verifier(f"{SITE}/public")
            return {verify_checkpoint(note, key).checkpoint.size for note in notes}

        until(lambda: published() == {len(documents)}, "both show one log that covers all of it")
        with database.read() as session, other.database() as theirs, theirs.read() as there:
            assert [log.state for log in FollowedLogs(session).all()] == [PullState.TAILING]
            assert [log.state for log in FollowedLogs(there).all()] == [PullState.TAILING]
