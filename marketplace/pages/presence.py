"""What pages and the API say of the cloud sites that have an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyramid.request import Request

from marketplace.http.security import principal_of
from marketplace.presence import LocationReport, Presence
from marketplace.runtime import Runtime
from validators.document import AcceptedEntry


@dataclass(frozen=True, slots=True)
class EntryPresence:
    """What sites said of an entry and its image, as one reader may see it.

    Args:
        sites: that say that they offer the image.
        reports: what sites found wrong with locations.
    """

    sites: int
    reports: Sequence[LocationReport] = ()


def find_presence(request: Request, entry: AcceptedEntry) -> EntryPresence:
    """What sites said of an entry and its image."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        presence = Presence(session, principal_of(request))
        return EntryPresence(presence.count(entry.identifier), presence.reports(entry.entry_id))


def count_sites(request: Request, identifier: str) -> int:
    """At how many sites an image is."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        return Presence(session, principal_of(request)).count(identifier)
