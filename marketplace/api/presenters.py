"""Entries as JSON: a line of a list, and everything about one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from marketplace.entries import EntryRecord, EntryRow
from marketplace.facets import TrustMark
from marketplace.http.coordinates import entry_path
from marketplace.pages.presence import EntryPresence
from marketplace.watch import Reachability
from validators.document import AcceptedEntry, Coordinates, format_time
from validators.policy import Verdict
from validators.statement import tell_facts, tell_statement

#: Characters of a text and number of tags in a line of a list; the entry itself has all of them.
LIST_CHARACTERS = 2000
LIST_TAGS = 20

JsonObject = dict[str, Any]


class Urls:
    """The URLs of things, built from the configured base."""

    def __init__(self, site: str) -> None:
        self._site = site

    def entry(self, coordinates: Coordinates) -> str:
        """An entry in the API."""
        return f"{self._site}/api/v1/entries/{entry_path(coordinates)}"

    def signed(self, coordinates: Coordinates) -> str:
        """The signed document, or a page for browsers."""
        return f"{self._site}/metadata/{entry_path(coordinates)}"

    def signed_by_id(self, entry_id: str) -> str:
        """The signed document of an entry, also where another one has its coordinates."""
        return f"{self._site}/api/v1/signed/{entry_id}"

    def image(self, identifier: str) -> str:
        """Every endorsement of an image."""
        return f"{self._site}/api/v1/images/{identifier}"

    def verdict(self, identifier: str) -> str:
        """Whether an image may be started."""
        return f"{self.image(identifier)}/verdict"

    def states(self) -> str:
        """What the states of images in feeds belong to."""
        return f"{self._site}/api/v1/verdict"

    def endorser(self, email: str) -> str:
        """An endorser."""
        return f"{self._site}/api/v1/endorsers/{_part(email)}"

    def tags(self, email: str) -> str:
        """The tags of an endorser."""
        return f"{self.endorser(email)}/tags"

    def tag(self, email: str, tag: str) -> str:
        """The address of the entry that a tag names."""
        return f"{self._site}/api/v1/tags/{_part(email)}/{quote(tag, safe='')}"

    def entries_of(self, email: str) -> str:
        """The current entries of an endorser."""
        return f"{self._site}/api/v1/entries?endorser={quote(email, safe='@')}&status=all"


#: The status of an entry whose endorser said something newer.
SUPERSEDED = "superseded"


def show_line(
    row: EntryRow, status: str, urls: Urls, verdict: Verdict | None, tags: Sequence[str] | None = None
) -> JsonObject:
    """An entry in a list; long texts are cut.

    Args:
        status: a ``Status``, or SUPERSEDED.
        verdict: on its image.
    """
    refused = None if verdict is None or verdict.allowed else verdict.reasons[0]
    line = {
        name: _cut(value) if isinstance(value, str) else value
        for name, value in tell_facts(row.identifier, row.email, row.created, row).items()
    }
    more = {} if tags is None else {"tags": [_cut(tag) for tag in tags[:LIST_TAGS]]}
    return {
        "id": row.entry_id,
        **line,
        **more,
        "location": _cut(row.location),
        "strength": row.strength.value,
        "deprecated": _cut(row.deprecated),
        "status": status,
        "allowed": verdict is not None and verdict.allowed,
        "refusal": None if refused is None else str(refused.code),
        "conflicting": row.conflicting,
        "verdict": show_verdict(row),
        "links": _links(row.coordinates, urls),
    }


def show_statement(entry: AcceptedEntry, urls: Urls) -> JsonObject:
    """All that an entry says, and what proves it; nothing of this ever changes."""
    return {**tell_statement(entry), "links": _links(entry.coordinates, urls)}


def show_entry(
    entry: AcceptedEntry,
    record: EntryRecord,
    now: datetime,
    urls: Urls,
    reached: Mapping[str, Reachability],
    verdict: Verdict | None,
    presence: EntryPresence,
) -> JsonObject:
    """An entry: its statement, and how it stands at this marketplace now.

    Args:
        reached: what is known of locations.
        verdict: on its image.
        presence: what cloud sites said.
    """
    newer = None if record.is_current or record.current is None else urls.entry(record.current)
    return {
        **show_statement(entry, urls),
        "status": record.row.status(now).value if record.is_current else SUPERSEDED,
        "allowed": verdict is not None and verdict.allowed,
        "refusal": None if verdict is None or verdict.allowed else str(verdict.reasons[0].code),
        "current": record.is_current,
        "superseded_by": newer,
        "conflicts": list(record.conflicts),
        "also_current": [
            {
                "id": rival.entry_id,
                "key": rival.key_digest,
                "trusted": rival.trusted,
                "links": {"self": urls.entry(rival.coordinates)},
            }
            for rival in record.rivals
        ],
        "verdict": show_verdict(record.row),
        "accepted_at": format_time(record.accepted_at),
        "origin": record.origin,
        "seen_by": list(record.logs),
        "reachability": [_reachability(reached[uri]) for uri in entry.metadata.locations if uri in reached],
        "sites": presence.sites,
        "reports": [
            {
                "location": report.location,
                "finding": report.finding.value,
                "sites": report.sites,
                "at": format_time(report.at),
                "reason": report.reason,
            }
            for report in presence.reports
        ],
    }


def _reachability(found: Reachability) -> JsonObject:
    return {
        "location": found.uri,
        "reach": found.reach.value,
        "reason": found.reason,
        "bytes": found.size,
        "looked_at": format_time(found.looked_at),
        "good_at": None if found.good_at is None else format_time(found.good_at),
    }


def show_verdict(entry: EntryRow) -> JsonObject:
    """How this site stands to the endorser's certificate, as lists and filters go by it."""
    held, marks = entry.verdict, entry.marks()
    revoked = None if held is None else held.revoked_since
    return {
        "standing": TrustMark.UNJUDGED.value if held is None else held.standing.value,
        "trusted": TrustMark.TRUSTED in marks,
        "listed": TrustMark.LISTED in marks,
        "confirmed": TrustMark.CONFIRMED in marks,
        "pinned": held is not None and held.pinned,
        "anchor": None if held is None else held.anchor,
        "in_date_at_created": None if held is None else held.covers(entry.created),
        "revoked_since": None if revoked is None else format_time(revoked),
    }


def _links(coordinates: Coordinates, urls: Urls) -> Mapping[str, str]:
    return {
        "self": urls.entry(coordinates),
        "signed": urls.signed(coordinates),
        "image": urls.image(coordinates.identifier),
        "endorser": urls.endorser(coordinates.email),
    }


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= LIST_CHARACTERS else f"{text[: LIST_CHARACTERS - 1]}…"


def _part(text: str) -> str:
    return quote(text, safe="@:+~")
