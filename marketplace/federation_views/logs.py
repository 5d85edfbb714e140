"""The published logs: what this site offers, each log's head, leaves, tiles and bodies."""

from __future__ import annotations

import json
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.access import PUBLIC
from marketplace.federation.head import Head
from marketplace.federation.published_logs import MAX_BODIES, MAX_IDS, MAX_PAGE, stream_bodies
from marketplace.http.parameters import read_query, whole_number
from marketplace.http.responses import head_response
from marketplace.runtime import Runtime

from .answers import (
    BINARY,
    NO_CACHE,
    answer,
    federation_of,
    immutable,
    log_of,
    plain,
    reading,
    tile_name,
)

#: Versions of this protocol that are spoken here.
VERSIONS = (1,)

_LINES = "application/x-ndjson"
_MOST = 2**63 - 1


@view_config(route_name="fed.description", request_method="GET", permission="log:read")
def description(request: Request) -> Response:
    """Who this site is, and the logs that the one who asks may read."""
    keys = federation_of(request).keys
    with reading(request) as feed:
        logs = feed.logs()
    body: dict[str, Any] = {
        "versions": VERSIONS,
        "origin": keys.site,
        "epoch": next((log.epoch for log in logs if log.name == PUBLIC), None),
        "keys": {
            "log": str(keys.log.verifier),
            "auth": str(keys.auth.verifier),
            "witness": str(keys.witness),
        },
        "limits": {"changes": MAX_PAGE, "ids": MAX_IDS, "bodies": MAX_BODIES},
        "logs": [
            {
                "log": log.slug,
                "name": log.name,
                "origin": log.origin,
                "epoch": log.epoch,
                "key": str(keys.verifier(log.origin)),
            }
            for log in logs
        ],
    }
    return answer(request, json.dumps(body).encode(), "application/json", [NO_CACHE])


@view_config(route_name="fed.checkpoint", request_method="GET", permission="log:read")
def checkpoint(request: Request) -> Response:
    """A log's newest signed head."""
    with reading(request) as feed:
        log = log_of(request, feed)
        note = feed.checkpoint(log)
    return head_response(request.environ, Head(log.size, log.root, note), is_public=log.name == PUBLIC)


@view_config(route_name="fed.changes", request_method="GET", permission="log:read")
def changes(request: Request) -> Response:
    """A page of a log's leaves, one a line."""
    query = read_query(request)
    since = whole_number("since", query.get("since", "0"), least=0, most=_MOST)
    limit = whole_number("limit", query.get("limit", str(MAX_PAGE)), least=1, most=MAX_PAGE)
    with reading(request) as feed:
        log = log_of(request, feed)
        leaves = feed.leaves(log, since, limit)
    headers = [NO_CACHE, ("X-Log-Size", str(log.size))]
    following = since + len(leaves)
    if leaves and following < log.size:
        headers.append(("Link", f'<?since={following}&limit={limit}>; rel="next"'))
    return answer(request, b"".join(leaf + b"\n" for leaf in leaves), _LINES, headers)


@view_config(route_name="fed.tile", request_method="GET", permission="log:read")
def tile(request: Request) -> Response:
    """A tile of a log's tree."""
    name = tile_name(request)
    with reading(request) as feed:
        log = log_of(request, feed)
        data = feed.tile(log, int(request.matchdict["level"]), name)
    return plain(data, BINARY, [immutable(log), ("Vary", "Authorization")])


@view_config(route_name="fed.entries", request_method="GET", permission="log:read")
def entries(request: Request) -> Response:
    """The leaves of a bundle."""
    name = tile_name(request)
    with reading(request) as feed:
        log = log_of(request, feed)
        data = feed.entry_bundle(log, name)
    return answer(request, data, BINARY, [immutable(log)])


@view_config(route_name="fed.bodies.bundle", request_method="GET", permission="log:read")
def body_bundle(request: Request) -> Response:
    """The bodies of a bundle."""
    name = tile_name(request)
    runtime: Runtime = request.registry[Runtime]
    with reading(request) as feed:
        log = log_of(request, feed)
        keys = feed.body_keys(log, name)
    return answer(request, stream_bodies(runtime.database, keys), BINARY, [immutable(log)])
