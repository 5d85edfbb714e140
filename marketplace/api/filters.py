"""The parameters of lists and searches as clients see them; ``marketplace.search.request`` reads them."""

from __future__ import annotations

from collections.abc import Mapping

from marketplace.search.facts import Facet
from marketplace.search.request import FIXED, MAX_CHOSEN, MAX_PAGE, PAGE, Sort
from marketplace.search.words import MAX_CHARACTERS, MAX_CLAUSES, MAX_WORDS

from .cursors import MAX_CURSOR
from .description import Parameter, Schema

_DATE = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?$"

_MEANINGS: Mapping[Facet, str] = {
    Facet.STATUS: "status of the entry; `all` for every one; `valid` where it is absent",
    Facet.OS: "operating system, in any case",
    Facet.OS_VERSION: "version of the operating system, in any case",
    Facet.ARCH: "processor architecture, in any case",
    Facet.KIND: "kind of image (machine, disk, ...), in any case",
    Facet.FORMAT: "format of the image file (raw, qcow2, ...), in any case",
    Facet.LOCATION: "where the content is: on the web, or in a cloud's own storage (pdisk)",
    Facet.TRUST: "strength of the signature",
    Facet.ENDORSER: "e-mail address of the endorser, to the letter",
    Facet.TAG: "tag of the entry, to the letter",
}
_EXAMPLES: Mapping[Facet, str] = {Facet.OS: "ubuntu", Facet.ARCH: "x86_64", Facet.STATUS: "valid"}


def _unread(text: str | None) -> str | None:
    return text


def _parameter(name: str, meaning: str, schema: Schema, example: str | None = None) -> Parameter[str | None]:
    return Parameter(name, meaning, schema, _unread, example)


def _filter(facet: Facet) -> Parameter[str | None]:
    fixed = FIXED.get(facet)
    item: Schema = {"type": "string", "minLength": 1, "maxLength": 1000, "pattern": r"\S"}
    if fixed is not None:
        item = {"type": "string", "enum": [*fixed, "all"] if facet is Facet.STATUS else list(fixed)}
    schema = {"type": "array", "items": item, "maxItems": MAX_CHOSEN}
    return Parameter(facet.value, _MEANINGS[facet], schema, _unread, _EXAMPLES.get(facet), repeatable=True)


WORDS = _parameter(
    "q",
    f"the words: at most {MAX_CLAUSES} words or phrases, {MAX_WORDS} single words in all",
    {"type": "string", "maxLength": MAX_CHARACTERS},
    "ubuntu server",
)

FILTERS: tuple[Parameter[str | None], ...] = (
    *(_filter(facet) for facet in Facet),
    _parameter(
        "created-from",
        "endorsed on this day or later (or at this time)",
        {"type": "string", "pattern": _DATE},
    ),
    _parameter(
        "created-to",
        "endorsed on this day or earlier (or at this time)",
        {"type": "string", "pattern": _DATE},
    ),
    _parameter("sort", "the order", {"type": "string", "enum": [sort.value for sort in Sort]}, "newest"),
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
