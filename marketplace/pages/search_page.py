"""The finder: a search as its page shows it, every link of it a changed copy of the parameters.

Nothing is kept between requests: the parameters of the URL are the whole
state, so that every view of the list can be bookmarked, sent and gone back to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from marketplace.access import PUBLIC, Principal
from marketplace.access.narrowing import ALL, GROUP, MINE, OPEN
from marketplace.catalogue.facts import facet_value
from marketplace.entries import EntryRow, Status
from marketplace.facets import CHOSEN_BY_SITE, EVERY, Facet
from marketplace.http.coordinates import entry_path
from marketplace.search.highlight import Marked
from marketplace.search.request import SearchRequest, Sort
from marketplace.search.results import FacetCount, SearchHit, SearchPage

from .badges import Badge
from .display import cut, file_size, grouped
from .trust_badges import MARKS, Lines

Pairs = Sequence[tuple[str, str]]

#: Values that people read otherwise than the URL spells them.
_VALUES: Mapping[tuple[Facet, str], str] = {
    (Facet.LOCATION, "web"): "downloadable",
    (Facet.LOCATION, "pdisk"): "cloud storage only",
    **{(Facet.TRUST, mark.value): text for mark, text in MARKS.items()},
}
_DATES = {"created-from": "published from", "created-to": "published until"}
#: Parameters that narrow without being facets, as people read them.
_NAMED = {
    **_DATES,
    "checksum": "checksum",
    "reachable": "content found",
    "expires-within": "expires within days",
}
_SORTS = {
    Sort.RELEVANCE: "Best match",
    Sort.NEWEST: "Newest",
    Sort.OLDEST: "Oldest",
    Sort.TITLE: "Title",
    Sort.LARGEST: "Largest",
    Sort.SMALLEST: "Smallest",
}
#: Values of a facet that show at once; the rest are folded away.
_OPEN_VALUES = 6
_MOST_GROUPS = 20
_TITLE_LENGTH, _LABEL_LENGTH, _MOST_TAGS = 160, 60, 6

Parts = Sequence[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter, and the list without it."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class FacetChoice:
    """A value of a facet; following it adds or removes the filter."""

    label: str
    count: str
    chosen: bool
    href: str


@dataclass(frozen=True, slots=True)
class FacetList:
    """A facet with its choices; those in ``more`` are folded away."""

    label: str
    choices: Sequence[FacetChoice]
    more: Sequence[FacetChoice]


@dataclass(frozen=True, slots=True)
class SortLink:
    """An order of the list; ``current`` where it is the one shown."""

    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """An entry that was found, as the list shows it; texts in parts, each with whether it matches."""

    path: str
    os: str | None
    title: Parts
    excerpt: Parts
    details: str
    email: str
    created: datetime
    valid: datetime | None
    withdrawn: bool
    badges: Sequence[Badge]
    tags: Sequence[str]
    more_tags: int


def base_values(base: str, pairs: Pairs) -> dict[str, Any]:
    """What the page shows whether or not the search is answered.

    Args:
        base: path of the site.
        pairs: the parameters of the URL.
    """
    given = dict(pairs)
    return {
        "words": given.get("q", ""),
        "dates": {name: given.get(name, "") for name in _DATES},
        "kept": [pair for pair in pairs if pair[0] not in ("q", "cursor", "limit") and pair[1]],
        "kept_beside_dates": [pair for pair in pairs if pair[0] not in (*_DATES, "cursor") and pair[1]],
        "chips": _chips(base, pairs),
        "clear": _link(base, [pair for pair in pairs if pair[0] == "q"]),
        "feed": _feed(base, pairs),
    }


def scopes(base: str, pairs: Pairs, principal: Principal) -> list[SortLink]:
    """The parts that a reader with groups can look at; none for all others."""
    groups = sorted(principal.logs - {PUBLIC})
    if not groups:
        return []
    chosen = dict(pairs).get("scope") or ALL
    labels = {ALL: "Everything", OPEN: "Public", MINE: "Only your groups"}
    labels |= {log: log.removeprefix(GROUP) for log in groups[:_MOST_GROUPS]}
    return [
        SortLink(cut(label, _LABEL_LENGTH), _link(base, _with(pairs, "scope", scope)), scope == chosen)
        for scope, label in labels.items()
    ]


def found_values(
    base: str,
    pairs: Pairs,
    request: SearchRequest,
    found: SearchPage,
    lines: Lines,
) -> dict[str, Any]:
    """What the page shows of an answered search, beside ``base_values``."""
    plain = _is_unasked(pairs, Facet.STATUS)
    chosen = [Chip("trust: default of this site", _every(base, pairs, Facet.TRUST))]
    return {
        "total": found.total,
        "facets": _facets(base, pairs, request, found),
        "sorts": _sorts(base, pairs, request, found.sort),
        "chips": _chips(base, pairs)
        + (chosen if _is_unasked(pairs, Facet.TRUST) and request.chosen.get(Facet.TRUST) else []),
        "hits": [_hit(one, lines) for one in found.hits],
        "hint": found.hint,
        "suggestion": _suggestion(base, pairs, found.suggestion),
        "next": None if found.next_cursor is None else _link(base, _with(pairs, "cursor", found.next_cursor)),
        "first": _link(base, _without(pairs, "cursor")) if dict(pairs).get("cursor") else None,
        "every_status": _every(base, pairs, Facet.STATUS) if plain and _elsewhere(found) else None,
        "filtered": bool(_narrowing(pairs)),
    }


def _link(base: str, pairs: Iterable[tuple[str, str]]) -> str:
    text = urlencode([pair for pair in pairs if pair[1]])
    return f"{base}/?{text}" if text else f"{base}/"


def _is_unasked(pairs: Pairs, facet: Facet) -> bool:
    """Whether the site's choice of a facet applies."""
    return not any(name == facet.value and value for name, value in pairs)


def _elsewhere(found: SearchPage) -> bool:
    """Whether the same search finds entries of another status."""
    return any(one.count for one in found.facets.get(Facet.STATUS, ()) if not one.chosen)


def _every(base: str, pairs: Pairs, facet: Facet) -> str:
    """The list with every value of a facet of which the site chooses some."""
    return _link(base, _with(pairs, facet.value, EVERY))


def _feed(base: str, pairs: Pairs) -> str:
    """The link to the list's feed."""
    text = urlencode([pair for pair in _without(pairs, "cursor", "limit") if pair[1]])
    return f"{base}/api/v1/search.atom" + (f"?{text}" if text else "")


def _without(pairs: Pairs, *names: str) -> list[tuple[str, str]]:
    return [pair for pair in pairs if pair[0] not in names]


def _with(pairs: Pairs, name: str, value: str) -> list[tuple[str, str]]:
    """The parameters with one value of a name, from the list's beginning."""
    return [*_without(pairs, name, "cursor"), (name, value)]


def _narrowing(pairs: Pairs) -> list[tuple[str, str]]:
    return [(name, value) for name, value in pairs if value and (name in set(Facet) or name in _NAMED)]


def _chips(base: str, pairs: Pairs) -> list[Chip]:
    chips = []
    for pair in dict.fromkeys(_narrowing(pairs)):
        name, value = pair
        label = _NAMED.get(name) or Facet(name).label.lower()
        text = _value_label(Facet(name), value) if name in set(Facet) else value
        rest = [other for other in _without(pairs, "cursor") if other != pair]
        chips.append(Chip(f"{label}: {cut(text, _LABEL_LENGTH)}", _link(base, rest)))
    return chips


def _value_label(facet: Facet, label: str) -> str:
    return _VALUES.get((facet, label), label)


def _facets(base: str, pairs: Pairs, request: SearchRequest, found: SearchPage) -> list[FacetList]:
    lists = []
    for facet, counts in ((facet, found.facets[facet]) for facet in Facet if facet in found.facets):
        if not _is_telling(facet, counts, request, found.total):
            continue
        choices = [_choice(base, pairs, facet, one) for one in counts]
        if facet in CHOSEN_BY_SITE:
            choices += _every_value(base, pairs, request, facet, counts)
        else:
            choices.sort(key=lambda choice: not choice.chosen)
        lists.append(FacetList(facet.label, choices[:_OPEN_VALUES], choices[_OPEN_VALUES:]))
    return lists


def _is_telling(facet: Facet, counts: Sequence[FacetCount], request: SearchRequest, total: int) -> bool:
    """Whether a facet can narrow the list, or does: one that would change nothing is only in the way."""
    if facet is Facet.STATUS or request.chosen.get(facet):
        return True
    # A version without its system says nothing.
    if facet is Facet.OS_VERSION and not request.chosen.get(Facet.OS):
        return False
    return len(counts) > 1 or any(one.count < total for one in counts)


def _choice(base: str, pairs: Pairs, facet: Facet, one: FacetCount) -> FacetChoice:
    rest = _without(pairs, "cursor")
    if facet in CHOSEN_BY_SITE:
        # One at a time: without any the list shows what the site chose, so taking one away must mean all.
        rest = _with(pairs, facet.value, EVERY if one.chosen else one.value)
    elif one.chosen:
        rest = [
            (name, value)
            for name, value in rest
            if name != facet.value or facet_value(facet, value) != one.value
        ]
    else:
        rest = [*rest, (facet.value, one.label)]
    label = cut(_value_label(facet, one.label), _LABEL_LENGTH)
    return FacetChoice(label, grouped(one.count), one.chosen, _link(base, rest))


def _every_value(
    base: str, pairs: Pairs, request: SearchRequest, facet: Facet, counts: Sequence[FacetCount]
) -> list[FacetChoice]:
    chosen = not request.chosen.get(facet)
    if facet is Facet.STATUS:
        count = grouped(sum(one.count for one in counts))
    elif chosen:
        return []
    else:
        # An entry can have several marks of trust, so their counts do not add up.
        count = ""
    return [FacetChoice(EVERY, count, chosen, _every(base, pairs, facet))]


def _sorts(base: str, pairs: Pairs, request: SearchRequest, current: Sort) -> list[SortLink]:
    return [
        SortLink(label, _link(base, _with(pairs, "sort", sort.value)), sort is current)
        for sort, label in _SORTS.items()
        if sort is not Sort.RELEVANCE or request.words.strip()
    ]


def _suggestion(base: str, pairs: Pairs, words: str | None) -> Chip | None:
    return None if words is None else Chip(words, _link(base, _with(pairs, "q", words)))


def _hit(one: SearchHit, lines: Lines) -> FoundEntry:
    row = one.row
    return FoundEntry(
        path=entry_path(row.coordinates),
        os=row.os,
        title=_cut_parts(one.title, _TITLE_LENGTH) or [(row.identifier, False)],
        excerpt=_excerpt(one.excerpt),
        details=details(row),
        email=row.email,
        created=row.created,
        valid=row.valid,
        withdrawn=one.status is Status.DEPRECATED,
        badges=_badges(one, lines),
        tags=[cut(tag, _LABEL_LENGTH) for tag in one.tags[:_MOST_TAGS]],
        more_tags=max(0, len(one.tags) - _MOST_TAGS),
    )


def details(row: EntryRow) -> str:
    """System, architecture, kind, format and size of an image in one line."""
    system = " ".join(text for text in (row.os, row.os_version) if text)
    known = (system, row.os_arch, row.kind, row.format)
    return " · ".join([*(cut(text, _LABEL_LENGTH) for text in known if text), file_size(row.size)])


def _badges(one: SearchHit, lines: Lines) -> list[Badge]:
    """Whether the image may be used, and what else keeps somebody from relying on it."""
    found = [lines.badge(one.row), *lines.privacy(one.row)]
    if one.row.conflicting:
        found.append(
            Badge("conflicting", "bad", "Another entry with these coordinates has different content.")
        )
    return found


def _cut_parts(marked: Marked, length: int) -> list[tuple[str, bool]]:
    parts: list[tuple[str, bool]] = []
    for text, hit in marked.parts():
        if length <= 0:
            break
        parts.append((cut(text, length), hit))
        length -= len(text)
    return parts if any(text.strip() for text, _ in parts) else []


def _excerpt(marked: Marked) -> list[tuple[str, bool]]:
    parts = marked.parts()
    if not parts:
        return []
    before = [("… ", False)] if marked.cut_before else []
    after = [(" …", False)] if marked.cut_after else []
    return [*before, *parts, *after]
