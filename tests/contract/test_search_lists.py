"""Lists without words are what the pure functions say: filters, facets, sorts and pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.access import ANONYMOUS, Principal
from marketplace.catalogue import order
from marketplace.catalogue.catalogue import Catalogue
from marketplace.catalogue.facts import facet_value
from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.facets import Facet, TrustMark
from marketplace.rules.columns import is_pdisk, is_web
from marketplace.rules.trust import StoredVerdict
from marketplace.search.errors import SearchRefusedError, SearchUnavailableError
from marketplace.search.parameters import parse_request
from marketplace.search.request import SearchRequest, Sort
from marketplace.search.results import SearchPage
from marketplace.search.service import SearchService
from marketplace.text import fold
from tests.contract.judging import CONFIRMED, HELD, confirm, hold
from tests.contract.search_store import GROUP, NOW, add, empty
from tests.entry_rules import current, status
from tests.factories.entries import accepted, moment
from tests.factories.stated import Stated
from validators.document import AcceptedEntry, Strength

MEMBER = Principal("member", frozenset({PUBLIC, GROUP}))
INSIDER = Principal("insider", frozenset({GROUP}))
NOBODY = Principal("nobody", frozenset())
#: Verdicts by e-mail address, and whether it is confirmed.
Held = Mapping[str, tuple[StoredVerdict | None, bool]]
SEEN = {ANONYMOUS: (PUBLIC,), MEMBER: (PUBLIC, GROUP), INSIDER: (GROUP,), NOBODY: ()}


def spelled(entry: AcceptedEntry) -> AcceptedEntry:
    """The entry with bytes of their own for each strength, as different signatures are."""
    return replace(entry, data=entry.data + entry.strength.value.encode())


ENTRIES = st.builds(
    lambda image, email, second, strength, **said: spelled(
        accepted(image, email, moment(second), strength=strength, **said)
    ),
    image=st.integers(0, 5),
    email=st.sampled_from(["ann@x.org", "Bob@x.org"]),
    second=st.sampled_from([0, 1, 2, 86_400 * 29, 86_400 * 31]),
    valid=st.sampled_from([None, moment(999), NOW, moment(1001)]),
    deprecated=st.sampled_from([None, None, None, "", "broken"]),
    title=st.sampled_from([None, "", "Zebra", "äpfel", "Äpfel", "ubuntu"]),
    os=st.sampled_from([None, " ", "Ubuntu", "ubuntu", "CentOS"]),
    os_version=st.sampled_from([None, "14.04"]),
    os_arch=st.sampled_from([None, "x86_64"]),
    kind=st.sampled_from([None, "machine", "disk"]),
    format=st.sampled_from([None, "qcow2"]),
    size=st.integers(0, 3),
    tags=st.lists(st.sampled_from(["stable", "Stable", "x" * 9000]), max_size=3).map(tuple),
    locations=st.lists(st.sampled_from(["http://a/", "pdisk:x", "s3:z"]), max_size=2).map(tuple),
    strength=st.sampled_from(Strength),
)
SETS = st.lists(ENTRIES, max_size=14, unique_by=lambda e: (e.entry_id, e.strength))
REQUESTS = st.builds(
    SearchRequest,
    chosen=st.fixed_dictionaries(
        {},
        optional={
            Facet.STATUS: st.lists(st.sampled_from(["valid", "deprecated", "expired"]), max_size=2).map(
                tuple
            ),
            Facet.OS: st.sampled_from([("ubuntu",), ("UBUNTU", "centos"), ("none",)]),
            Facet.KIND: st.just(("disk",)),
            Facet.LOCATION: st.sampled_from([("web",), ("pdisk",)]),
            Facet.SIGNATURE: st.just(("strong",)),
            Facet.TRUST: st.lists(st.sampled_from([mark.value for mark in TrustMark]), max_size=2).map(tuple),
            Facet.ENDORSER: st.just(("ann@x.org",)),
            Facet.TAG: st.sampled_from([("stable",), ("x" * 9000, "Stable")]),
        },
    ),
    created_from=st.sampled_from([None, moment(1), moment(86_400 * 30)]),
    created_before=st.sampled_from([None, moment(2), moment(86_400 * 32)]),
    sort=st.sampled_from(Sort),
    limit=st.integers(1, 5),
)


def values(entry: AcceptedEntry, facet: Facet, held: Held) -> set[str]:
    said = entry.metadata
    told: dict[Facet, Sequence[str | None]] = {
        Facet.STATUS: [status(Stated(entry), NOW).value],
        Facet.OS: [said.os],
        Facet.OS_VERSION: [said.os_version],
        Facet.ARCH: [said.os_arch],
        Facet.KIND: [said.kind],
        Facet.FORMAT: [said.format],
        Facet.LOCATION: [
            "web" if is_web(said.locations) else None,
            "pdisk" if is_pdisk(said.locations) else None,
        ],
        Facet.TRUST: [mark.value for mark in marks(entry, held)],
        Facet.SIGNATURE: [entry.strength.value],
        Facet.ENDORSER: [entry.endorser.email],
        Facet.TAG: said.tags,
    }
    return {facet_value(facet, one) for one in told[facet] if one and one.strip()}


def marks(entry: AcceptedEntry, held: Held) -> Sequence[TrustMark]:
    verdict, confirmed = held.get(entry.endorser.email, (None, False))
    if verdict is None:
        return (TrustMark.UNJUDGED,)
    return verdict.marks(entry.created, entry.strength, confirmed=confirmed)


def passes(entry: AcceptedEntry, request: SearchRequest, held: Held, without: Facet | None = None) -> bool:
    if request.created_from and entry.created < request.created_from:
        return False
    if request.created_before and entry.created >= request.created_before:
        return False
    return all(
        values(entry, facet, held) & {facet_value(facet, one) for one in chosen}
        for facet, chosen in request.chosen.items()
        if facet is not without and chosen
    )


def ordered(entries: Sequence[AcceptedEntry], sort: Sort) -> list[object]:
    """The values of the entries in the order that a sort asks for."""
    key: Callable[[AcceptedEntry], object] = {
        Sort.TITLE: lambda e: (not (e.metadata.title or "").strip(), fold(e.metadata.title or "")),
        Sort.SMALLEST: lambda e: e.metadata.size,
        Sort.OLDEST: lambda e: e.created,
    }[
        {
            Sort.TITLE_DESCENDING: Sort.TITLE,
            Sort.LARGEST: Sort.SMALLEST,
            Sort.NEWEST: Sort.OLDEST,
            Sort.RELEVANCE: Sort.OLDEST,
        }.get(sort, sort)
    ]
    backwards = sort in (Sort.TITLE_DESCENDING, Sort.LARGEST, Sort.NEWEST, Sort.RELEVANCE)
    return sorted(map(key, entries), reverse=backwards)


def visible(logs: dict[str, list[AcceptedEntry]], names: Sequence[str]) -> list[AcceptedEntry]:
    """The current entries over some logs, each with the strength that the oldest log has for it."""
    first: dict[str, AcceptedEntry] = {}
    for name in names:
        for entry in logs[name]:
            first.setdefault(entry.entry_id, entry)
    return [stated.entry for found in current(map(Stated, first.values())).values() for stated in found]


def pages(service: SearchService, request: SearchRequest, principal: Principal) -> Iterator[SearchPage]:
    page = service.search(request, principal, NOW)
    yield page
    while page.next_cursor is not None:
        given = {name: getattr(request, name) for name in SearchRequest.__slots__}
        page = service.search(SearchRequest(**given | {"cursor": page.next_cursor}), principal, NOW)
        yield page


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
)
@given(first=SETS, second=SETS, group=SETS, request=REQUESTS, verdicts=st.tuples(HELD, HELD, HELD),
       confirmed=st.tuples(CONFIRMED, CONFIRMED, CONFIRMED))  # fmt: skip
def test_a_list_is_what_the_pure_functions_say(
    database: Database,
    first: list[AcceptedEntry],
    second: list[AcceptedEntry],
    group: list[AcceptedEntry],
    request: SearchRequest,
    verdicts: tuple[Mapping[str, StoredVerdict], ...],
    confirmed: tuple[set[str], ...],
) -> None:
    empty(database)
    service = SearchService(database, Catalogue(), None)
    held: dict[str, tuple[StoredVerdict | None, bool]] = {}
    logs: dict[str, list[AcceptedEntry]] = {PUBLIC: [], GROUP: []}
    # Asked after each step, so that the catalogue follows and does not only read.
    for (log, entries), judged, agreed in zip(
        ((PUBLIC, first), (GROUP, group), (PUBLIC, second)), verdicts, confirmed, strict=True
    ):
        entries = [e for e in entries if e.entry_id not in {known.entry_id for known in logs[log]}]
        entries = list({e.entry_id: e for e in entries}.values())
        add(database, entries, log)
        logs[log] += entries
        hold(database, judged)
        confirm(database, agreed)
        signers = {entry.endorser.email for entry in (*logs[PUBLIC], *logs[GROUP])}
        for email, one in judged.items():
            if email in signers:
                held[email] = one, held.get(email, (None, False))[1]
        for email in agreed:
            held[email] = held.get(email, (None, False))[0], True
        for principal, names in SEEN.items():
            shown = visible(logs, names)
            wanted = [entry for entry in shown if passes(entry, request, held)]
            found = list(pages(service, request, principal))
            hits = [hit for page in found for hit in page.hits]
            assert sorted(hit.row.entry_id for hit in hits) == sorted(e.entry_id for e in wanted)
            assert {page.total for page in found} == {len(wanted)}
            assert all(len(page.hits) == request.limit for page in found[:-1])
            by_id = {entry.entry_id: entry for entry in wanted}
            listed = [by_id[hit.row.entry_id] for hit in hits]
            sort = request.order()
            assert [ordered([one], sort)[0] for one in listed] == ordered(wanted, sort)
            for facet in Facet:
                base = [entry for entry in shown if passes(entry, request, held, without=facet)]
                counts = Counter(value for entry in base for value in values(entry, facet, held))
                told = {one.value: one.count for one in found[0].facets[facet]}
                assert {value: count for value, count in told.items() if count} == counts
                chosen = {facet_value(facet, one) for one in request.chosen.get(facet, ())}
                assert {one.value for one in found[0].facets[facet] if one.chosen} == chosen
                assert all(one.label.strip() for one in found[0].facets[facet])


@pytest.fixture
def service(database: Database) -> SearchService:
    empty(database)
    return SearchService(database, Catalogue(), None)


def test_what_expires_moves_with_the_clock_in_both_directions(
    database: Database, service: SearchService
) -> None:
    add(database, [accepted(n, valid=moment(1000 + n)) for n in range(10)])

    def valid(second: int) -> int:
        return service.search(parse_request([]), ANONYMOUS, moment(second)).total

    assert [valid(second) for second in (0, 1000, 1001, 1005, 2000, 1005, 0)] == [10, 10, 9, 5, 0, 5, 10]


@pytest.mark.parametrize(("few", "chunk"), [(100, 512), (1, 4), (20, 7)])
def test_a_list_is_paged_whole_in_every_order(
    database: Database, service: SearchService, monkeypatch: pytest.MonkeyPatch, few: int, chunk: int
) -> None:
    monkeypatch.setattr(order, "_FEW", few)
    monkeypatch.setattr(order, "_CHUNK", chunk)
    count = 230
    add(database, [accepted(n, created=moment(n % 97), title=f"t{n % 13}", size=n % 7) for n in range(count)])
    for sort in Sort:
        seen: list[str] = []
        for page in pages(service, SearchRequest(sort=sort, limit=100), ANONYMOUS):
            seen += [hit.row.entry_id for hit in page.hits]
        assert len(seen) == len(set(seen)) == count


@pytest.mark.parametrize(("few", "chunk"), [(100, 512), (1, 4), (20, 7)])
def test_ties_tell_nothing_of_when_an_entry_came(
    database: Database, service: SearchService, monkeypatch: pytest.MonkeyPatch, few: int, chunk: int
) -> None:
    """What a group had long before it was published stands where it would have come at that moment."""
    monkeypatch.setattr(order, "_FEW", few)
    monkeypatch.setattr(order, "_CHUNK", chunk)
    entries = [accepted(n, created=moment(5), title="same", size=3) for n in range(20)]
    first, *others = sorted(entries, key=lambda entry: entry.entry_id)[7:]
    add(database, [first], GROUP)
    add(database, others)
    add(database, [first])
    by_id = sorted(entry.entry_id for entry in [first, *others])
    for sort, wanted in (
        (Sort.NEWEST, by_id[::-1]),
        (Sort.OLDEST, by_id),
        (Sort.TITLE, by_id),
        (Sort.LARGEST, by_id[::-1]),
    ):
        found = pages(service, SearchRequest(sort=sort, limit=4), ANONYMOUS)
        assert [hit.row.entry_id for page in found for hit in page.hits] == wanted


def test_pages_are_stable_while_entries_arrive(database: Database, service: SearchService) -> None:
    add(database, [accepted(n, created=moment(n)) for n in range(30)])
    request = SearchRequest(limit=10)
    first = service.search(request, ANONYMOUS, NOW)
    add(database, [accepted(n, created=moment(n)) for n in range(100, 120)])
    second = service.search(SearchRequest(limit=10, cursor=first.next_cursor), ANONYMOUS, NOW)
    assert second.total == 50
    times = [hit.row.created for hit in [*first.hits, *second.hits]]
    assert times == [moment(n) for n in range(29, 9, -1)]


def test_facets_show_the_commonest_values_and_the_chosen_ones(
    database: Database, service: SearchService
) -> None:
    add(database, [accepted(n, os=f"System {n % 60 if n < 120 else n % 7}") for n in range(400)])
    page = service.search(SearchRequest(), ANONYMOUS, NOW)
    told = page.facets[Facet.OS]
    exact = Counter(f"system {n % 60 if n < 120 else n % 7}" for n in range(400))
    assert len(told) == 30
    assert [one.count for one in told] == [count for _, count in exact.most_common(30)]
    assert told[0].label.startswith("System ")
    rare = service.search(SearchRequest(chosen={Facet.OS: ("system 59",)}), ANONYMOUS, NOW)
    assert (rare.facets[Facet.OS][-1].value, rare.facets[Facet.OS][-1].count) == ("system 59", 2)
    assert rare.facets[Facet.OS][-1].chosen


def test_a_label_is_the_commonest_spelling(database: Database, service: SearchService) -> None:
    add(database, [accepted(n, os="ubuntu" if n == 0 else "Ubuntu") for n in range(3)])
    (told,) = service.search(SearchRequest(), ANONYMOUS, NOW).facets[Facet.OS]
    assert (told.value, told.label, told.count) == ("ubuntu", "Ubuntu", 3)


def test_words_are_unavailable_without_an_engine_and_lists_are_not(
    database: Database, service: SearchService
) -> None:
    add(database, [accepted(1)])
    with pytest.raises(SearchUnavailableError) as unavailable:
        service.search(SearchRequest(words="anything"), ANONYMOUS, NOW)
    assert unavailable.value.retry_after > 0
    assert service.search(SearchRequest(), ANONYMOUS, NOW).total == 1


def test_two_logs_together_have_what_the_oldest_shows(database: Database, service: SearchService) -> None:
    add(database, [spelled(accepted(1, strength=Strength.LEGACY))])
    add(database, [spelled(accepted(1, strength=Strength.STRONG))], GROUP)

    def trust(principal: Principal) -> list[tuple[str, int]]:
        told = service.search(SearchRequest(), principal, NOW).facets[Facet.SIGNATURE]
        return [(one.value, one.count) for one in told]

    assert trust(ANONYMOUS) == trust(MEMBER) == [("legacy", 1)]
    assert trust(INSIDER) == [("strong", 1)]


def test_a_cursor_that_is_none_is_refused(service: SearchService) -> None:
    for sort in Sort:
        for made in ("x", "W10", "WyJ4Il0", "!!!!", "A" * 5000, "bnVsbA", "\ud800", "é"):
            with pytest.raises(SearchRefusedError) as refused:
                service.search(SearchRequest(sort=sort, cursor=made), ANONYMOUS, NOW)
            assert refused.value.code == "search.cursor"


def test_a_cursor_of_another_search_is_refused(database: Database, service: SearchService) -> None:
    add(database, [accepted(n) for n in range(5)])
    cursor = service.search(SearchRequest(limit=1), ANONYMOUS, NOW).next_cursor
    with pytest.raises(SearchRefusedError):
        service.search(SearchRequest(limit=1, cursor=cursor, sort=Sort.OLDEST), ANONYMOUS, NOW)


def test_the_range_ends_at_the_end_of_time(database: Database, service: SearchService) -> None:
    add(database, [accepted(1, created=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)), accepted(2)])
    request = parse_request([("created-to", "9999-12-31"), ("status", "all")])
    assert service.search(request, ANONYMOUS, NOW).total >= 1
    before = SearchRequest(created_before=datetime(1, 1, 1, tzinfo=UTC) + timedelta(days=1))
    assert service.search(before, ANONYMOUS, NOW).total == 0


def test_many_logs_answer_as_their_entries_in_one_log_would(
    database: Database, service: SearchService
) -> None:
    """Superseded across logs, in several of them, and followed while it grows."""
    logs = [PUBLIC, GROUP, "group:h", "group:i"]
    with database.write() as session:
        for log in logs[2:]:
            ChangeLog(session).create(log)
        # The same entries together, for comparison.
        ChangeLog(session).create("group:all")
    many, one = Principal("m", frozenset(logs)), Principal("o", frozenset({"group:all"}))
    request = SearchRequest(chosen={Facet.OS: ("ubuntu",)}, sort=Sort.TITLE)
    for step in range(4):
        for number, log in enumerate(logs):
            image = (step + number) % 5
            fresh = accepted(
                image,
                created=moment(10 * step + number),
                title=f"title {image}",
                os="Ubuntu",
                tags=(log[-1],),
            )
            for place in (log, "group:all", *logs[1 : 1 + step % 2]):
                add(database, [fresh], place)
            found, wanted = (service.search(request, who, NOW) for who in (many, one))
            assert [hit.row.entry_id for hit in found.hits] == [hit.row.entry_id for hit in wanted.hits]
            assert (found.total, found.facets) == (wanted.total, wanted.facets)
