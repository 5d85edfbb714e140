"""Lists of current entries, as a client reads them page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote

from marketplace.client.answers import get_error, is_empty_list, parse_json
from marketplace.client.connection import MAX_PAGE, MAX_ROWS, PAGE_ROWS, MarketplaceConnection
from marketplace.client.errors import (
    AmbiguousError,
    EntryNotFoundError,
    OversizeError,
    QuestionRefusedError,
    TransportError,
)

Status = Literal["valid", "deprecated", "expired", "all"]
Location = Literal["all", "web", "pdisk"]


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


class EntryLists(MarketplaceConnection):
    """The part of a client that lists entries and finds the one that somebody means."""

    def entries(self, query: ListQuery) -> Iterator[ListedEntry]:
        """Current entries that fit a query, page by page, in the marketplace's order.

        Raises:
            TransportError: it cannot be reached, fails, answers what is no list, or ends it early.
        """
        if query.checksum is not None:
            self._verify_knows_checksums(query.checksum)
        seen, size = 0, PAGE_ROWS
        while query.limit is None or seen < query.limit:
            wanted = size if query.limit is None else min(size, query.limit - seen)
            try:
                rows, matching = self._page(query, seen, wanted)
            except OversizeError:
                if wanted == 1:
                    raise
                size = wanted // 2
                continue
            if min(matching, query.limit or matching) > MAX_ROWS:
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
