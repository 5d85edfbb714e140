"""The read side: SQL says what the pure functions say, whatever the order of arrival, on both databases."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert, select

from marketplace.access import ANONYMOUS, Principal
from marketplace.catalogue import texts
from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.entries import (
    Column,
    Direction,
    EntryQuery,
    EntryRow,
    EntryService,
    ListCaches,
    LocationFilter,
    StatusFilter,
)
from marketplace.entries.dated import matches_filters, matches_search, ordered
from marketplace.facets import TrustMark
from marketplace.models import Entry, Log
from marketplace.rules.columns import is_pdisk, is_web
from marketplace.rules.trust import StoredVerdict
from tests.contract.judging import confirm, hold, verdict
from tests.entry_rules import conflicting, current, rank, tag_target, timeline
from tests.factories.entries import accepted, identifier, moment
from tests.factories.stated import Stated
from tests.factories.storing import delete_all, imports, take_all
from validators.document import AcceptedEntry, Coordinates
from validators.verdict import Standing

NOW = moment(1000)
GROUP = "group:g"
BOTH = Principal("member", frozenset({PUBLIC, GROUP, "group:unknown"}))
NOBODY = Principal("nobody", frozenset())


def fill(database: Database, logs: Mapping[str, Sequence[AcceptedEntry]]) -> None:
    """Make the database hold exactly these entries, taken in in this order."""
    with database.write() as session:
        delete_all(session)
        session.execute(insert(Log).values(name=PUBLIC, next_sequence=0))
        ChangeLog(session).create(GROUP)
        take_all(session, [item for log, entries in logs.items() for item in imports(entries, log)], NOW)


def add(database: Database, log: str, entry: AcceptedEntry) -> None:
    """Take one entry in."""
    with database.write() as session:
        take_all(session, imports([entry], log), NOW)


TEXTS = st.none() | st.sampled_from(
    [
        "",
        "Ubuntu",
        "ubuntu",
        "Zebra",
        "äpfel",
        "ÄPFEL",
        "straße STRASSE",
        "50%_off",
        "a\\b",
        "\U0001f600",
        "\uffee",
    ]
)
ENTRIES = st.builds(
    lambda image, email, second, **said: accepted(image, email, moment(second), **said),
    image=st.integers(0, 2),
    email=st.sampled_from(["ann@x.org", "Bob@x.org"]),
    second=st.integers(0, 2),
    valid=st.sampled_from([None, moment(999), NOW, moment(1001)]),
    deprecated=st.sampled_from([None, None, "", "broken"]),
    title=TEXTS,
    description=TEXTS,
    os=TEXTS,
    os_version=TEXTS,
    kind=TEXTS,
    tags=st.lists(st.sampled_from(["stable", "x" * 9000]), max_size=2).map(tuple),
    locations=st.lists(
        st.sampled_from(["http://a.org/", "ftp://b", "pdisk:x", "PDISK:y", "s3:z"]), max_size=2
    ).map(tuple),
)
SETS = st.lists(ENTRIES, max_size=12, unique_by=lambda e: e.entry_id)
WORDS = st.sampled_from(
    [
        "",
        "ubuntu",
        "UBUNTU zebra",
        "strasse",
        "50%",
        "_",
        "%",
        "\\",
        "2024-01-01t",
        "null",
        "\x00",
        "\x1f",
        "\ud800",
        "x.org",
    ]
)


def rarely(values: st.SearchStrategy[object], otherwise: object = None) -> st.SearchStrategy[object]:
    """One time in six: a query with every filter set finds nothing and proves nothing."""
    return st.integers(0, 5).flatmap(lambda n: values if n == 5 else st.just(otherwise))


QUERIES = st.builds(
    EntryQuery,
    now=st.just(NOW),
    status=st.sampled_from([StatusFilter.ALL, StatusFilter.ALL, *StatusFilter]),
    location=rarely(st.sampled_from(LocationFilter), LocationFilter.ALL),
    identifier=rarely(st.sampled_from([identifier(0), identifier(1), "\x00", "no"])),
    email=rarely(st.sampled_from(["ann@x.org", "Ann@x.org", "\x00"])),
    created=rarely(st.just(moment(1))),
    tag=rarely(st.sampled_from(["stable", "x" * 9000, "\x00"])),
    trust=rarely(st.frozensets(st.sampled_from(TrustMark), min_size=1, max_size=2), frozenset()),
    search=st.just("") | WORDS,
    columns=rarely(st.tuples(st.tuples(st.sampled_from([Column.OS, Column.EMAIL, Column.KIND]), WORDS)), ()),
    sort=st.sampled_from(Column),
    direction=st.sampled_from(Direction),
    offset=rarely(st.integers(1, 3), 0),
    limit=rarely(st.integers(0, 4)),
)
#: Queries of one example: filling the database takes longer than asking it.
SEVERAL = st.lists(QUERIES, min_size=6, max_size=6)
#: The database of a test is emptied for each example, so sharing the fixture is sound.
#: Nothing is shrunk: an example takes a while, and a failing test must end.
PROPERTY = settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


#: Verdicts that tests of lists hold: one endorser is trusted, the other revoked.
CONFIRMED = ("Bob@x.org",)
HELD = {"ann@x.org": verdict(listed=True, begins=moment(1)), "Bob@x.org": verdict(Standing.REVOKED)}


def as_row(
    entry: AcceptedEntry, key: int, conflicts: set[str], held: Mapping[str, StoredVerdict]
) -> EntryRow:
    said = entry.metadata
    return EntryRow(
        key=key,
        entry_id=entry.entry_id,
        identifier=entry.identifier,
        email=entry.endorser.email,
        created=entry.created,
        subject=entry.endorser.subject,
        issuer=entry.endorser.issuer,
        size=said.size,
        type=said.type,
        valid=said.valid,
        deprecated=said.deprecated,
        title=said.title,
        description=said.description,
        os=said.os,
        os_version=said.os_version,
        os_arch=said.os_arch,
        kind=said.kind,
        format=said.format,
        publisher=said.publisher,
        version=said.version,
        location=said.locations[0] if said.locations else None,
        has_web=is_web(said.locations),
        has_pdisk=is_pdisk(said.locations),
        strength=entry.strength,
        conflicting=entry.entry_id in conflicts,
        confirmed=bool(held) and entry.endorser.email in CONFIRMED,
        key_digest=entry.signer.key_digest,
        bound=entry.signer.email is not None,
        verdict=held.get(entry.endorser.email),
    )


def expected_rows(
    entries: Iterable[AcceptedEntry],
    query: EntryQuery,
    keys: dict[str, int],
    held: Mapping[str, StoredVerdict],
) -> list[EntryRow]:
    """What the list holds before searching and cutting, from the set alone."""
    stated = [Stated(e) for e in entries]
    conflicts = conflicting(stated)
    if query.is_dated():
        at: defaultdict[Coordinates, list[Stated]] = defaultdict(list)
        for one in stated:
            if one.created == query.created:
                at[one.entry.coordinates].append(one)
        stated = [max(found, key=rank) for found in at.values()]
    else:
        stated = [s for found in current(stated).values() for s in found]
    stated = [s for s in stated if query.tag is None or query.tag in s.tags]
    rows = [as_row(s.entry, keys[s.entry_id], conflicts, held) for s in stated]
    return ordered([r for r in rows if matches_filters(r, query)], query)


def check_list(
    database: Database,
    principal: Principal,
    entries: list[AcceptedEntry],
    query: EntryQuery,
    held: Mapping[str, StoredVerdict] = MappingProxyType({}),
    caches: ListCaches | None = None,
) -> None:
    unique = list({e.entry_id: e for e in entries}.values())
    with database.read() as session:
        visible = EntryService(session, caches).visible_to(principal)
        keys = dict(session.execute(select(Entry.entry_id, Entry.id)).tuples().all())
        page = visible.list(query)
        bodies = [stored.data for stored in visible.stream_bodies(query)]
    rows = expected_rows(unique, query, keys, held)
    found = [r for r in rows if matches_search(r, query)]
    window = found[query.offset : None if query.limit is None else query.offset + query.limit]
    assert list(page.rows) == window
    assert (page.total, page.matching) == (len(rows), len(found))
    data = {e.entry_id: e.data for e in unique}
    assert bodies == [data[r.entry_id] for r in window]


@PROPERTY
@given(entries=SETS, queries=SEVERAL, coordinates=st.integers(0, 10))
def test_lists_are_what_the_set_says(
    database: Database, entries: list[AcceptedEntry], queries: list[EntryQuery], coordinates: int
) -> None:
    fill(database, {PUBLIC: entries})
    hold(database, HELD)
    confirm(database, CONFIRMED)
    for query in queries:
        check_list(database, ANONYMOUS, entries, query, HELD)
    for entry in entries[:coordinates]:
        where = replace(
            queries[0], identifier=entry.identifier, email=entry.endorser.email, created=entry.created
        )
        check_list(database, ANONYMOUS, entries, where, HELD)


@PROPERTY
@given(public=SETS, private=SETS, shared=st.integers(0, 10), queries=SEVERAL)
def test_several_logs_are_one_set(
    database: Database,
    public: list[AcceptedEntry],
    private: list[AcceptedEntry],
    shared: int,
    queries: list[EntryQuery],
) -> None:
    held = {e.entry_id: e for e in [*private, *public[:shared]]}
    fill(database, {PUBLIC: public, GROUP: list(held.values())})
    hold(database, HELD)
    confirm(database, CONFIRMED)
    for query in queries:
        check_list(database, BOTH, [*public, *held.values()], query, HELD)
    check_list(database, ANONYMOUS, public, queries[0], HELD)
    check_list(database, NOBODY, [], queries[0])


@PROPERTY
@given(
    steps=st.lists(st.tuples(st.sampled_from([PUBLIC, GROUP]), ENTRIES), max_size=10),
    queries=st.lists(QUERIES, min_size=10, max_size=10),
)
def test_what_is_remembered_follows_the_logs(
    database: Database, steps: list[tuple[str, AcceptedEntry]], queries: list[EntryQuery]
) -> None:
    """One memory through all uploads: entries are superseded in one log or both, and come back in another."""
    fill(database, {})
    caches = ListCaches()
    held: dict[str, list[AcceptedEntry]] = {PUBLIC: [], GROUP: []}
    for number, ((log, entry), query) in enumerate(zip(steps, queries, strict=False)):
        add(database, log, entry)
        held[log].append(entry)
        if number % 3:
            check_list(database, ANONYMOUS, held[PUBLIC], query, caches=caches)
        check_list(database, BOTH, [*held[PUBLIC], *held[GROUP]], query, caches=caches)


@PROPERTY
@given(entries=SETS, seed=st.integers(0, 2**16))
def test_the_order_of_arrival_changes_nothing(
    database: Database, entries: list[AcceptedEntry], seed: int
) -> None:
    everything = EntryQuery(now=NOW, status=StatusFilter.ALL)
    answers = []
    for order in (entries, random.Random(seed).sample(entries, len(entries))):
        fill(database, {PUBLIC: order})
        with database.read() as session:
            visible = EntryService(session).visible_to(ANONYMOUS)
            answers.append(
                (
                    {row.entry_id for row in visible.list(everything).rows},
                    [[r.entry_id for r in visible.timeline(identifier(n))] for n in range(3)],
                    [
                        getattr(visible.tagged(e, "stable"), "entry_id", None)
                        for e in ("ann@x.org", "Bob@x.org")
                    ],
                )
            )
    assert answers[0] == answers[1]


@PROPERTY
@given(public=SETS, private=SETS)
def test_timelines_tags_and_endorsers_are_what_the_set_says(
    database: Database, public: list[AcceptedEntry], private: list[AcceptedEntry]
) -> None:
    fill(database, {PUBLIC: public, GROUP: private})
    for principal, entries in ((ANONYMOUS, public), (BOTH, [*public, *private])):
        stated = [Stated(e) for e in {e.entry_id: e for e in entries}.values()]
        with database.read() as session:
            visible = EntryService(session).visible_to(principal)
            for image in map(identifier, range(3)):
                wanted = [s.entry_id for s in timeline(stated, image)]
                assert [r.entry_id for r in visible.timeline(image)] == wanted
            for email in ("ann@x.org", "Bob@x.org", "\x00"):
                own = [s for s in stated if s.email == email]
                for tag in ("stable", "x" * 9000, "none", "\x00"):
                    target = tag_target(stated, email, tag)
                    found = visible.tagged(email, tag)
                    assert (found and found.entry_id) == (target and target.entry_id)
                shown = [s for found in current(own).values() for s in found]
                assert visible.tags(email) == sorted(
                    {t for s in shown if s.deprecated is None for t in s.tags}
                )
                record = visible.endorser(email)
                assert (record.entries if record else 0) == len(own)
                recent = visible.recent(email, moment(1))
                assert {r.entry_id for r in recent} == {s.entry_id for s in own if s.created >= moment(1)}
                assert [r.created for r in recent] == sorted((r.created for r in recent), reverse=True)
            counts = {row.email: row.entries for row in visible.endorsers()}
            assert counts == {e: n for e in sorted(counts) if (n := sum(s.email == e for s in stated))}
            assert sum(counts.values()) == len(stated)


def shown(database: Database, when: datetime, caches: ListCaches) -> tuple[int, int, int]:
    with database.read() as session:
        visible = EntryService(session, caches).visible_to(ANONYMOUS)
        page = visible.list(EntryQuery(now=when, search="image"))
        return len(page.rows), page.matching, page.total


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
        visible = EntryService(session, caches).visible_to(ANONYMOUS)
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
            return EntryService(session).visible_to(ANONYMOUS).list(query).matching

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
            visible = EntryService(session).visible_to(ANONYMOUS)
            rows = visible.list(EntryQuery(now=NOW, sort=Column.TITLE)).rows
            orders.append([row.entry_id for row in rows])
    assert orders[0] == orders[1]


def test_endorsers_are_counted_onwards(database: Database) -> None:
    caches = ListCaches()
    fill(database, {PUBLIC: [accepted(1), accepted(2)], GROUP: [accepted(3)]})

    def entries(principal: Principal) -> list[int]:
        with database.read() as session:
            return [r.entries for r in EntryService(session, caches).visible_to(principal).endorsers()]

    assert (entries(ANONYMOUS), entries(BOTH)) == ([2], [3])
    add(database, PUBLIC, accepted(3))
    assert (entries(ANONYMOUS), entries(BOTH)) == ([3], [3])


def test_both_sides_of_an_equivocation_are_kept_and_flagged(database: Database) -> None:
    good, withdrawn = accepted(title="good"), accepted(deprecated="")
    fill(database, {PUBLIC: [good, withdrawn, accepted(created=moment(5))]})
    with database.read() as session:
        visible = EntryService(session).visible_to(ANONYMOUS)
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
        visible = EntryService(session).visible_to(ANONYMOUS)
        assert visible.find(private.coordinates) is None
        assert visible.find_body(private.coordinates) is None
        assert visible.find_by_entry_id(private.entry_id) is None
        record = visible.find(public.coordinates)
        assert record is not None and record.is_current and not record.row.conflicting
        assert visible.list(EntryQuery(now=NOW)).total == 1
        assert EntryService(session).visible_to(NOBODY).find(public.coordinates) is None
        member = EntryService(session).visible_to(BOTH)
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
            visible = EntryService(session).visible_to(principal)
            body, record = visible.find_body(public.coordinates), visible.find(public.coordinates)
            assert body is not None and body.data == data
            assert record is not None and record.body_size == len(data)
            assert [stored.data for stored in visible.stream_bodies(everything)] == [data]
            assert len(visible.list(everything).rows) == 1


def test_a_record_has_everything(database: Database) -> None:
    entry = accepted(locations=("b", "a"), tags=("t", "s"), title="T")
    fill(database, {PUBLIC: [entry]})
    with database.read() as session:
        record = EntryService(session).visible_to(ANONYMOUS).find(entry.coordinates)
    assert record is not None
    assert (record.locations, record.tags) == (("b", "a"), ("t", "s"))
    assert record.certificate == entry.signer.certificate
    assert (record.body_size, record.accepted_at) == (len(entry.data), NOW)
    assert record.row == as_row(entry, record.row.key, set(), {})


@pytest.mark.parametrize("window", [{"offset": 2**62, "limit": 2**62}, {"limit": 0}, {"offset": 1}])
def test_absurd_windows_are_empty(database: Database, window: dict[str, int]) -> None:
    fill(database, {PUBLIC: [accepted()]})
    with database.read() as session:
        visible = EntryService(session).visible_to(ANONYMOUS)
        query = EntryQuery(now=NOW, **window)
        assert (list(visible.list(query).rows), list(visible.stream_bodies(query))) == ([], [])
