"""What a publisher or searcher does with a marketplace: upload an entry, list entries, fetch one.

It needs nothing but the original URL space, so it works with every
marketplace of this kind, not only with this software.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from marketplace.client.answers import get_error, parse_json, printable
from marketplace.client.asking import Asking
from marketplace.client.connection import MAX_ENTRY, MAX_PAGE, RDF
from marketplace.client.errors import EntryNotFoundError, TransportError
from marketplace.client.listing import EntryLists
from marketplace.client.search import PAGE, Hit, SearchAnswer, SearchQuery, parse_search_answer
from marketplace.client.uploading import Uploading

#: Bytes of all pages of a search, whose hits are held in memory.
_MAX_SEARCH = 64 * 1_048_576


class MarketplaceClient(Uploading, EntryLists, Asking):
    """Talks to one marketplace. A context manager: closes its connections."""

    def fetch(self, path: str) -> bytes:
        """The exact bytes of an entry.

        Args:
            path: ``IDENTIFIER/EMAIL/CREATED``, as in a URL of the marketplace.

        Raises:
            EntryNotFoundError: there is none.
            TransportError: it cannot be reached, fails or sends more than an entry may have.
        """
        answer = self._transport.get("/metadata/" + quote(path, safe="/@:"), accept=RDF, limit=MAX_ENTRY)
        if answer.status != 200:
            error = get_error(answer)
            if answer.status == 404 and isinstance(error, EntryNotFoundError):
                raise EntryNotFoundError(f"the marketplace has no entry {printable(path)}")
            raise error
        return answer.body

    def tagged(self, email: str, tag: str) -> bytes | None:
        """The exact bytes of the entry that an endorser's tag names, unverified; None where it names none.

        Raises:
            TransportError: the marketplace cannot be reached, fails or sends more than an entry may have.
        """
        where = f"/tag/{quote(email, safe='@')}/{quote(tag, safe='')}"
        answer = self._transport.get(where, accept=RDF, limit=MAX_ENTRY)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise get_error(answer)
        return answer.body

    def search(self, query: SearchQuery) -> SearchAnswer:
        """Entries that a search finds, the best first, up to the query's limit.

        Raises:
            QuestionRefusedError: the marketplace does not understand the query.
            TransportError: it cannot be reached, fails or answers what is no search.
        """
        hits: tuple[Hit, ...] = ()
        most = self._transport.received + _MAX_SEARCH
        cursor: str | None = None
        while True:
            answer = self._transport.get(
                "/api/v1/search",
                accept="application/json",
                limit=MAX_PAGE,
                params=query.parameters(min(PAGE, query.limit - len(hits)), cursor),
            )
            if answer.status != 200:
                raise get_error(answer)
            page = parse_search_answer(parse_json(answer))
            hits += page.hits[:PAGE]
            cursor = page.cursor
            if cursor is None or not page.hits or len(hits) >= query.limit:
                return replace(page, hits=hits[: query.limit])
            if self._transport.received > most:
                raise TransportError("the marketplace's answer to the search is too large; request less")
