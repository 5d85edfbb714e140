"""Lists follow verdicts: remembered counts and bitmaps are never older than what is stored."""

from __future__ import annotations

from marketplace.access import ANONYMOUS
from marketplace.catalogue.catalogue import Catalogue
from marketplace.changes import PUBLIC
from marketplace.entries import EntryQuery, ListCaches, VisibleEntries
from marketplace.facets import Facet, TrustMark
from marketplace.rules.trust import ListedTrust
from marketplace.search.request import SearchRequest
from marketplace.search.service import SearchService
from tests.contract.judging import confirm, hold, verdict
from tests.contract.search_store import GROUP, add, empty, entry
from tests.factories.entries import accepted, moment, signer
from validators.verdict import Standing

NOW = moment(1000)


def listed(database, caches, *marks):
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS, caches)
        page = visible.list(EntryQuery(now=NOW, trust=frozenset(marks)))
        assert page.matching == page.total == len(page.rows)
        return sorted(row.email for row in page.rows)


def test_a_remembered_list_ends_with_the_verdict_it_was_made_of(database):
    empty(database)
    add(database, [entry(1, email="ann@x.org"), entry(2, email="bob@x.org")], PUBLIC)
    caches = ListCaches()
    assert listed(database, caches, TrustMark.UNJUDGED) == ["ann@x.org", "bob@x.org"]
    hold(database, {"ann@x.org": verdict(listed=True), "bob@x.org": verdict(Standing.SELF_SIGNED)})
    assert listed(database, caches, TrustMark.UNJUDGED) == []
    assert listed(database, caches, TrustMark.TRUSTED) == ["ann@x.org"]
    assert listed(database, caches, TrustMark.LISTED) == ["ann@x.org"]
    hold(database, {"ann@x.org": verdict(Standing.REVOKED)})
    assert listed(database, caches, TrustMark.TRUSTED) == []
    assert listed(database, caches, TrustMark.REVOKED, TrustMark.SELF_SIGNED) == ["ann@x.org", "bob@x.org"]


def test_a_search_follows_a_verdict_without_anything_new_in_the_log(database):
    empty(database)
    add(database, [entry(n, email="ann@x.org") for n in range(50)], PUBLIC)
    service = SearchService(database, Catalogue(), None, ListedTrust.TRUSTED)

    def shown(*pairs):
        found = service.search(service.read(pairs), ANONYMOUS, NOW)
        return found.total, {one.value: one.count for one in found.facets[Facet.TRUST]}

    assert shown() == (0, {"unjudged": 50, "trusted": 0})
    hold(database, {"ann@x.org": verdict()})
    assert shown() == (50, {"chained": 50, "trusted": 50})
    hold(database, {"ann@x.org": verdict(Standing.REVOKED)})
    assert shown() == (0, {"revoked": 50, "trusted": 0})
    assert shown(("trust", "all"))[0] == 50


def test_lists_and_searches_follow_a_confirmation_without_anything_new_in_the_log(database):
    empty(database)
    add(database, [entry(n, email=email) for n in range(3) for email in ("ann@x.org", "bob@x.org")], PUBLIC)
    hold(database, {"ann@x.org": verdict(Standing.SELF_SIGNED), "bob@x.org": verdict()})
    service, caches = SearchService(database, Catalogue(), None), ListCaches()

    def found():
        page = service.search(service.read([("trust", "confirmed")]), ANONYMOUS, NOW)
        counts = {one.value: one.count for one in page.facets[Facet.TRUST]}
        assert {hit.row.email for hit in page.hits} == set(listed(database, caches, TrustMark.CONFIRMED))
        assert all(TrustMark.CONFIRMED in hit.row.marks() for hit in page.hits)
        assert counts["confirmed"] == page.total
        return page.total, counts["self-signed"]

    assert found() == (0, 3)
    confirm(database, ["ann@x.org"], GROUP)
    assert found() == (0, 3), "what a group was asked about is nobody else's business"
    confirm(database, ["ann@x.org"])
    assert found() == (3, 3)


def test_who_confirmed_before_anything_was_stored_is_found_with_the_first_verdict(database):
    empty(database)
    service = SearchService(database, Catalogue(), None)

    def total():
        return service.search(service.read([("trust", "confirmed")]), ANONYMOUS, NOW).total

    confirm(database, ["ann@x.org"])
    assert total() == 0
    add(database, [entry(1, email="ann@x.org")], PUBLIC)
    assert total() == 0, "nobody has looked at the certificate yet"
    hold(database, {"ann@x.org": verdict(Standing.SELF_SIGNED)})
    assert total() == 1


def test_an_address_is_confirmed_for_itself_alone(database):
    empty(database)
    other = accepted("other", "ann@y.org", signed_by=signer("ann@x.org"))
    add(database, [entry(1, email="ann@x.org"), other], PUBLIC)
    hold(database, {"ann@x.org": verdict()})
    confirm(database, ["ann@x.org"])
    assert listed(database, ListCaches(), TrustMark.CONFIRMED) == ["ann@x.org"]
    service = SearchService(database, Catalogue(), None)
    assert service.search(service.read([("trust", "confirmed")]), ANONYMOUS, NOW).total == 1


def test_what_a_site_shows_is_a_choice_that_a_reader_can_change(database):
    empty(database)
    add(database, [entry(1, email="ann@x.org"), entry(2, email="bob@x.org")], PUBLIC)
    hold(database, {"ann@x.org": verdict(Standing.REVOKED), "bob@x.org": verdict(Standing.SELF_SIGNED)})
    totals = {shown: SearchService(database, Catalogue(), None, shown) for shown in ListedTrust}
    found = {
        shown: service.search(service.read([]), ANONYMOUS, NOW).total for shown, service in totals.items()
    }
    assert found == {
        ListedTrust.ANY: 2,
        ListedTrust.UNREVOKED: 1,
        ListedTrust.CHAINED: 0,
        ListedTrust.LISTED: 0,
        ListedTrust.TRUSTED: 0,
    }
    assert SearchRequest().chosen == {}
