"""The read side by properties: SQL says what the pure functions say, whatever the order of arrival."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from marketplace.access import ANONYMOUS
from marketplace.changes import PUBLIC
from marketplace.db import Database
from marketplace.entries import (
    Column,
    Direction,
    EntryQuery,
    ListCaches,
    LocationFilter,
    StatusFilter,
    VisibleEntries,
)
from marketplace.facets import TrustMark
from tests.contract.entry_store import BOTH, CONFIRMED, GROUP, NOBODY, NOW, add, check_list, fill
from tests.contract.judging import confirm, hold, verdict
from tests.entry_rules import current, tag_target, timeline
from tests.factories.entries import accepted, identifier, moment
from tests.factories.stated import Stated
from validators.document import AcceptedEntry
from validators.verdict import Standing

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

HELD = {"ann@x.org": verdict(listed=True, begins=moment(1)), "Bob@x.org": verdict(Standing.REVOKED)}


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
            visible = VisibleEntries(session, ANONYMOUS)
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
            visible = VisibleEntries(session, principal)
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
