"""What a marketplace tells of entries, images and endorsers; nothing here verifies it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote, urlencode

from marketplace.client.answers import get_error, parse_json, parse_verdict, printable
from marketplace.client.connection import (
    MAX_ENTRY,
    MAX_ERROR,
    MAX_PAGE,
    MAX_ROWS,
    PAGE_ROWS,
    MarketplaceConnection,
)
from marketplace.client.errors import TransportError
from marketplace.client.search import cursor_of

MAX_EVIDENCE = 64 * 1_048_576


class Asking(MarketplaceConnection):
    """The part of a client that asks for the marketplace's own word."""

    def seen_by(self, path: str) -> tuple[str, ...]:
        """Who sees an entry: ``public``, and ``group:NAME`` for those of one's groups that have it.

        A marketplace that does not tell has no groups.

        Raises:
            EntryNotFoundError: there is no such entry.
            TransportError: it cannot be reached or fails.
        """
        where = f"/api/v1/entries/{quote(path, safe='/@:')}"
        answer = self._transport.get(where, accept="application/json", limit=MAX_PAGE)
        if answer.status != 200:
            error = get_error(answer)
            if answer.status == 404 and error.rule is None:
                return ("public",)
            raise error
        told = parse_json(answer)
        found = told.get("seen_by") if isinstance(told, dict) else None
        if not isinstance(found, list):
            return ("public",)
        return tuple(printable(one) for one in found if isinstance(one, str))

    def rivals(self, path: str) -> tuple[str, ...]:
        """The entries that are current beside one for the same image and address, signed with other keys.

        Args:
            path: ``IDENTIFIER/EMAIL/CREATED``.

        Returns:
            their paths, newest first; none where the marketplace does not tell.

        Raises:
            TransportError: it cannot be reached or fails.
        """
        where = f"/api/v1/entries/{quote(path, safe='/@:')}"
        answer = self._transport.get(where, accept="application/json", limit=MAX_PAGE)
        told = parse_json(answer) if answer.status == 200 else None
        found = told.get("also_current") if isinstance(told, dict) else None
        if not isinstance(found, list):
            return ()
        urls = [one["links"]["self"] for one in found if _links_to_itself(one)]
        return tuple(printable(url.partition("/api/v1/entries/")[2]) for url in urls)

    def decision(self, path: str) -> dict[str, Any]:
        """Whether the marketplace stands by an entry, and why: its word, which nothing here verifies.

        Args:
            path: ``IDENTIFIER/EMAIL/CREATED``.

        Raises:
            EntryNotFoundError: there is no such entry, or the marketplace tells of no decisions.
            TransportError: it cannot be reached, fails or answers what is no decision.
        """
        where = f"/api/v1/entries/{quote(path, safe='/@:')}/decision"
        answer = self._transport.get(where, accept="application/json", limit=MAX_ENTRY)
        if answer.status != 200:
            raise get_error(answer)
        decision = parse_json(answer)
        if not isinstance(decision, dict) or not isinstance(decision.get("rules"), list):
            raise TransportError("the marketplace's answer is not a decision")
        return decision

    def verdict(self, **question: str) -> dict[str, Any]:
        """Whether an image may be started, and why: the marketplace's word, which nothing here verifies.

        Args:
            question: one of ``identifier``, ``checksum`` (``sha512:HEX``) and ``entry``
                (``IDENTIFIER/EMAIL/CREATED``).

        Raises:
            EntryNotFoundError: the marketplace has no word about it, or tells of no verdicts.
            TransportError: it cannot be reached, fails or answers what is no verdict.
        """
        answer = self._transport.get(
            "/api/v1/verdict", accept="application/json", limit=MAX_PAGE, params=question
        )
        if answer.status != 200:
            raise get_error(answer)
        return parse_verdict(parse_json(answer))

    def endorser(self, email: str) -> dict[str, Any]:
        """What the marketplace tells of an endorser: certificates, standing, changes, look-alikes.

        Raises:
            EntryNotFoundError: it knows no such endorser.
            TransportError: it cannot be reached, fails or answers what is no endorser.
        """
        return self._record(f"/api/v1/endorsers/{quote(email, safe='@')}", "certificates")

    def endorsers(self) -> Iterator[dict[str, Any]]:
        """Every endorser, by address, as the marketplace tells them.

        Raises:
            TransportError: it cannot be reached, fails or answers what is no list.
        """
        cursor: str | None = None
        for _ in range(MAX_ROWS // PAGE_ROWS):
            where = f"/api/v1/endorsers?limit={PAGE_ROWS}"
            page = self._record(where if cursor is None else f"{where}&cursor={quote(cursor)}", "endorsers")
            yield from (one for one in page["endorsers"] if isinstance(one, dict))
            cursor = cursor_of(page.get("next"))
            if cursor is None:
                return

    def usage(
        self, kind: Literal["entry", "endorser", "view"], name: str, query: Mapping[str, str]
    ) -> dict[str, Any]:
        """How often something was used: the marketplace's word.

        Args:
            name: ``IDENTIFIER/EMAIL/CREATED`` of an entry, the address of an endorser, or the name of a view.
            query: ``by``, ``from`` and ``to``, as the API takes them.

        Raises:
            EntryNotFoundError: there is no such thing, or the marketplace counts nothing.
            TransportError: it cannot be reached, fails or answers what are no sums.
        """
        place = {"entry": "entries", "endorser": "endorsers", "view": "views"}[kind]
        where = f"/api/v1/{place}/{quote(name, safe='/@:')}/usage?{urlencode(query)}"
        found = self._record(where, "periods")
        total, periods = found.get("total"), found["periods"]
        if not isinstance(total, dict) or not all(isinstance(one, dict) for one in periods):
            raise TransportError("the marketplace's answer has no sums")
        return found

    def proof(self, entry_id: str, log: str = "public") -> bytes | None:
        """The proof that an entry stands in a published log, unverified; None while it is not published.

        Args:
            entry_id: 64 hex digits.
            log: the log's part of the URL.

        Raises:
            EntryNotFoundError: the log has no such entry, or the marketplace publishes none.
            TransportError: it cannot be reached or fails.
        """
        where = f"/fed/v1/logs/{quote(log, safe='')}/proof/{entry_id}"
        answer = self._transport.get(where, accept="text/plain, application/json", limit=MAX_ERROR)
        if answer.status not in (200, 202):
            raise get_error(answer)
        return answer.body if answer.status == 200 else None

    def evidence(self, path: str) -> bytes:
        """One file with everything that the verdict on an entry's image rests on, unverified.

        Args:
            path: ``IDENTIFIER/EMAIL/CREATED``.

        Raises:
            EntryNotFoundError: there is no such entry, or the marketplace makes no evidence.
            TransportError: it cannot be reached or fails.
        """
        where = f"/api/v1/entries/{quote(path, safe='/@:')}/evidence"
        answer = self._transport.get(where, accept="application/x-tar", limit=MAX_EVIDENCE)
        if answer.status != 200:
            raise get_error(answer)
        return answer.body


def _links_to_itself(index: object) -> bool:
    links = index.get("links") if isinstance(index, dict) else None
    return isinstance(links, dict) and isinstance(links.get("self"), str)
