"""The page of entries that contradict each other."""

from __future__ import annotations

from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.entries.conflicts import Conflict, ConflictKind
from marketplace.http.coordinates import entry_path
from marketplace.http.errors import BadRequestError
from marketplace.http.parameters import read_query
from marketplace.http.visible_entries import visible_entries
from validators.document import Coordinates
from validators.times import parse_time

from .display import cut
from .rendering import page
from .trust_badges import Judging, certificate_badges, judging

#: Conflicts on a page.
_PAGE = 30
_WHOSE = {
    ConflictKind.EQUIVOCATION: "One key signed several of these statements: its holder contradicts itself.",
    ConflictKind.CONTESTED: (
        "Each statement has its own key: somebody may be using this address without permission."
    ),
}


@view_config(route_name="web.conflicts", request_method="GET", permission="entry:read")
def conflicts(request: Request) -> Response:
    """Coordinates at which entries say different things."""
    fields = read_query(request)
    email = fields.get("email") or None
    with visible_entries(request) as visible:
        found = visible.conflicts(_after(fields.get("after")), email, _PAGE + 1)
    shown = found[:_PAGE]
    following = shown[-1].coordinates.path() if len(found) > _PAGE else None
    values = {
        "email": email,
        "conflicts": [_values(one, judging(request)) for one in shown],
        "following": following,
    }
    return page(request, "conflicts", values)


def _after(text: str | None) -> Coordinates | None:
    if not text:
        return None
    try:
        identifier, email, created = text.split("/")
        return Coordinates(identifier, email, parse_time(created))
    except ValueError:
        raise BadRequestError("query.after", "start again without the parameter after") from None


def _values(conflict: Conflict, judges: Judging) -> dict[str, Any]:
    place = conflict.coordinates
    return {
        "path": entry_path(place),
        "identifier": place.identifier,
        "email": place.email,
        "created": place.created,
        "kind": conflict.kind.value,
        "whose": _WHOSE[conflict.kind],
        "left_out": conflict.total - len(conflict.entries),
        "entries": [
            {
                "id": said.row.entry_id,
                "title": cut((said.row.title or "").strip() or place.identifier, 120),
                "deprecated": said.row.deprecated is not None,
                "reason": cut(said.row.deprecated or "", 160),
                "subject": cut(said.row.subject, 200),
                "issuer": cut(said.row.issuer, 200),
                "badges": certificate_badges(said.row, judges),
                "key": said.row.key_digest,
                "accepted_at": said.accepted_at,
            }
            for said in conflict.entries
        ],
    }
