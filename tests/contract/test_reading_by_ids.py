"""Who asks for a few entries by their ids makes SQLite look for these, and not read a whole log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC
from marketplace.db import Database
from marketplace.federation.integrator import Integrator
from marketplace.federation.keys import create_keys
from marketplace.federation.published_logs import PublishedLogs
from marketplace.moments import utc_now
from marketplace.peers.registry.pull_writes import known_ids
from tests.databases import upgrade

IDS = [f"{n:064x}" for n in range(256)]


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Database]:
    """A database that publishes an empty log: without statistics, plans do not depend on what is there."""
    upgrade(f"sqlite:///{tmp_path}/store.sqlite")
    database = Database.open(f"sqlite:///{tmp_path}/store.sqlite")
    Integrator(database, create_keys(tmp_path, "mp-a.example"), utc_now).step()
    yield database
    database.close()


@pytest.mark.parametrize(
    "ask",
    [
        lambda session: known_ids(session, PUBLIC, IDS),
        lambda session: PublishedLogs(session, frozenset({PUBLIC})).bodies(IDS),
    ],
    ids=["what a pull knows", "bodies by ids"],
)
def test_entries_are_found_by_their_ids(published: Database, ask: Callable[[Session], object]) -> None:
    with published.read() as session:
        plans = plans_of(session, lambda: ask(session))
    assert any("SEARCH entry USING COVERING INDEX" in step and "(entry_id=?)" in step for step in plans)
    by_log = [step for step in plans if "change" in step and "log_id" in step and "entry_key" not in step]
    assert by_log == []


def plans_of(session: Session, ask: Callable[[], object]) -> list[str]:
    """The steps of the plans of everything that is asked."""
    asked: list[tuple[str, tuple[object, ...]]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        assert isinstance(parameters, tuple)
        asked.append((statement, parameters))

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    ask()
    event.remove(connection, "before_cursor_execute", note)
    return [
        str(step[3])
        for statement, parameters in asked
        for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    ]
