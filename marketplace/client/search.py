"""Reading what a marketplace's search answers, a page at a time; every answer is hostile until read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from marketplace.client.errors import TransportError
from marketplace.client.transport import Params

#: Entries of one page, the most that the interface gives.
PAGE = 100


@dataclass(frozen=True)
class SearchQuery:
    """Words and filters: a filter's values are alternatives; ``limit`` counts entries."""

    words: str
    filters: tuple[tuple[str, str], ...] = ()
    sort: str | None = None
    limit: int = 20

    def parameters(self, length: int, cursor: str | None) -> Params:
        """The query's parameters for a page of so many entries."""
        given = [("q", self.words), *self.filters, ("sort", self.sort), ("cursor", cursor)]
        return [*((name, value) for name, value in given if value), ("limit", str(length))]


@dataclass(frozen=True)
class Hit:
    """One entry that was found, as the marketplace tells it: unverified until it is fetched."""

    identifier: str
    email: str
    created: str
    title: str | None
    os: str | None
    os_version: str | None
    os_arch: str | None
    status: str | None

    @property
    def path(self) -> str:
        """``IDENTIFIER/EMAIL/CREATED``."""
        return f"{self.identifier}/{self.email}/{self.created}"


@dataclass(frozen=True)
class SearchAnswer:
    """One page: its hits, how many there are in all, other words to try, where to go on, and a hint."""

    hits: tuple[Hit, ...]
    total: int
    suggestion: str | None
    cursor: str | None
    hint: str | None = None


def parse_search_answer(page: object) -> SearchAnswer:
    """Read one page of a search.

    Raises:
        TransportError: it does not have the shape of one.
    """
    if not isinstance(page, Mapping) or not isinstance(page.get("hits"), list):
        raise _malformed()
    total, suggestion = page.get("total"), page.get("suggestion")
    if not isinstance(total, int):
        raise _malformed()
    other = suggestion.get("q") if isinstance(suggestion, Mapping) else None
    return SearchAnswer(
        hits=tuple(_hit(hit) for hit in page["hits"]),
        total=total,
        suggestion=other if isinstance(other, str) else None,
        cursor=cursor_of(page.get("next")),
        hint=hint if isinstance(hint := page.get("hint"), str) else None,
    )


def _hit(hit: object) -> Hit:
    if not isinstance(hit, Mapping):
        raise _malformed()

    def text(name: str) -> str | None:
        value = hit.get(name)
        return value if isinstance(value, str) else None

    names = [text(name) for name in ("identifier", "email", "created")]
    if None in names:
        raise _malformed()
    identifier, email, created = (name or "" for name in names)
    return Hit(
        identifier,
        email,
        created,
        title=text("title"),
        os=text("os"),
        os_version=text("os_version"),
        os_arch=text("os_arch"),
        status=text("status"),
    )


def cursor_of(link: object) -> str | None:
    """The cursor in the link to the next page; the link's address itself is not followed."""
    if not isinstance(link, str):
        return None
    return next(iter(parse_qs(urlsplit(link).query).get("cursor", [])), None)


def _malformed() -> TransportError:
    return TransportError("the marketplace's answer to the search is not valid")
