"""The connection of a client to one marketplace: what every part of the client asks through."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from marketplace.client.answers import get_error, parse_json
from marketplace.client.errors import TransportError
from marketplace.client.transport import Transport

#: Bytes: the format's own limit of an entry, and what a page of a list or an error may have.
#: A list tells all of an entry's text, and JSON writes a byte of it in three at most.
MAX_ENTRY = 1_048_576
MAX_PAGE = 4 * 1_048_576
MAX_ERROR = 65_536

#: Rows of a page, and rows after which a list that claims to go on is not believed.
PAGE_ROWS = 500
MAX_ROWS = 1_000_000
RDF = "application/rdf+xml"


class MarketplaceConnection:
    """A connection to one marketplace. A context manager: closes its connections."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    @property
    def endpoint(self) -> str:
        """Base URL of the marketplace."""
        return self._transport.endpoint

    def _record(self, where: str, member: str) -> dict[str, Any]:
        answer = self._transport.get(where, accept="application/json", limit=MAX_PAGE)
        if answer.status != 200:
            raise get_error(answer)
        found = parse_json(answer)
        if not isinstance(found, dict) or not isinstance(found.get(member), list):
            raise TransportError(f"the marketplace's answer has no {member}")
        return found
