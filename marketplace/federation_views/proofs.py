"""Receipts of entries, and digests of what a log holds."""

from __future__ import annotations

import json
import re
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.federation.digests import MAX_LISTED, SetDigests
from marketplace.federation.errors import NotPublishedError
from marketplace.federation.proofs import prove_entry
from marketplace.http.errors import BadRequestError, NotFoundError
from marketplace.http.parameters import read_query

from .answers import NO_CACHE, NO_STORE, Headers, answer, federation_of, log_of, plain, reading

_ENTRY_ID = re.compile("[0-9a-f]{64}")
#: Digits by which a log's entries are divided, and each part once more.
_SHORT, _LONG = 2, 4


@view_config(route_name="fed.proof", request_method="GET", permission="log:read")
def proof(request: Request) -> Response:
    """The proof that an entry is in a log; 202 while no checkpoint covers it."""
    entry_id = request.matchdict["id"]
    with reading(request) as feed:
        log = log_of(request, feed)
        try:
            found = prove_entry(feed, log, entry_id)
        except NotPublishedError as error:
            body = json.dumps({"code": error.code, "detail": str(error)}).encode()
            return plain(body, "application/json", [NO_STORE, ("Retry-After", "1")], 202)
    headers = [
        NO_CACHE,
        ("Vary", "Authorization"),
        ("Content-Disposition", f'attachment; filename="{entry_id}.tlog-proof"'),
    ]
    return plain(found.to_bytes(), "text/plain; charset=utf-8", headers)


@view_config(route_name="fed.digest", request_method="GET", permission="log:read")
def digest(request: Request) -> Response:
    """The digest of a log's entries, and of its parts by the first two digits of the ids."""
    service = federation_of(request).digests
    with reading(request) as feed:
        found = service.digests(feed.session, log_of(request, feed))
    return _digests(request, found)


@view_config(route_name="fed.digest.part", request_method="GET", permission="log:read")
def digest_part(request: Request) -> Response:
    """The digest of a part, and of its parts by the first four digits."""
    prefix = request.matchdict["prefix"]
    if len(prefix) != _SHORT:
        raise _no_part()
    service = federation_of(request).digests
    with reading(request) as feed:
        found = service.part(feed.session, log_of(request, feed), prefix)
    return _digests(request, found)


@view_config(route_name="fed.digest.ids", request_method="GET", permission="log:read")
def digest_ids(request: Request) -> Response:
    """The ids that begin with four digits."""
    prefix, longer = request.matchdict["prefix"], request.matchdict["longer"]
    after = read_query(request).get("after", "")
    if after and not _ENTRY_ID.fullmatch(after):
        raise BadRequestError("query.after", "after is an entry id: 64 hex digits in lower case")
    if (len(prefix), len(longer)) != (_SHORT, _LONG) or not longer.startswith(prefix):
        raise _no_part()
    service = federation_of(request).digests
    with reading(request) as feed:
        ids = service.entry_ids(feed.session, log_of(request, feed), longer, after)
    more = {"after": ids[-1]} if len(ids) == MAX_LISTED else {}
    return answer(request, json.dumps({"ids": ids, **more}).encode(), "application/json", [NO_CACHE])


def _digests(request: Request, found: SetDigests) -> Response:
    tag = f'"{found.whole.digest}"'
    headers: Headers = [("ETag", tag), NO_CACHE]
    given = request.environ.get("HTTP_IF_NONE_MATCH")
    if given is not None and (given == tag or tag[1:-1] in request.if_none_match):
        return Response(status=304, headerlist=headers, app_iter=())
    body: dict[str, Any] = {
        "digest": found.whole.digest,
        "count": found.whole.count,
        "parts": {prefix: part.digest for prefix, part in found.parts.items()},
    }
    packed = json.dumps(body, separators=(",", ":")).encode()
    return answer(request, packed, "application/json", headers)


def _no_part() -> NotFoundError:
    return NotFoundError("federation.part", "a digest has a prefix of two or four digits of an id")
