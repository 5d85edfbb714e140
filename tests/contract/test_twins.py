"""One statement under several certificates: who alters a certificate cannot hide what its endorser said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.access import ANONYMOUS, Principal
from marketplace.catalogue.catalogue import Catalogue
from marketplace.changes import PUBLIC
from marketplace.confirmation import PendingUploads
from marketplace.db import Database
from marketplace.entries import EntryQuery, ListCaches, StatusFilter, VisibleEntries
from marketplace.facets import Facet, TrustMark
from marketplace.ingest import IngestService, Page, UploadPolicy
from marketplace.rules.trust import ListedTrust
from marketplace.search.service import SearchService
from tests.contract.judging import VERDICTS, hold
from tests.contract.search_store import GROUP, add, empty
from tests.contract.test_verdicts import Site
from tests.factories.alterations import ground, mirrored
from tests.factories.documents import image, signed
from tests.factories.entries import accepted, moment, signer
from tests.factories.identities import Identity, make_ca, make_identity
from tests.factories.storing import Beside
from tests.unit.trust.authorities import DAY, NOW, crl_bytes, root
from validators import accept
from validators.document import AcceptedEntry

MADE = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = root()
JIM = make_identity("Jim", "jim@example.org", issuer=ROOT)
INSIDER = Principal("insider", frozenset({PUBLIC, GROUP}))


def document(identity: Identity) -> bytes:
    tag = "<dcterms:alternative>stable</dcterms:alternative>"
    return signed(image(content="twins", extra=tag), identity, MADE)


HONEST = accept(document(JIM))
ALTERED = accept(document(ground(JIM, document)))
assert ALTERED.statement == HONEST.statement and ALTERED.entry_id < HONEST.entry_id


def one_by_one(database: Database, entries: Sequence[AcceptedEntry]) -> None:
    add(database, entries)


def in_one_transaction(database: Database, entries: Sequence[AcceptedEntry]) -> None:
    _page(database, [entries])


def page_by_page(database: Database, entries: Sequence[AcceptedEntry]) -> None:
    _page(database, [[entry] for entry in entries])


def _page(database: Database, pages: Sequence[Sequence[AcceptedEntry]]) -> None:
    ingest = IngestService(database, UploadPolicy())
    try:
        for page in pages:
            waiting = ingest.enqueue_page(Page(list(page), PUBLIC, Beside()))
            assert not any(isinstance(one, Exception) for one in waiting.result(60))
    finally:
        ingest.close()


Deliver = Callable[[Database, Sequence[AcceptedEntry]], None]


class Reader:
    """A process that remembers what it can."""

    def __init__(self, database: Database, principal: Principal = ANONYMOUS) -> None:
        self.database, self.principal, self.caches = database, principal, ListCaches()
        self.search = SearchService(database, Catalogue(), None)

    def shown(self) -> AcceptedEntry:
        """What every way of reading shows of the statement; all agree."""
        with self.database.read() as session:
            visible = VisibleEntries(session, self.principal, self.caches)
            query = EntryQuery(now=NOW, status=StatusFilter.ALL)
            (row,) = visible.list(query).rows
            (body,) = visible.stream_bodies(query)
            record = visible.find(HONEST.coordinates)
            assert record is not None and record.is_current and record.row == row
            assert visible.find_preferred(HONEST.coordinates) == row
            found = visible.find_body(HONEST.coordinates)
            assert found is not None and found.data == body.data
            assert visible.tagged("jim@example.org", "stable") == row
            timeline = visible.timeline(HONEST.identifier)
            assert timeline[-1] == visible.recent("jim@example.org", moment(0))[0] == row
            for one in timeline:
                exact = visible.find_body_by_entry_id(one.entry_id)
                assert exact is not None and accept(exact.data).entry_id == one.entry_id
        page = self.search.search(self.search.read([("status", "all")]), self.principal, NOW)
        (hit,) = page.hits
        assert hit.row == row
        assert {one.value for one in page.facets[Facet.TRUST]} == {mark.value for mark in row.marks()}
        for mark in TrustMark:
            assert self.found(mark) == (mark in row.marks())
        entry = accept(body.data)
        assert entry.entry_id == row.entry_id
        return entry

    def found(self, mark: TrustMark) -> bool:
        """Whether the statement is listed under a mark, in searches and lists alike."""
        request = self.search.read([("status", "all"), ("trust", mark.value)])
        total = self.search.search(request, self.principal, NOW).total
        with self.database.read() as session:
            visible = VisibleEntries(session, self.principal, self.caches)
            query = EntryQuery(now=NOW, status=StatusFilter.ALL, trust=frozenset({mark}))
            page = visible.list(query)
        assert (page.total, len(page.rows)) == (total, total)
        return total == 1


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Site:
    folder = tmp_path / "anchors"
    folder.mkdir()
    return Site(database, folder)


@pytest.mark.parametrize("deliver", [one_by_one, in_one_transaction, page_by_page])
@pytest.mark.parametrize(
    "order", [(HONEST, ALTERED), (ALTERED, HONEST)], ids=["honest first", "altered first"]
)
def test_an_altered_certificate_hides_nothing(
    site: Site, deliver: Deliver, order: Sequence[AcceptedEntry]
) -> None:
    reader = Reader(site.database)
    deliver(site.database, order)
    assert reader.shown().entry_id == ALTERED.entry_id, "nobody has looked at them: the smaller id"
    (site.folder / "root.pem").write_bytes(ROOT.certificate_pem)
    site.reload()
    assert reader.shown().entry_id == HONEST.entry_id
    assert reader.found(TrustMark.TRUSTED) and not reader.found(TrustMark.UNTRUSTED_ISSUER)
    # Another anchor instead: nothing speaks for one of them any more.
    (site.folder / "root.pem").write_bytes(make_ca("Somebody else").certificate_pem)
    site.reload()
    assert reader.shown().entry_id == ALTERED.entry_id
    assert not reader.found(TrustMark.TRUSTED)


def test_pages_go_on_behind_an_entry_that_another_one_is_shown_for(site: Site) -> None:
    (site.folder / "root.pem").write_bytes(ROOT.certificate_pem)
    site.reload()
    one_by_one(site.database, [HONEST, ALTERED, accepted("older", created=moment(0))])
    site.follow()
    search = Reader(site.database).search
    first = search.search(search.read([("status", "all"), ("limit", "1")]), ANONYMOUS, NOW)
    assert [hit.row.entry_id for hit in first.hits] == [HONEST.entry_id]
    assert first.next_cursor is not None
    request = search.read([("status", "all"), ("limit", "1"), ("cursor", first.next_cursor)])
    second = search.search(request, ANONYMOUS, NOW)
    assert [hit.row.identifier for hit in second.hits] == [accepted("older").identifier]
    assert second.next_cursor is None


def test_what_arrives_later_never_hides_what_is_trusted(site: Site) -> None:
    (site.folder / "root.pem").write_bytes(ROOT.certificate_pem)
    site.store.reload()
    reader = Reader(site.database)
    one_by_one(site.database, [HONEST])
    site.follow()
    assert reader.found(TrustMark.TRUSTED)
    one_by_one(site.database, [ALTERED])
    assert reader.shown().entry_id == HONEST.entry_id
    site.follow()
    assert reader.shown().entry_id == HONEST.entry_id
    assert reader.found(TrustMark.TRUSTED)


def test_a_certificate_that_is_known_to_be_revoked_is_not_made_unknown(site: Site) -> None:
    (site.folder / "root.pem").write_bytes(ROOT.certificate_pem)
    revoking = crl_bytes(ROOT, JIM, this_update=NOW - DAY, next_update=NOW + DAY)
    (site.folder / "root.r0").write_bytes(revoking)
    one_by_one(site.database, [HONEST, ALTERED])
    site.reload()
    reader = Reader(site.database)
    assert reader.shown().entry_id == HONEST.entry_id
    assert reader.found(TrustMark.REVOKED)
    unrevoked = SearchService(site.database, Catalogue(), None, ListedTrust.UNREVOKED)
    assert unrevoked.search(unrevoked.read([("status", "all")]), ANONYMOUS, NOW).total == 0


def test_what_was_confirmed_counts_among_equals(site: Site) -> None:
    jane = make_identity("Jane", "jim@example.org")
    one, other = sorted((accept(document(who)) for who in (jane, mirrored(jane))), key=lambda e: e.entry_id)
    one_by_one(site.database, [one, other])
    site.reload()
    reader = Reader(site.database)
    assert reader.shown().entry_id == one.entry_id, "both are self-signed"
    with site.database.write() as session:
        PendingUploads(session).remember(other.signer.fingerprint, "jim@example.org", PUBLIC, NOW)
    assert reader.shown().entry_id == other.entry_id
    assert reader.found(TrustMark.CONFIRMED)


def test_a_log_speaks_for_itself(database: Database, tmp_path: Path) -> None:
    empty(database)
    site = Site(database, tmp_path)
    (tmp_path / "root.pem").write_bytes(ROOT.certificate_pem)
    add(database, [HONEST], GROUP)
    add(database, [ALTERED])
    site.reload()
    everybody, insider = Reader(database), Reader(database, INSIDER)
    for reader in (everybody, insider):
        assert reader.shown().entry_id == ALTERED.entry_id, "a group tells nobody of a certificate"
    add(database, [HONEST])
    for reader in (everybody, insider):
        assert reader.shown().entry_id == HONEST.entry_id
        assert reader.found(TrustMark.TRUSTED)


SIGNERS = ("ann@x.org", "Bob@x.org", "carol@x.org")
TWINS = st.lists(
    st.builds(
        lambda image, second, who: accepted(
            image,
            "ann@x.org",
            moment(second),
            signed_by=signer(who, key_digest="e" * 64),
            statement=f"{image}{second:063d}",
        ),
        image=st.integers(0, 1),
        second=st.integers(0, 1),
        who=st.sampled_from(SIGNERS),
    ),
    max_size=8,
)


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=12,
)
@given(
    steps=st.lists(
        st.tuples(
            TWINS,
            st.sampled_from([PUBLIC, GROUP]),
            st.dictionaries(st.sampled_from(SIGNERS), VERDICTS),
            st.sets(st.sampled_from(SIGNERS)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_lists_and_searches_say_the_same_of_twins(
    database: Database, steps: Sequence[tuple[list[AcceptedEntry], str, dict[str, object], set[str]]]
) -> None:
    empty(database)
    readers = [Reader(database, principal) for principal in (ANONYMOUS, INSIDER)]
    for entries, log, verdicts, confirmed in steps:
        add(database, entries, log)
        hold(database, verdicts)
        with database.write() as session:
            for who in confirmed:
                PendingUploads(session).remember(signer(who).fingerprint, "ann@x.org", PUBLIC, NOW)
        for reader in readers:
            found = reader.search.search(reader.search.read([("status", "all")]), reader.principal, NOW)
            with database.read() as session:
                visible = VisibleEntries(session, reader.principal, reader.caches)
                rows = visible.list(EntryQuery(now=NOW, status=StatusFilter.ALL)).rows
                assert sorted(hit.row.entry_id for hit in found.hits) == sorted(row.entry_id for row in rows)
                counts = {one.value: one.count for one in found.facets[Facet.TRUST]}
                for mark in TrustMark:
                    query = EntryQuery(now=NOW, status=StatusFilter.ALL, trust=frozenset({mark}))
                    listed = visible.list(query)
                    wanted = {row.entry_id for row in rows if mark in row.marks()}
                    assert {row.entry_id for row in listed.rows} == wanted
                    assert (listed.total, counts.get(mark.value, 0)) == (len(wanted), len(wanted))
