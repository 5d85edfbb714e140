"""What is not granted costs the same work as what is not there: the same questions to the database.

``python -m tests.benchmarks --only timing`` measures the time of the same requests.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from marketplace.routes import ROUTES
from tests.functional.privacy_pairs import ELSEWHERE, PAIRS, Pair, filled, names_of
from tests.functional.privacy_sites import Site, fill_with, open_site
from tests.functional.private_site import GROUP, MEMBER, OUTSIDER
from tests.functional.test_privacy_matrix import published

Known = tuple[dict[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Known]]:
    with open_site(tmp_path_factory.mktemp("work"), fill_with) as having:
        log = published(having, f"group:{GROUP}")
        yield having, names_of(log.slug, log.origin)


@contextmanager
def noted(site: Site) -> Iterator[list[str]]:
    """The statements that this thread sends to the site's database meanwhile."""
    statements: list[str] = []
    me = threading.get_ident()

    def note(*arguments: object) -> None:
        if threading.get_ident() == me:
            statements.append(str(arguments[2]))

    database = site.runtime.database
    with database.read() as session:
        engines = [database.engine, session.get_bind()]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


def work(site: Site, pair: Pair, known: dict[str, str], reader: str | None) -> tuple[int, list[str]]:
    """Status of an answer and the statements it took, the second time: the first may fill memories."""
    path, body = filled(pair, known)
    for _ in range(2):
        with noted(site) as statements:
            answer = site.ask(
                path, method=pair.method, accept=pair.accept, body=body, kind=pair.kind, reader=reader
            )
    return answer.status_int, statements


@pytest.mark.parametrize("reader", [None, OUTSIDER], ids=["nobody", "a member of another group"])
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.method} {pair.path} {pair.accept}")
def test_not_granted_and_absent_ask_the_same_of_the_database(
    site: tuple[Site, Known], pair: Pair, reader: str | None
) -> None:
    having, (hidden, absent) = site
    assert work(having, pair, hidden, reader) == work(having, pair, absent, reader)


def test_a_member_costs_other_work(site: tuple[Site, Known]) -> None:
    """The comparison can fail: what is there takes more statements than what is not."""
    having, (hidden, absent) = site
    pair = next(pair for pair in PAIRS if pair.route == "api.entry")
    assert work(having, pair, hidden, MEMBER)[1] != work(having, pair, absent, MEMBER)[1]


def test_every_route_that_names_something_has_a_pair() -> None:
    naming = {route.name for route in ROUTES if "{" in route.pattern}
    assert naming - {pair.route for pair in PAIRS} == set(ELSEWHERE)
