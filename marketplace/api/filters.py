"""The parameters of lists and searches as clients see them; ``marketplace.search.parameters`` reads them."""

from __future__ import annotations

from marketplace.access.narrowing import ALL, GROUP, LONGEST
from marketplace.facets import Facet
from marketplace.search.parameters import MAX_CHOSEN, MAX_DAYS, MAX_PAGE, REACHABLE
from marketplace.search.request import PAGE, Sort
from marketplace.search.words import MAX_CHARACTERS, MAX_CLAUSES, MAX_WORDS

from .cursors import MAX_CURSOR
from .description import SPACED_PATTERN, VISIBLE_PATTERN, Parameter, Schema
from .shapes.base import TIME_PATTERN

_DATE: Schema = {
    "type": "string",
    "anyOf": [{"format": "date"}, {"format": "date-time", "pattern": TIME_PATTERN}],
}

#: What clients may send; ``validators.checksums.find_checksum`` has the rule itself.
CHECKSUM_PATTERN = (
    r"^(([Mm][Dd]5|[Ss][Hh][Aa]-?(1|256|384|512))[:=])?"
    r"([0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})$"
    r"|^[A-P][A-Za-z0-9_-]{26}$"
)


def _unread(text: str | None) -> str | None:
    return text


def _parameter(name: str, meaning: str, schema: Schema, example: str | None = None) -> Parameter[str | None]:
    return Parameter(name, meaning, schema, _unread, example)


def _filter(facet: Facet) -> Parameter[str | None]:
    item: Schema = {"type": "string", "maxLength": 1000, "pattern": VISIBLE_PATTERN}
    if facet.choices:
        item = {"type": "string", "enum": list(facet.choices)}
    schema = {"type": "array", "items": item, "maxItems": MAX_CHOSEN}
    return Parameter(facet.value, facet.meaning, schema, _unread, facet.example, repeatable=True)


WORDS = _parameter(
    "q",
    f"the words: at most {MAX_CLAUSES} words or phrases, {MAX_WORDS} single words in all",
    {"type": "string", "maxLength": MAX_CHARACTERS, "pattern": SPACED_PATTERN},
    "ubuntu",
)

_NARROWING = (
    *(_filter(facet) for facet in Facet),
    _parameter("created-from", "endorsed on this day or later (or at this time)", _DATE, "2024-01-31"),
    _parameter("created-to", "endorsed on this day or earlier (or at this time)", _DATE),
)
_CHECKSUM = _parameter(
    "checksum",
    "a checksum of the image: all hex digits of an MD5, SHA-1, SHA-256, SHA-384 or SHA-512 in either case, "
    "alone or as `sha256:HEX`, or an identifier. A checksum among the words of `q` means the same",
    {"type": "string", "maxLength": 200, "pattern": CHECKSUM_PATTERN},
)
_REACHABLE = _parameter(
    "reachable",
    "whether the content was found at a location of the entry when this site looked last; entries whose "
    "locations it never looked at are in neither answer",
    {"type": "string", "enum": list(REACHABLE)},
)
_EXPIRES_WITHIN = _parameter(
    "expires-within",
    "valid now, and no longer when this many days have gone by",
    {"type": "integer", "minimum": 1, "maximum": MAX_DAYS},
    "30",
)
SCOPE_SCHEMA: Schema = {
    "type": "string",
    "pattern": rf"^(all|public|mine|{GROUP}[^\u0000-\u001f\u007f]+)$",
    "maxLength": LONGEST,
    "default": ALL,
}
_SCOPE = _parameter(
    "scope",
    "which part of what you may see: all of it, what is public, what only your groups see (mine), or "
    f"one group ({GROUP}NAME)",
    SCOPE_SCHEMA,
    ALL,
)
_PAGING = (
    _parameter(
        "limit",
        "entries on a page",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE},
        "10",
    ),
    _parameter(
        "cursor",
        "where the page begins, as the page before gave it in `next`; it fits the same search only",
        {"type": "string", "minLength": 1, "maxLength": MAX_CURSOR},
    ),
)


def _sort(*without: Sort) -> Parameter[str | None]:
    names = [sort.value for sort in Sort if sort not in without]
    return _parameter("sort", "the order", {"type": "string", "enum": names}, "newest")


#: Of lists, which no words give a relevance.
LIST_PARAMETERS = (
    *_NARROWING,
    _CHECKSUM,
    _REACHABLE,
    _EXPIRES_WITHIN,
    _SCOPE,
    _sort(Sort.RELEVANCE),
    *_PAGING,
)
SEARCH_PARAMETERS = (WORDS, *_NARROWING, _CHECKSUM, _REACHABLE, _EXPIRES_WITHIN, _SCOPE, _sort(), *_PAGING)
