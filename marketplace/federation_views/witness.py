"""Cosigning the checkpoints of others, and telling the newest one of each."""

from __future__ import annotations

import json
from hashlib import sha256

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.federation.errors import (
    SizeConflictError,
    UnknownOriginError,
)
from marketplace.http.errors import NotFoundError, TooLargeError
from marketplace.http.parameters import read_query
from marketplace.tlog.proof import MAX_PROOF

from .answers import NO_CACHE, NO_STORE, answer, federation_of, plain

_TEXT = "text/plain; charset=utf-8"
_SIZE = "text/x.tlog.size"


@view_config(route_name="fed.witness.add", request_method="POST", permission="log:witness")
def add_checkpoint(request: Request) -> Response:
    """Cosign a checkpoint that continues the one cosigned before."""
    witness = federation_of(request).witness
    data: bytes = request.environ["wsgi.input"].read(MAX_PROOF + 1)
    if len(data) > MAX_PROOF:
        raise TooLargeError(MAX_PROOF)
    try:
        lines = witness.add_checkpoint(data)
    except SizeConflictError as error:
        return plain(f"{error.size}\n".encode(), _SIZE, [NO_STORE], 409)
    return plain(lines, _TEXT, [NO_STORE])


@view_config(route_name="fed.witness.heads", request_method="GET", permission="log:read")
def heads(request: Request) -> Response:
    """The newest heads that were seen here of the public logs that this site follows."""
    notes = federation_of(request).witness.heads()
    body = json.dumps({"heads": [note.decode() for note in notes]}).encode()
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = [("ETag", tag), NO_CACHE]
    if request.environ.get("HTTP_IF_NONE_MATCH") is not None and tag[1:-1] in request.if_none_match:
        return Response(status=304, headerlist=[*headers, ("Vary", "Authorization")], app_iter=())
    return answer(request, body, "application/json", headers)


@view_config(route_name="fed.witness.latest", request_method="GET", permission="log:witness")
def latest_epoch(request: Request) -> Response:
    """The newest head that was cosigned here of the newest epoch of a log."""
    first = read_query(request).get("origin", "")
    note = federation_of(request).witness.newest_epoch(first)
    if note is None:
        raise NotFoundError(UnknownOriginError.code, "this site has cosigned no checkpoint of this log")
    return plain(note, _TEXT, [NO_CACHE])


@view_config(route_name="fed.witness.checkpoint", request_method="GET", permission="log:witness")
def newest_checkpoint(request: Request) -> Response:
    """The newest head of a log that was cosigned here."""
    note = federation_of(request).witness.newest(request.matchdict["digest"])
    if note is None:
        raise NotFoundError(UnknownOriginError.code, "this site has cosigned no checkpoint of this log")
    return plain(note, _TEXT, [("Cache-Control", "public, max-age=10")])
