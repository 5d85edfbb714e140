"""The operator's overview: what this process holds and whether its followers keep up. Nothing private."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config
from sqlalchemy.exc import SQLAlchemyError

from marketplace.access import PUBLIC
from marketplace.background import Holding
from marketplace.changes import ChangeLog, Cursors, LogNotFoundError
from marketplace.entries import EntryQuery, StatusFilter, VisibleEntries
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from marketplace.worker import Lag
from validators.document import format_time

from .display import grouped, plural
from .rendering import page

#: What followers are for, by the beginning of their names.
_PURPOSES = {
    "conflicts": "entries that contradict each other",
    "search": "search index",
    "sparql": "SPARQL queries",
    "verdicts": "trust evaluation",
}
_MAIL = {"off": "off", "ok": "is sent", "failing": "waits: the mail server cannot be reached"}
_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True, slots=True)
class FollowerState:
    """How far a follower of the public log is."""

    name: str
    purpose: str
    position: str
    state: str
    keeps_up: bool


@view_config(route_name="web.status", request_method="GET", permission="site:read")
def status(request: Request) -> Response:
    """Sizes, lags, states and versions. Of logs only the public one: others are nobody's business."""
    runtime: Runtime = request.registry[Runtime]
    health = runtime.health()
    values: dict[str, Any] = {
        "faults": health.faults,
        "degraded": health.degraded,
        "versions": _versions(runtime),
    }
    try:
        values |= _stored(request, runtime, health.lags)
    except (SQLAlchemyError, LogNotFoundError, OSError):
        # This page is read above all when something is broken; what is, the faults say.
        values |= {"counts": (), "followers": (), "holding": ()}
    response = page(request, "status", values, 503 if health.faults else 200)
    if health.faults:
        response.headerlist.append(("Retry-After", "5"))
    return response


def _stored(request: Request, runtime: Runtime, lags: Sequence[Lag]) -> dict[str, Any]:
    with runtime.database.read() as session:
        visible = VisibleEntries(session, principal_of(request), runtime.list_caches)
        listed = {
            found: visible.list(EntryQuery(runtime.now(), found, limit=0)).total for found in StatusFilter
        }
        size = ChangeLog(session).size(PUBLIC)
        holding = runtime.background.holding(session)
        cursors = Cursors(session)
        followers = [_follower(lag, size, cursors.position(lag.follower, PUBLIC)) for lag in lags]
    counts = [
        ("Entries in the log", grouped(size)),
        *(
            (f"Listed as {found.value}", grouped(n))
            for found, n in listed.items()
            if found != StatusFilter.ALL
        ),
        ("Entries kept in memory", grouped(runtime.entry_cache.size()[0])),
    ]
    return {"counts": counts, "followers": followers, "holding": _background_lines(runtime, holding)}


def _background_lines(runtime: Runtime, holding: Holding) -> list[tuple[str, str]]:
    """Who does the background work, for the operator of several processes."""
    if not runtime.background.is_done:
        return [("Background jobs run in", "no process")]
    where = f"{holding.node} (this process)" if runtime.background.is_here else holding.node
    return [
        ("Background jobs run in", where),
        ("Since", format_time(holding.since)),
        ("Earlier processes with these jobs", grouped(holding.term - 1)),
    ]


def _follower(lag: Lag, size: int, position: int) -> FollowerState:
    behind = max(0, size - position)
    purpose = _PURPOSES[lag.follower.partition(":")[0]]
    state = plural(behind, "entry behind", "entries behind") if behind else "up to date"
    if lag.failures:
        state = f"{state}, failed {plural(lag.failures, 'time')} in a row: {lag.reason}"
    if lag.stepped_over:
        state = f"{state}, skipped {plural(lag.stepped_over, 'entry', 'entries')}"
    return FollowerState(lag.follower, purpose, grouped(position), state, not behind and not lag.failures)


def _versions(runtime: Runtime) -> list[tuple[str, str]]:
    settings = runtime.settings
    database = runtime.database.engine.dialect
    return [
        ("Marketplace", _version("image-marketplace")),
        ("Python", platform.python_version()),
        ("Database", _DATABASES.get(database.name, database.name)),
        ("Word search", settings.search.engine),
        ("SPARQL", "on" if settings.query.enabled else "off"),
        *_replica(runtime),
        ("Mail", _MAIL[runtime.mail.health.state]),
        ("Legacy signatures", "taken in" if settings.upload.legacy == "accept" else "refused"),
    ]


def _replica(runtime: Runtime) -> list[tuple[str, str]]:
    if runtime.replica is None:
        return []
    state = runtime.replica.state()
    if state.lag is None:
        return [("Read replica", "does not answer")]
    used = "answers readers" if state.used else "is behind, the primary answers"
    return [("Read replica", f"{used} ({state.lag:.1f} s behind)")]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
