"""What a publisher or searcher does with a marketplace: upload an entry, list entries, fetch one.

It needs nothing but the original URL space, so it works with every
marketplace of this kind, not only with this software.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal
from urllib.parse import quote, urlencode

from marketplace.client.answers import (
    Tried,
    get_error,
    is_empty_list,
    parse_json,
    parse_tried,
    parse_verdict,
    printable,
)
from marketplace.client.errors import (
    AmbiguousError,
    EntryNotFoundError,
    NoMarketplaceError,
    OversizeError,
    QuestionRefusedError,
    TransportError,
)
from marketplace.client.search import PAGE, Hit, SearchAnswer, SearchQuery, cursor_of, parse_search_answer
from marketplace.client.transport import HttpAnswer, Transport

#: Bytes: the format's own limit of an entry, and what a page of a list or an error may have.
#: A list tells all of an entry's text, and JSON writes a byte of it in three at most.
MAX_ENTRY = 1_048_576
MAX_PAGE = 4 * 1_048_576
MAX_ERROR = 65_536
MAX_EVIDENCE = 64 * 1_048_576
#: Bytes of all pages of a search, whose hits are held in memory.
_MAX_SEARCH = 64 * 1_048_576

_PAGE_ROWS = 500
#: Rows after which a list that claims to go on is not believed.
_MAX_ROWS = 1_000_000
_RDF = "application/rdf+xml"
_PROBLEM = "application/problem+json, application/json;q=0.9, text/plain;q=0.5"

Status = Literal["valid", "deprecated", "expired", "all"]
Location = Literal["all", "web", "pdisk"]


@dataclass(frozen=True)
class Uploaded:
    """The marketplace's receipt.

    Args:
        location: URL of the entry, or the empty string while a confirmation is pending.
        pending: the endorser has to confirm by mail first.
        note: what the marketplace says about that.
    """

    location: str
    pending: bool
    note: str = ""


@dataclass(frozen=True)
class ListQuery:
    """Which current entries to list; ``limit`` counts rows, None means all.

    Args:
        trust: how the marketplace stands to their endorsers, or ``all``; None leaves it to what it shows.
        checksum: of the image, as ``sha256:HEX``, hex digits or an identifier.
    """

    status: Status = "valid"
    location: Location = "all"
    identifier: str | None = None
    email: str | None = None
    search: str | None = None
    limit: int | None = None
    scope: str | None = None
    trust: str | None = None
    checksum: str | None = None


@dataclass(frozen=True)
class ListedEntry:
    """One row of a list, as the marketplace tells it: unverified until the entry is fetched."""

    identifier: str
    email: str
    created: str
    os: str | None
    os_version: str | None
    os_arch: str | None
    kind: str | None
    location: str | None
    description: str | None
    title: str | None

    @property
    def path(self) -> str:
        """``IDENTIFIER/EMAIL/CREATED``."""
        return f"{self.identifier}/{self.email}/{self.created}"


class MarketplaceClient:
    """Talks to one marketplace. A context manager: closes its connections."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __enter__(self) -> MarketplaceClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    @property
    def endpoint(self) -> str:
        """Base URL of the marketplace."""
        return self._transport.endpoint

    def upload(self, data: bytes, audience: str | None = None) -> Uploaded:
        """Upload a signed entry.

        Args:
            audience: the group that alone shall see it; None for everybody.

        Raises:
            InvalidEntryError, EntryRefusedError, EntryConflictError, NotPermittedError: as it judges.
            EntryNotFoundError: there is no such group for the one who asks.
            TransportError: it cannot be reached or fails.
        """
        path = "/metadata"
        if audience is not None:
            self._verify_audience(data, audience)
            path += _audience(audience)
        answer = self._transport.post(path, data, content_type=_RDF, accept=_PROBLEM, limit=MAX_ERROR)
        return self._receipt(answer)

    def try_upload(self, data: bytes, audience: str | None = None) -> Tried:
        """What an upload would come to; nothing is stored.

        Args:
            audience: the group that alone would see it; None for everybody.

        Raises:
            EntryNotFoundError: there is no such group for the one who asks.
            TransportError: it cannot be reached or fails.
        """
        path = "/api/v1/verify" + ("" if audience is None else _audience(audience))
        answer = self._transport.post(path, data, content_type=_RDF, accept=_PROBLEM, limit=MAX_PAGE)
        if answer.status != 200:
            raise get_error(answer)
        return parse_tried(parse_json(answer))

    def publish(self, path: str) -> Uploaded:
        """Let everybody see an entry that a group keeps.

        Args:
            path: ``IDENTIFIER/EMAIL/CREATED``.

        Raises:
            EntryNotFoundError: there is none that the one who asks could publish.
            InvalidEntryError, EntryRefusedError, EntryConflictError: as the marketplace judges.
            TransportError: it cannot be reached or fails.
        """
        where = f"/api/v1/entries/{quote(path, safe='/@:')}/publish"
        answer = self._transport.post(where, b"", content_type=_RDF, accept=_PROBLEM, limit=MAX_ERROR)
        return self._receipt(answer)

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

    def fetch(self, path: str) -> bytes:
        """The exact bytes of an entry.

        Args:
            path: ``IDENTIFIER/EMAIL/CREATED``, as in a URL of the marketplace.

        Raises:
            EntryNotFoundError: there is none.
            TransportError: it cannot be reached, fails or sends more than an entry may have.
        """
        answer = self._transport.get("/metadata/" + quote(path, safe="/@:"), accept=_RDF, limit=MAX_ENTRY)
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
        answer = self._transport.get(where, accept=_RDF, limit=MAX_ENTRY)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise get_error(answer)
        return answer.body

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
        for _ in range(_MAX_ROWS // _PAGE_ROWS):
            where = f"/api/v1/endorsers?limit={_PAGE_ROWS}"
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

    def _record(self, where: str, member: str) -> dict[str, Any]:
        answer = self._transport.get(where, accept="application/json", limit=MAX_PAGE)
        if answer.status != 200:
            raise get_error(answer)
        found = parse_json(answer)
        if not isinstance(found, dict) or not isinstance(found.get(member), list):
            raise TransportError(f"the marketplace's answer has no {member}")
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

    def entries(self, query: ListQuery) -> Iterator[ListedEntry]:
        """Current entries that fit a query, page by page, in the marketplace's order.

        Raises:
            TransportError: it cannot be reached, fails, answers what is no list, or ends it early.
        """
        if query.checksum is not None:
            self._verify_knows_checksums(query.checksum)
        seen, size = 0, _PAGE_ROWS
        while query.limit is None or seen < query.limit:
            wanted = size if query.limit is None else min(size, query.limit - seen)
            try:
                rows, matching = self._page(query, seen, wanted)
            except OversizeError:
                if wanted == 1:
                    raise
                size = wanted // 2
                continue
            if min(matching, query.limit or matching) > _MAX_ROWS:
                raise TransportError(f"the marketplace claims {matching} entries; request less with filters")
            if len(rows) > wanted:
                raise TransportError(
                    f"the marketplace sent {len(rows)} entries where {wanted} were asked for"
                )
            yield from rows
            seen += len(rows)
            if seen >= matching:
                return
            if not rows:
                raise TransportError(f"the marketplace's list ends after {seen} of {matching} entries")

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

    def resolve(
        self, identifier: str | None = None, email: str | None = None, *, checksum: str | None = None
    ) -> ListedEntry:
        """The one current entry, of whatever status and trust, for an image (and endorser).

        Args:
            checksum: of the image, instead of its identifier.

        Raises:
            EntryNotFoundError: there is none.
            AmbiguousError: several endorsers have one, or several keys sign for the endorser and the
                marketplace trusts none of their certificates, or several.
        """
        query = ListQuery(
            status="all", identifier=identifier, email=email, limit=2, trust="all", checksum=checksum
        )
        named = checksum or "/".join(filter(None, (identifier, email)))
        found = list(self.entries(query))
        if email is not None and len(found) > 1:
            trusted = list(self.entries(replace(query, trust="chained")))
            if len(trusted) == 1:
                return trusted[0]
            paths = ", ".join(each.path for each in self.entries(replace(query, limit=10)))
            raise AmbiguousError(
                f"several certificates use the address {email} for {identifier}: {paths}; "
                "name one of these entries"
            )
        if not found:
            raise EntryNotFoundError(f"the marketplace has no entry for {named}")
        if len(found) > 1:
            names = ", ".join(each.email for each in self.entries(replace(query, limit=10)))
            raise AmbiguousError(f"several endorsers have an entry for {named}: {names}; name one of them")
        return found[0]

    def _page(self, query: ListQuery, start: int, length: int) -> tuple[list[ListedEntry], int]:
        params = {
            "media": "json",
            "status": query.status,
            "location": query.location,
            "identifier": query.identifier,
            "email": query.email,
            "sEcho": "1",
            "sSearch": query.search,
            "scope": query.scope,
            "trust": query.trust,
            "checksum": query.checksum,
            "iDisplayStart": str(start),
            "iDisplayLength": str(length),
        }
        answer = self._transport.get(
            "/metadata",
            accept="application/json",
            limit=MAX_PAGE,
            params={name: value for name, value in params.items() if value},
        )
        if is_empty_list(answer):
            return [], 0
        if answer.status == 400:  # nothing was sent that could be an invalid entry
            raise QuestionRefusedError(str(get_error(answer)))
        if answer.status != 200:
            raise get_error(answer)
        return _parse_page(parse_json(answer))

    def _verify_knows_checksums(self, checksum: str) -> None:
        """Make sure that the marketplace can look for one: any other would list everything."""
        self._record(f"/api/v1/entries?limit=1&checksum={quote(checksum)}", "entries")

    def _verify_audience(self, data: bytes, audience: str) -> None:
        """Make sure that the marketplace knows groups: any other would show the entry to everybody."""
        self.try_upload(data, audience)

    def _receipt(self, answer: HttpAnswer) -> Uploaded:
        if answer.status not in (200, 201, 202):
            raise get_error(answer)
        location = printable(answer.headers.get("Location", ""))
        pending = answer.status == 202
        if not pending and "/metadata/" not in location:
            raise NoMarketplaceError(
                f"the server answers with status {answer.status} without the address of the entry, "
                "which is not a marketplace's answer: check the endpoint"
            )
        note = printable(answer.body.decode("utf-8", "replace").strip()) if pending else ""
        return Uploaded(self._absolute(location), pending, note if _is_text(answer) else "")

    def _absolute(self, location: str) -> str:
        return self._transport.endpoint + location if location.startswith("/") else location


def _is_text(answer: HttpAnswer) -> bool:
    return str(answer.headers.get("Content-Type", "")).startswith("text/plain")


def _audience(group: str) -> str:
    return f"?audience={quote(group, safe='')}"


def _parse_page(page: object) -> tuple[list[ListedEntry], int]:
    malformed = TransportError("the marketplace's list is not valid")
    if not isinstance(page, dict) or not isinstance(page.get("aaData"), list):
        raise malformed
    matching = page.get("iTotalDisplayRecords")
    if not isinstance(matching, int):
        raise malformed
    rows = []
    for cells in page["aaData"]:
        if not isinstance(cells, list) or len(cells) < 11 or not all(isinstance(c, str) for c in cells[:11]):
            raise malformed
        rows.append(_row(cells))
    return rows, matching


def _row(cells: list[str]) -> ListedEntry:
    _, os, os_version, os_arch, email, kind, created, identifier, location, description, title = cells[:11]
    return ListedEntry(
        identifier=identifier,
        email=email,
        created=created,
        os=_present(os),
        os_version=_present(os_version),
        os_arch=_present(os_arch),
        kind=_present(kind),
        location=_present(location),
        description=_present(description),
        title=_present(title),
    )


def _present(cell: str) -> str | None:
    # The protocol writes an absent value as the text "null".
    return None if cell == "null" else cell


def _links_to_itself(told: object) -> bool:
    links = told.get("links") if isinstance(told, dict) else None
    return isinstance(links, dict) and isinstance(links.get("self"), str)
