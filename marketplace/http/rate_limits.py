"""How often one address may ask for what costs much: uploads with their proofs, and queries."""

from __future__ import annotations

from enum import Enum

from pyramid.config import Configurator
from pyramid.request import Request

from marketplace.limits import RateLimit, network_of
from marketplace.runtime import Runtime

from .credentials import too_many


class Turn(Enum):
    """What turns are counted for; the value is the code of the refusal."""

    UPLOAD = "limit.uploads"
    QUERY = "limit.queries"


_NAMES = {
    Turn.UPLOAD: "too many uploads and checks from this address",
    Turn.QUERY: "too many queries and drafts from this address",
}


def take_turn(request: Request, turn: Turn) -> None:
    """Count an act of the address of a request, before anything is done for it.

    Raises:
        HttpError: 429 where there were too many.
    """
    limit: RateLimit = request.registry[turn]
    wait = limit.take(network_of(request.environ.get("REMOTE_ADDR", "")))
    if wait:
        raise too_many(turn.value, _NAMES[turn], wait)


def includeme(config: Configurator) -> None:
    """Set up the counters of requests."""
    runtime: Runtime = config.registry[Runtime]
    limits = runtime.settings.limit
    config.registry[Turn.UPLOAD] = runtime.limits.open("uploads", limits.uploads)
    config.registry[Turn.QUERY] = runtime.limits.open("queries", limits.queries)
