"""The page of events: what happened lately, in plain words."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.access import PUBLIC
from marketplace.access.narrowing import ScopeError, narrowed, parse_scope
from marketplace.events import MEANINGS, Events, Happened, Kind, Wanted
from marketplace.events.presenters import sentence
from marketplace.http.coordinates import entry_path
from marketplace.http.errors import BadRequestError
from marketplace.http.parameters import read_query
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime

from .rendering import page

#: Events on a page.
_PAGE = 50
_FIELDS = ("kind", "endorser", "tag", "identifier", "scope")
#: What each kind of event is called in lists and forms, and how it looks.
NAMES = {
    Kind.ACCEPTED: ("Endorsed", "good"),
    Kind.DEPRECATED: ("Withdrawn", "bad"),
    Kind.EXPIRING: ("Expires soon", "warn"),
    Kind.EXPIRED: ("Expired", "warn"),
    Kind.ERASED: ("Erased", "plain"),
    Kind.TRUST: ("Trust changed", "warn"),
    Kind.CONFLICT: ("Conflict", "bad"),
    Kind.MISMATCH: ("Wrong bytes", "bad"),
    Kind.UNREACHABLE: ("Download failed", "warn"),
    Kind.RECALL: ("Recall", "bad"),
    Kind.QUARANTINED: ("Peer quarantined", "bad"),
}


@view_config(route_name="web.events", request_method="GET", permission="event:read")
def events(request: Request) -> Response:
    """A page of events."""
    fields = read_query(request)
    given = {name: fields.get(name, "").strip() for name in _FIELDS}
    wanted = _wanted(request, given)
    with request.registry[Runtime].database.read() as session:
        found = Events(session).newest(wanted, _PAGE + 1, fields.get("before") or None)
    shown = found[:_PAGE]
    kept = {name: value for name, value in given.items() if value}
    following = None
    if len(found) > _PAGE:
        following = urlencode({**kept, "before": shown[-1].event_id})
    values = {
        "events": [_line(one) for one in shown],
        "given": given,
        "narrowed": bool(kept),
        "kinds": [(one.value, NAMES[one][0], MEANINGS[one]) for one in Kind],
        "following": following,
    }
    return page(request, "events", values)


def _wanted(request: Request, given: dict[str, str]) -> Wanted:
    try:
        kinds = (Kind(given["kind"]),) if given["kind"] else ()
        scope = parse_scope(given["scope"] or "all")
    except ScopeError:
        raise
    except ValueError:
        raise BadRequestError("query.kind", f"kind is one of {', '.join(Kind)}") from None
    return Wanted(
        narrowed(principal_of(request), scope).logs,
        kinds,
        given["endorser"] or None,
        given["tag"] or None,
        given["identifier"] or None,
    )


def _line(one: Happened) -> dict[str, Any]:
    name, tone = NAMES[one.kind]
    return {
        "kind": name,
        "tone": tone,
        "at": one.at,
        "sentence": sentence(one),
        "path": None if one.subject is None else entry_path(one.subject.coordinates),
        "group": None if one.log == PUBLIC else one.log.partition(":")[2],
    }
