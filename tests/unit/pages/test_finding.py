"""The finder's links: each is the same search with one thing changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from marketplace.entries import EntryRow, Status
from marketplace.facets import Facet
from marketplace.pages.search_page import FacetList, base_values, found_values
from marketplace.pages.trust_badges import Judging, Lines
from marketplace.search.highlight import Marked
from marketplace.search.parameters import parse_request
from marketplace.search.request import Sort
from marketplace.search.results import FacetCount, SearchHit, SearchPage
from validators.document import Strength

Pairs = list[tuple[str, str]]


def parameters(href: str) -> Pairs:
    return parse_qsl(urlsplit(href).query)


LINES = Lines(Judging.NOT_AT_ALL, {}, datetime(2024, 1, 1, tzinfo=UTC))


def page(**changes: Any) -> SearchPage:
    fields: dict[str, Any] = {
        "hits": (),
        "total": 5,
        "facets": {},
        "sort": Sort.NEWEST,
        "suggestion": None,
        "next_cursor": None,
        "hint": None,
    }
    return SearchPage(**fields | changes)


def shown(pairs: Pairs, **changes: Any) -> dict[str, Any]:
    request = parse_request(pairs)
    return base_values("", pairs) | found_values("", pairs, request, page(**changes), LINES)


def counts(*values: tuple[str, int], chosen: Sequence[str] = ()) -> list[FacetCount]:
    return [FacetCount(value, value, count, value in chosen) for value, count in values]


def only(lists: Sequence[FacetList], label: str) -> FacetList:
    (found,) = [one for one in lists if one.label == label]
    return found


def test_a_value_is_added_to_what_is_chosen_from_the_first_page_on():
    pairs = [("q", "web"), ("os", "debian"), ("cursor", "abc"), ("sort", "title")]
    facets = {Facet.ARCH: counts(("x86_64", 3), ("i686", 2))}
    (first, _) = only(shown(pairs, facets=facets)["facets"], "Architecture").choices
    assert parameters(first.href) == [("q", "web"), ("os", "debian"), ("sort", "title"), ("arch", "x86_64")]


def test_a_chosen_value_is_taken_away_however_it_is_spelled():
    pairs = [("os", "Debian"), ("os", "ubuntu")]
    facets = {Facet.OS: counts(("debian", 3), ("ubuntu", 2), chosen=["debian", "ubuntu"])}
    first, second = only(shown(pairs, facets=facets)["facets"], "System").choices
    assert parameters(first.href) == [("os", "ubuntu")]
    assert parameters(second.href) == [("os", "Debian")]


def test_of_statuses_one_is_shown_at_a_time_and_all_of_them_on_request():
    facets = {Facet.STATUS: counts(("valid", 5), ("expired", 2), chosen=["valid"])}
    valid, expired, every = only(shown([], facets=facets)["facets"], "Status").choices
    assert parameters(expired.href) == [("status", "expired")]
    assert parameters(valid.href) == parameters(every.href) == [("status", "all")]
    assert (every.count, every.chosen) == ("7", False)


def test_a_facet_that_would_change_nothing_is_left_out():
    facets = {Facet.KIND: counts(("machine", 5)), Facet.OS_VERSION: counts(("13", 3), ("12", 2))}
    assert shown([], facets=facets)["facets"] == []
    with_system = shown([("os", "debian")], facets=facets)["facets"]
    assert [one.label for one in with_system] == ["System version"]


def test_many_values_are_folded_away_but_never_a_chosen_one():
    values = [(f"tag{number}", 30 - number) for number in range(12)]
    facets = {Facet.TAG: counts(*values, chosen=["tag11"])}
    found = only(shown([("tag", "tag11")], facets=facets)["facets"], "Tag")
    assert found.choices[0].label == "tag11" and len(found.choices) + len(found.more) == 12 and found.more


def test_each_chip_takes_its_own_filter_away():
    pairs = [("q", "web"), ("location", "pdisk"), ("created-from", "2024-01-01"), ("status", "all")]
    place, date, _ = shown(pairs)["chips"]
    assert place.text == "download: cloud storage only"
    assert parameters(place.href) == [pair for pair in pairs if pair[0] != "location"]
    assert date.text == "published from: 2024-01-01"
    assert parameters(date.href) == [pair for pair in pairs if pair[0] != "created-from"]
    assert parameters(shown(pairs)["clear"]) == [("q", "web")]


def test_words_and_filters_are_kept_by_the_forms():
    values = shown([("q", "web"), ("os", "debian"), ("created-to", "2024-01-01"), ("tag", "x")])
    assert values["kept"] == [("os", "debian"), ("created-to", "2024-01-01"), ("tag", "x")]
    assert values["kept_beside_dates"] == [("q", "web"), ("os", "debian"), ("tag", "x")]


def test_relevance_is_an_order_only_where_there_are_words():
    assert "Best match" not in [one.label for one in shown([])["sorts"]]
    assert "Best match" in [one.label for one in shown([("q", "web")])["sorts"]]
    current = [one.label for one in shown([("sort", "title")], sort=Sort.TITLE)["sorts"] if one.current]
    assert current == ["Title"]


def test_the_next_page_and_the_way_back():
    values = shown([("os", "debian")], next_cursor="abc")
    assert parameters(values["next"]) == [("os", "debian"), ("cursor", "abc")]
    assert values["first"] is None


def test_a_suggestion_replaces_the_words_only():
    suggestion = shown([("q", "wbe"), ("os", "debian")], suggestion="web", total=0)["suggestion"]
    assert parameters(suggestion.href) == [("os", "debian"), ("q", "web")]


def test_other_statuses_are_offered_only_where_they_hold_something():
    nothing = {Facet.STATUS: counts(("valid", 0), ("expired", 0), chosen=["valid"])}
    assert shown([("q", "web")], total=0, facets=nothing)["every_status"] is None
    elsewhere = {Facet.STATUS: counts(("valid", 0), ("expired", 2), chosen=["valid"])}
    offered = shown([("q", "web")], total=0, facets=elsewhere)["every_status"]
    assert parameters(offered) == [("q", "web"), ("status", "all")]


def test_the_feed_has_the_filters_and_not_the_page():
    feed = base_values("/base", [("q", "web"), ("limit", "5"), ("cursor", "abc"), ("created-to", "")])["feed"]
    assert feed == "/base/api/v1/search.atom?q=web"


def hit(**changes: Any) -> SearchHit:
    fields: dict[str, Any] = dict.fromkeys(EntryRow.__slots__) | {
        "identifier": "A" * 27,
        "email": "a@example.org",
        "created": datetime(2024, 3, 4, tzinfo=UTC),
        "size": 2**30,
        "os": "debian",
        "os_version": "13",
        "strength": Strength.STRONG,
        "conflicting": False,
    }
    title = changes.pop("title", Marked(""))
    excerpt = changes.pop("excerpt", Marked(""))
    status = changes.pop("status", Status.VALID)
    return SearchHit(EntryRow(**fields | changes), ("t",) * 40, status, title, excerpt)


def test_a_hit_shows_one_verdict_and_what_else_keeps_from_relying_on_it():
    (ordinary,) = shown([], hits=[hit()])["hits"]
    assert [badge.text for badge in ordinary.badges] == ["not judged"]
    assert ordinary.details == "debian 13 · 1.0\u00a0GiB"
    past = datetime(2023, 1, 1, tzinfo=UTC)
    (odd,) = shown([], hits=[hit(valid=past, conflicting=True, status=Status.EXPIRED)])["hits"]
    assert [badge.text for badge in odd.badges] == ["expired", "conflicting"]
    (gone,) = shown([], hits=[hit(deprecated="", status=Status.DEPRECATED)])["hits"]
    assert [(badge.text, badge.tone) for badge in gone.badges] == [("withdrawn", "bad")]
    assert (ordinary.withdrawn, ordinary.valid, gone.withdrawn) == (False, None, True)


def test_a_hit_without_a_title_goes_by_its_identifier_and_long_texts_are_cut():
    (bare,) = shown([], hits=[hit(title=Marked("  "))])["hits"]
    assert bare.title == [("A" * 27, False)] and bare.excerpt == [] and len(bare.tags) == 6
    (long,) = shown([], hits=[hit(title=Marked("x" * 9000, ((0, 1), (500, 600))))])["hits"]
    assert long.title[0] == ("x", True) and sum(len(text) for text, _ in long.title) <= 160
    cut = Marked("middle", (), cut_before=True, cut_after=True)
    (excerpt,) = shown([], hits=[hit(excerpt=cut)])["hits"]
    assert [text for text, _ in excerpt.excerpt] == ["… ", "middle", " …"]
