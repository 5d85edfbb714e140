"""Peers over the API: what everybody may know of them, and what administrators do with them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.http.errors import BadRequestError, NotFoundError
from marketplace.http.security import principal_of
from marketplace.peers.administration import PeerAdministration
from marketplace.peers.overview import PublicPeer, alerts, public_peer
from marketplace.peers.registry.mirror_list import MOST_MIRRORS
from marketplace.runtime import Runtime
from marketplace.tlog.errors import KeyFormatError
from marketplace.tlog.note import VerifierKey, parse_verifier_key

from .access import GROUP_NAME, now_of, written
from .answers import fresh, site_url, write_json
from .description import JSON, Answer, Operation, Parameter
from .json_body import CODES, described, read_object

_GROUP = "Peers"
_ADMIN = "scope `admin`"
PEER = Parameter(
    "peer",
    "the name of a site among others",
    {"type": "string", "pattern": r"^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?$", "maxLength": 200},
    lambda text: text or "",
)
ACTIONS = ("disable", "enable", "release", "restart", "pull")
ACTION = Parameter(
    "action",
    "disable, enable, release (from quarantine), restart (read everything again) or pull (now)",
    {"type": "string", "enum": list(ACTIONS)},
    lambda text: text or "",
)

_MIRRORS = {
    "type": "array",
    "items": {"type": "string", "format": "uri"},
    "maxItems": MOST_MIRRORS,
    "description": "addresses below which copies of its tiles and bundles lie, tried in this order",
}

PEERS = Operation(
    "api.peers",
    "Peers",
    "The sites that this one pulls from, and how their public logs stand.",
    _GROUP,
    [Answer("The peers by name.", "Peers")],
)
ADD = Operation(
    "api.peers",
    "Add a peer",
    "Its keys come from its operator and not from its address.",
    _GROUP,
    [Answer("The peer.", "PeerRecord", status=201, headers=("Location",))],
    method="POST",
    bodies=described(
        {
            "url": {"type": "string", "format": "uri"},
            "key": {"type": "string", "description": "the log key: name+hex8+base64"},
        },
        {"auth_key": {"type": "string", "description": "the auth key, likewise"}, "mirrors": _MIRRORS},
    ),
    errors={**CODES, 400: (*CODES[400], "peer.address", "peer.key", "key.format"), 409: ["peer.taken"]},
    needs=_ADMIN,
)
READ = Operation(
    "api.peer",
    "One peer",
    "With its keys, all its logs, missing entries, its permissions, and evidence against it.",
    _GROUP,
    [Answer("The peer.", "PeerRecord")],
    path=(PEER,),
    errors={404: ["peer.unknown"]},
    needs=_ADMIN,
)
ACT = Operation(
    "api.peer.action",
    "Run an action on a peer",
    "`release` lets a quarantined peer be pulled again after the last verified row; the evidence is kept.",
    _GROUP,
    [Answer("The peer after it.", "PeerRecord")],
    method="POST",
    path=(PEER, ACTION),
    errors={404: ["peer.unknown", "peer.action"], 409: ["peer.disabled"]},
    needs=_ADMIN,
)
EPOCH = Operation(
    "api.peer.epoch",
    "Accept a peer's new epoch",
    "The peer's public log continues under a new name, which its operator told you. It is read "
    "from its first row.",
    _GROUP,
    [Answer("The peer after it.", "PeerRecord")],
    method="PUT",
    path=(PEER,),
    bodies=described({"origin": {"type": "string", "description": "such as NAME/public/e2"}}),
    errors={**CODES, 400: (*CODES[400], "peer.address"), 404: ["peer.unknown"]},
    needs=_ADMIN,
)
MIRRORS = Operation(
    "api.peer.mirrors",
    "Set a peer's mirrors",
    "Plain HTTP servers with copies of what never changes, held against what the peer signed.",
    _GROUP,
    [Answer("The peer after it.", "PeerRecord")],
    method="PUT",
    path=(PEER,),
    bodies=described({"mirrors": _MIRRORS}),
    errors={**CODES, 400: (*CODES[400], "peer.address"), 404: ["peer.unknown"]},
    needs=_ADMIN,
)
GRANT = Operation(
    "api.peer.group",
    "Allow a peer to read a group's entries",
    "It reads them from the first one on. A grant that stands stays.",
    _GROUP,
    [Answer("The peer after it.", "PeerRecord")],
    method="PUT",
    path=(PEER, GROUP_NAME),
    errors={400: ["peer.grant"], 404: ["peer.unknown", "group.unknown"]},
    needs=_ADMIN,
)
REVOKE = Operation(
    "api.peer.group",
    "Stop a peer from reading a group's entries",
    "What was delivered cannot be called back.",
    _GROUP,
    [Answer("The peer after it.", "PeerRecord")],
    method="DELETE",
    path=(PEER, GROUP_NAME),
    errors={400: ["peer.grant"], 404: ["peer.unknown", "group.unknown"]},
    needs=_ADMIN,
)
ALERTS = Operation(
    "api.alerts",
    "Alerts for the operator",
    "Empty while replication works.",
    _GROUP,
    [Answer("The alerts, peer by peer.", "Alerts")],
)
OPERATIONS = (PEERS, ADD, READ, ACT, MIRRORS, EPOCH, GRANT, REVOKE, ALERTS)


@view_config(route_name="api.peers", request_method="GET", permission="peer:read")
def peers(request: Request) -> Response:
    """The peers by name."""
    PEERS.read(request)
    return fresh(request, {"peers": [_public(one) for one in _everyone(request)]})


@view_config(route_name="api.peers", request_method="POST", permission="peer:write")
def add(request: Request) -> Response:
    """Follow a site."""
    ADD.read(request)
    given = read_object(request, {"url": str, "key": str}, {"auth_key": str, "mirrors": list})
    key = _key(given["key"])
    auth = None if given["auth_key"] is None else _key(given["auth_key"])
    administration = _administration(request)
    added = administration.add(given["url"], key, auth, _urls(given["mirrors"] or []))
    body = administration.record(added.name)
    request.registry[Runtime].peers.look()
    response = Response(body=write_json(body), status=201, content_type=JSON, charset="UTF-8")
    location = f"{site_url(request)}/api/v1/peers/{added.name}"
    response.headerlist += [("Location", location), ("Cache-Control", "no-store")]
    return response


@view_config(route_name="api.peer", request_method="GET", permission="peer:write")
def peer(request: Request) -> Response:
    """One peer."""
    READ.read(request)
    administration = _administration(request)
    return fresh(request, administration.record(request.matchdict["peer"]))


@view_config(route_name="api.peer.mirrors", request_method="PUT", permission="peer:write")
def mirrors(request: Request) -> Response:
    """Name a peer's mirrors."""
    MIRRORS.read(request)
    urls = _urls(read_object(request, {"mirrors": list})["mirrors"])
    name = request.matchdict["peer"]
    administration = _administration(request)
    administration.set_mirrors(name, urls)
    return fresh(request, administration.record(name))


@view_config(route_name="api.peer.action", request_method="POST", permission="peer:write")
def act(request: Request) -> Response:
    """Act upon a peer."""
    ACT.read(request)
    name, action = request.matchdict["peer"], request.matchdict["action"]
    runtime: Runtime = request.registry[Runtime]
    administration = _administration(request)
    if action in ("disable", "enable"):
        administration.switch(name, disabled=action == "disable")
    elif action == "release":
        administration.release(name)
    elif action == "restart":
        administration.restart(name)
    elif action == "pull":
        runtime.peers.nudge(administration.get_enabled(name).name)
    else:
        raise NotFoundError("peer.action", f"there are {', '.join(ACTIONS)}")
    runtime.peers.look()
    return fresh(request, administration.record(name))


@view_config(route_name="api.peer.epoch", request_method="PUT", permission="peer:write")
def accept_epoch(request: Request) -> Response:
    """Go on with a peer's public log under another name."""
    EPOCH.read(request)
    name, origin = request.matchdict["peer"], read_object(request, {"origin": str})["origin"]
    administration = _administration(request)
    administration.accept_epoch(name, origin)
    request.registry[Runtime].peers.look()
    return fresh(request, administration.record(name))


@view_config(route_name="api.peer.group", request_method="PUT", permission="peer:write")
def grant(request: Request) -> Response:
    """Allow a peer to read a group's entries."""
    GRANT.read(request)
    name, group = request.matchdict["peer"], request.matchdict["group"]
    administration = _administration(request)
    administration.grant(group, name)
    return fresh(request, administration.record(name))


@view_config(route_name="api.peer.group", request_method="DELETE", permission="peer:write")
def revoke(request: Request) -> Response:
    """Let a peer read them no longer."""
    REVOKE.read(request)
    name, group = request.matchdict["peer"], request.matchdict["group"]
    administration = _administration(request)
    administration.revoke(group, name)
    return fresh(request, administration.record(name))


@view_config(route_name="api.alerts", request_method="GET", permission="peer:read")
def alert_list(request: Request) -> Response:
    """An alert for the operator."""
    ALERTS.read(request)
    found = alerts(_everyone(request), now_of(request))
    return fresh(request, {"alerts": [asdict(one) for one in found]})


def _everyone(request: Request) -> list[PublicPeer]:
    return [public_peer(status) for status in _administration(request).all()]


def _administration(request: Request) -> PeerAdministration:
    runtime: Runtime = request.registry[Runtime]
    return PeerAdministration(runtime.database, str(principal_of(request).name), runtime.now)


def _urls(given: list[Any]) -> list[str]:
    if not all(isinstance(one, str) for one in given):
        raise BadRequestError("body.member", "member mirrors has a value that is not a text")
    return given


def _key(text: str) -> VerifierKey:
    try:
        return parse_verifier_key(text)
    except KeyFormatError as error:
        raise BadRequestError(error.code, str(error)) from None


def _public(one: PublicPeer) -> dict[str, Any]:
    return asdict(one) | {
        "succeeded_at": written(one.succeeded_at),
        "contacted_at": written(one.contacted_at),
    }
