"""Uploads of a client, and what the marketplace answers to them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from marketplace.client.answers import Tried, get_error, parse_json, parse_tried, printable
from marketplace.client.connection import MAX_ERROR, MAX_PAGE, RDF, MarketplaceConnection
from marketplace.client.errors import NoMarketplaceError
from marketplace.client.transport import HttpAnswer

_PROBLEM = "application/problem+json, application/json;q=0.9, text/plain;q=0.5"


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


class Uploading(MarketplaceConnection):
    """The part of a client that uploads entries and lets groups publish them."""

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
        answer = self._transport.post(path, data, content_type=RDF, accept=_PROBLEM, limit=MAX_ERROR)
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
        answer = self._transport.post(path, data, content_type=RDF, accept=_PROBLEM, limit=MAX_PAGE)
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
        answer = self._transport.post(where, b"", content_type=RDF, accept=_PROBLEM, limit=MAX_ERROR)
        return self._receipt(answer)

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
