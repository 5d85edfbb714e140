"""The read side by examples: what a list, a record and an endorser say, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from marketplace.access import ANONYMOUS, Principal
from marketplace.catalogue import texts
from marketplace.changes import PUBLIC
from marketplace.db import Database
from marketplace.entries import (
    Column,
    EntryQuery,
    ListCaches,
    VisibleEntries,
)
from tests.contract.entry_store import BOTH, GROUP, NOBODY, NOW, add, as_row, check_list, fill, shown
from tests.factories.entries import accepted, moment


def test_remembered_counts_follow_the_log_and_the_clock(database: Database) -> None:
    caches = ListCaches()
    first = accepted(1, title="image", valid=moment(2000))
    fill(database, {PUBLIC: [first, accepted(2, title="image")]})
    assert shown(database, moment(1500), caches) == (2, 2, 2)
    assert shown(database, moment(2000), caches) == (2, 2, 2)
    assert shown(database, moment(2001), caches) == (1, 1, 1)
    assert shown(database, moment(1999), caches) == (2, 2, 2)
    add(database, PUBLIC, accepted(3, title="image"))
    assert shown(database, moment(1999), caches) == (3, 3, 3)


def test_a_page_asks_for_its_keys_and_not_for_lines_that_it_knows(database: Database) -> None:
    fill(database, {PUBLIC: [accepted(n) for n in range(5)]})
    caches = ListCaches()
    with database.read() as session:
        statements: list[str] = []
        visible = VisibleEntries(session, ANONYMOUS, caches)
        visible.list(EntryQuery(now=NOW))
        connection = session.connection()

        def note(*arguments: object) -> None:
            statements.append(str(arguments[2]))

        event.listen(connection, "before_cursor_execute", note)
        visible.list(EntryQuery(now=NOW, sort=Column.TITLE, limit=3))
        event.remove(connection, "before_cursor_execute", note)
    assert len(statements) == 1


def test_searches_follow_what_is_current(database: Database) -> None:
    """Superseded text is found no more, and a word is what it is: there are no operators."""
    fill(database, {PUBLIC: [accepted(1, title="gone"), accepted(1, created=moment(5), title="here")]})

    def found(search: str) -> int:
        with database.read() as session:
            query = EntryQuery(now=NOW, search=search)
            return VisibleEntries(session, ANONYMOUS).list(query).matching

    assert (found("gone"), found("here"), found("her ere"), found('he" OR "re')) == (0, 1, 1, 0)
    fill(database, {})
    assert found("here") == 0


def test_texts_that_memory_has_no_room_for_are_asked_of_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As very long ones, and all beyond the bound."""
    monkeypatch.setattr(texts, "LONGEST", 150)
    entries = [
        accepted(n, title=f"number {n}", os=f"System{n}", description="long " * (50 * (n % 2)))
        for n in range(6)
    ]
    fill(database, {PUBLIC: entries[:3], GROUP: entries[3:]})
    caches = ListCaches()
    for _ in range(2):
        for query in (
            EntryQuery(now=NOW, search="LONG number"),
            EntryQuery(now=NOW, search="er 3"),
            EntryQuery(now=NOW, columns=((Column.OS, "system3 tem"),)),
            EntryQuery(now=NOW, columns=((Column.OS, "system2"),), search="u"),
        ):
            check_list(database, BOTH, entries, query, caches=caches)
            check_list(database, ANONYMOUS, entries[:3], query, caches=caches)


def test_ties_do_not_tell_which_entry_was_here_first(database: Database) -> None:
    """A group held the second one before everybody did; the list must not show it."""
    orders = []
    one, two = (accepted(n, title="same", created=moment(5)) for n in (1, 2))
    for early in ([one], [two]):
        fill(database, {GROUP: early, PUBLIC: [one, two]})
        with database.read() as session:
            visible = VisibleEntries(session, ANONYMOUS)
            rows = visible.list(EntryQuery(now=NOW, sort=Column.TITLE)).rows
            orders.append([row.entry_id for row in rows])
    assert orders[0] == orders[1]


def test_endorsers_are_counted_onwards(database: Database) -> None:
    caches = ListCaches()
    fill(database, {PUBLIC: [accepted(1), accepted(2)], GROUP: [accepted(3)]})

    def entries(principal: Principal) -> list[int]:
        with database.read() as session:
            return [r.entries for r in VisibleEntries(session, principal, caches).endorsers()]

    assert (entries(ANONYMOUS), entries(BOTH)) == ([2], [3])
    add(database, PUBLIC, accepted(3))
    assert (entries(ANONYMOUS), entries(BOTH)) == ([3], [3])


def test_both_sides_of_an_equivocation_are_kept_and_flagged(database: Database) -> None:
    good, withdrawn = accepted(title="good"), accepted(deprecated="")
    fill(database, {PUBLIC: [good, withdrawn, accepted(created=moment(5))]})
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS)
        record = visible.find(good.coordinates)
        other = visible.find_by_entry_id(good.entry_id)
        body = visible.find_body(good.coordinates)
        assert record and other and body
        assert (record.row.entry_id, record.conflicts) == (withdrawn.entry_id, (good.entry_id,))
        assert (other.row.entry_id, other.conflicts) == (good.entry_id, (withdrawn.entry_id,))
        assert record.row.conflicting and other.row.conflicting
        assert body.data == withdrawn.data
        assert not record.is_current and record.current.created == moment(5)


def test_what_stands_only_in_an_unseen_log_does_not_exist(database: Database) -> None:
    public, private = accepted(created=moment(1)), accepted(created=moment(2), deprecated="gone", tags=("t",))
    twin = accepted(created=moment(1), title="other")
    fill(database, {PUBLIC: [public], GROUP: [private, twin]})
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS)
        assert visible.find(private.coordinates) is None
        assert visible.find_body(private.coordinates) is None
        assert visible.find_by_entry_id(private.entry_id) is None
        record = visible.find(public.coordinates)
        assert record is not None and record.is_current and not record.row.conflicting
        assert visible.list(EntryQuery(now=NOW)).total == 1
        assert VisibleEntries(session, NOBODY).find(public.coordinates) is None
        member = VisibleEntries(session, BOTH)
        assert member.list(EntryQuery(now=NOW)).total == 0


def test_each_log_serves_the_bytes_it_received(database: Database) -> None:
    public, private = accepted(data=b"public"), accepted(data=b"private, spelled otherwise")
    fill(database, {GROUP: [private], PUBLIC: [public]})
    everything = EntryQuery(now=NOW)
    with database.read() as session:
        for principal, data in (
            (ANONYMOUS, b"public"),
            (Principal("g", frozenset({GROUP})), b"private, spelled otherwise"),
            (BOTH, b"public"),  # the older log's
        ):
            visible = VisibleEntries(session, principal)
            body, record = visible.find_body(public.coordinates), visible.find(public.coordinates)
            assert body is not None and body.data == data
            assert record is not None and record.body_size == len(data)
            assert [stored.data for stored in visible.stream_bodies(everything)] == [data]
            assert len(visible.list(everything).rows) == 1


def test_a_record_has_everything(database: Database) -> None:
    entry = accepted(locations=("b", "a"), tags=("t", "s"), title="T")
    fill(database, {PUBLIC: [entry]})
    with database.read() as session:
        record = VisibleEntries(session, ANONYMOUS).find(entry.coordinates)
    assert record is not None
    assert (record.locations, record.tags) == (("b", "a"), ("t", "s"))
    assert record.certificate == entry.signer.certificate
    assert (record.body_size, record.accepted_at) == (len(entry.data), NOW)
    assert record.row == as_row(entry, record.row.key, set(), {})


@pytest.mark.parametrize("window", [{"offset": 2**62, "limit": 2**62}, {"limit": 0}, {"offset": 1}])
def test_absurd_windows_are_empty(database: Database, window: dict[str, int]) -> None:
    fill(database, {PUBLIC: [accepted()]})
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS)
        query = EntryQuery(now=NOW, **window)
        assert (list(visible.list(query).rows), list(visible.stream_bodies(query))) == ([], [])
