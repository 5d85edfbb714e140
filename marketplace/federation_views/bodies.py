"""Bodies by the ids of their entries."""

from __future__ import annotations

import json
import re

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.federation.published_logs import MAX_IDS
from marketplace.http.errors import BadRequestError, TooLargeError

from .answers import BINARY, NO_STORE, answer, reading

#: An id in quotes with comma, space and line end.
_MAX_REQUEST = MAX_IDS * 72 + 64
_ENTRY_ID = re.compile("[0-9a-f]{64}")


@view_config(route_name="fed.bodies", request_method="POST", permission="log:read")
def bodies(request: Request) -> Response:
    """The bodies that this reader may have: each behind its id (32 bytes) and its length (4 bytes)."""
    wanted = read_ids(request)
    with reading(request) as feed:
        found = feed.bodies(wanted)
    parts = [bytes.fromhex(body.entry_id) + len(body.data).to_bytes(4) + body.data for body in found.found]
    # Tells of the request's end only, so it gives nothing away about ids that were not found.
    left = [("X-Ids-Left", str(found.left))] if found.left else []
    # Only of leaves that this reader sees: there the entry's id stands for ever.
    erased = [("X-Ids-Erased", ",".join(map(str, found.erased)))] if found.erased else []
    return answer(request, b"".join(parts), BINARY, [NO_STORE, *left, *erased])


def read_ids(request: Request) -> list[str]:
    """The entry ids in the request's body.

    Raises:
        BadRequestError: it is no JSON list of at most MAX_IDS entry ids.
        TooLargeError: it is longer than such a list.
    """
    data: bytes = request.environ["wsgi.input"].read(_MAX_REQUEST + 1)
    if len(data) > _MAX_REQUEST:
        raise TooLargeError(_MAX_REQUEST)
    try:
        ids = json.loads(data)
    except (ValueError, RecursionError):
        ids = None
    if not isinstance(ids, list) or len(ids) > MAX_IDS:
        raise BadRequestError("bodies.ids", f"the body must be a JSON list of at most {MAX_IDS} entry ids")
    if not all(isinstance(one, str) and _ENTRY_ID.fullmatch(one) for one in ids):
        raise BadRequestError("bodies.ids", "an entry id has 64 hex digits in lower case")
    return ids
