"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

import json
from dataclasses import asdict

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.runtime import Runtime
from validators.document import format_time


@view_config(route_name="health.alive", request_method="GET", permission="health:read")
def alive(request: Request) -> Response:
    """200 as long as requests are answered at all."""
    return _json(200, {"status": "alive"})


@view_config(route_name="health.ready", request_method="GET", permission="health:read")
def ready(request: Request) -> Response:
    """200 where everything works, else 503 naming what does not."""
    runtime: Runtime = request.registry[Runtime]
    health = runtime.health()
    followers = {
        lag.follower: {"behind": lag.rows, "failures": lag.failures, "stepped_over": lag.stepped_over}
        for lag in health.lags
    }
    # What is wrong with anchors and revocation lists is told and keeps nothing from working: the good ones
    # from before are in force.
    trust = [{"code": one.code, "file": one.file, "message": one.message} for one in runtime.trust_faults()]
    # Nor does a mail server that is down: mail waits for it.
    mail = {"state": runtime.mail.health.state}
    # Nor does what only words or queries need.
    degraded = dict(health.degraded)
    body: dict[str, object] = {"followers": followers, "degraded": degraded, "trust": trust, "mail": mail}
    if health.holding is not None:
        body["background"] = {
            "here": runtime.background.is_here,
            "node": health.holding.node,
            "since": format_time(health.holding.since),
            "term": health.holding.term,
        }
    if health.publishing is not None:
        # A site that cannot publish still answers its users.
        body["federation"] = asdict(health.publishing)
    if health.faults:
        return _json(503, {"status": "unavailable", "reasons": health.faults, **body})
    return _json(200, {"status": "ready", **body})


def _json(status: int, body: dict[str, object]) -> Response:
    response = Response(json.dumps(body).encode(), status=status, content_type="application/json")
    response.headerlist.append(("Cache-Control", "no-store"))
    if status == 503:
        response.headerlist.append(("Retry-After", "5"))
    return response
