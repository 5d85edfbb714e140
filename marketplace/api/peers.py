"""Peers over the API: what everybody may know of them, and what administrators do with them."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.errors import NotFoundError
from marketplace.http.security import principal_of
from marketplace.peers.administration import PeerAdministration
from marketplace.peers.overview import PublicPeer, alerts, public_peer
from marketplace.runtime import Runtime
from marketplace.tlog.note import parse_verifier_key

from .access import GROUP_NAME, now_of
from .answers import created, fresh, site_url
from .description import JSON, DescribedAnswer, Operation, Parameter
from .json_body import CODES, read_body
from .shapes import peers as shapes

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

PEERS = Operation(
    "api.peers",
    "Peers",
    "The sites that this one pulls from, and how their public logs stand.",
    _GROUP,
    [DescribedAnswer("The peers by name.", shapes.PeersShape)],
)
ADD = Operation(
    "api.peers",
    "Add a peer",
    "Its keys come from its operator and not from its address.",
    _GROUP,
    [DescribedAnswer("The peer.", "PeerRecord", status=201, headers=("Location",))],
    method="POST",
    bodies={JSON: shapes.PeerAddition},
    errors={**CODES, 400: (*CODES[400], "peer.address", "peer.key", "key.format"), 409: ["peer.taken"]},
    needs=_ADMIN,
)
READ = Operation(
    "api.peer",
    "One peer",
    "With its keys, all its logs, missing entries, its permissions, and evidence against it.",
    _GROUP,
    [DescribedAnswer("The peer.", "PeerRecord")],
    path=(PEER,),
    errors={404: ["peer.unknown"]},
    needs=_ADMIN,
)
ACT = Operation(
    "api.peer.action",
    "Run an action on a peer",
    "`release` lets a quarantined peer be pulled again after the last verified row; the evidence is kept.",
    _GROUP,
    [DescribedAnswer("The peer after it.", "PeerRecord")],
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
    [DescribedAnswer("The peer after it.", "PeerRecord")],
    method="PUT",
    path=(PEER,),
    bodies={JSON: shapes.PeerEpoch},
    errors={**CODES, 400: (*CODES[400], "peer.address"), 404: ["peer.unknown"]},
    needs=_ADMIN,
)
MIRRORS = Operation(
    "api.peer.mirrors",
    "Set a peer's mirrors",
    "Plain HTTP servers with copies of what never changes, held against what the peer signed.",
    _GROUP,
    [DescribedAnswer("The peer after it.", "PeerRecord")],
    method="PUT",
    path=(PEER,),
    bodies={JSON: shapes.PeerMirrors},
    errors={**CODES, 400: (*CODES[400], "peer.address"), 404: ["peer.unknown"]},
    needs=_ADMIN,
)
GRANT = Operation(
    "api.peer.group",
    "Allow a peer to read a group's entries",
    "It reads them from the first one on. A grant that stands stays.",
    _GROUP,
    [DescribedAnswer("The peer after it.", "PeerRecord")],
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
    [DescribedAnswer("The peer after it.", "PeerRecord")],
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
    [DescribedAnswer("The alerts, peer by peer.", shapes.AlertsShape)],
)
OPERATIONS = (PEERS, ADD, READ, ACT, MIRRORS, EPOCH, GRANT, REVOKE, ALERTS)


@PEERS.view("peer:read")
def peers(request: Request) -> Response:
    """The peers by name."""
    return fresh(
        request, shapes.PeersShape(peers=[shapes.PeerShape.model_validate(one) for one in _everyone(request)])
    )


@ADD.view("peer:write")
def add(request: Request) -> Response:
    """Follow a site."""
    given = read_body(request, shapes.PeerAddition)
    key = parse_verifier_key(given.key)
    auth = None if given.auth_key is None else parse_verifier_key(given.auth_key)
    administration = _administration(request)
    added = administration.add(given.url, key, auth, given.mirrors)
    body = administration.record(added.name)
    request.registry[Runtime].peers.look()
    return created(body, f"{site_url(request)}/api/v1/peers/{added.name}")


@READ.view("peer:write")
def peer(request: Request) -> Response:
    """One peer."""
    administration = _administration(request)
    return fresh(request, administration.record(request.matchdict["peer"]))


@MIRRORS.view("peer:write")
def mirrors(request: Request) -> Response:
    """Name a peer's mirrors."""
    urls = read_body(request, shapes.PeerMirrors).mirrors
    name = request.matchdict["peer"]
    administration = _administration(request)
    administration.set_mirrors(name, urls)
    return fresh(request, administration.record(name))


@ACT.view("peer:write")
def act(request: Request) -> Response:
    """Act upon a peer."""
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
        runtime.peers.nudge_peer(administration.get_enabled(name).name)
    else:
        raise NotFoundError("peer.action", f"there are {', '.join(ACTIONS)}")
    runtime.peers.look()
    return fresh(request, administration.record(name))


@EPOCH.view("peer:write")
def accept_epoch(request: Request) -> Response:
    """Go on with a peer's public log under another name."""
    name, origin = request.matchdict["peer"], read_body(request, shapes.PeerEpoch).origin
    administration = _administration(request)
    administration.accept_epoch(name, origin)
    request.registry[Runtime].peers.look()
    return fresh(request, administration.record(name))


@GRANT.view("peer:write")
def grant(request: Request) -> Response:
    """Allow a peer to read a group's entries."""
    name, group = request.matchdict["peer"], request.matchdict["group"]
    administration = _administration(request)
    administration.grant(group, name)
    return fresh(request, administration.record(name))


@REVOKE.view("peer:write")
def revoke(request: Request) -> Response:
    """Let a peer read them no longer."""
    name, group = request.matchdict["peer"], request.matchdict["group"]
    administration = _administration(request)
    administration.revoke(group, name)
    return fresh(request, administration.record(name))


@ALERTS.view("peer:read")
def alert_list(request: Request) -> Response:
    """An alert for the operator."""
    found = alerts(_everyone(request), now_of(request))
    return fresh(request, shapes.AlertsShape(alerts=[shapes.AlertShape.model_validate(one) for one in found]))


def _everyone(request: Request) -> list[PublicPeer]:
    return [public_peer(status) for status in _administration(request).all()]


def _administration(request: Request) -> PeerAdministration:
    runtime: Runtime = request.registry[Runtime]
    return PeerAdministration(runtime.database, str(principal_of(request).name), runtime.now)
