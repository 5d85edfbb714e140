"""``GET /metrics``: the process and the public log in figures, for Prometheus.

Figures of other logs would tell who may not read them that something was added,
so only the public one is shown. Requests with credentials and uploads to groups
are counted apart, for administrators.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config
from sqlalchemy.exc import SQLAlchemyError

from marketplace.access import Principal, Scope
from marketplace.changes import PUBLIC, ChangeLog, Cursors, LogNotFoundError
from marketplace.entries.cache import EntryCache
from marketplace.http.security import principal_of
from marketplace.mail import Outbox
from marketplace.runtime import Runtime
from marketplace.usage import UsageRecorder, UseKind

from .peer_metrics import peer_metrics


@view_config(route_name="metrics", request_method="GET", permission="metrics:read")
def metrics(request: Request) -> Response:
    """All figures, in the format the scraper prefers."""
    runtime: Runtime = request.registry[Runtime]
    encode, content_type = choose_encoder(request.environ.get("HTTP_ACCEPT", ""))
    body = encode(_Everything(runtime, principal_of(request)))
    return Response(headerlist=[("Content-Type", content_type), ("Cache-Control", "no-store")], body=body)


class _Everything:
    """The counted figures, and those that are looked up now."""

    def __init__(self, runtime: Runtime, principal: Principal) -> None:
        self._runtime = runtime
        self._registries = [runtime.metrics.registry]
        self._private = Scope.ADMIN in principal.scopes
        if self._private:
            self._registries.append(runtime.metrics.private_registry)

    def collect(self) -> Iterator[Metric]:
        for metric in (one for registry in self._registries for one in registry.collect()):
            # The library adds when each series began, under names that read like counts of what was created.
            metric.samples = [one for one in metric.samples if not one.name.endswith("_created")]
            yield metric
        yield from _cache(self._runtime.entry_cache)
        yield from _replica(self._runtime)
        yield from _usage(self._runtime.usage, private=self._private)
        yield GaugeMetricFamily(
            "marketplace_trust_faults",
            "What is wrong with anchors, revocation lists and allow-list; /readyz names each.",
            value=len(self._runtime.trust_faults()),
        )
        try:
            log = [
                *_log(self._runtime),
                *_mail(self._runtime),
                *peer_metrics(self._runtime),
                *_background(self._runtime),
            ]
        except (SQLAlchemyError, LogNotFoundError, OSError):
            # Figures must come also, and above all, when the database does not.
            log = []
        yield GaugeMetricFamily(
            "marketplace_database_up", "1 where the database answers, else 0.", value=1 if log else 0
        )
        yield from log


def _cache(cache: EntryCache) -> Iterator[Metric]:
    entries, held = cache.size()
    yield GaugeMetricFamily("marketplace_entry_cache_entries", "Entries in memory.", value=entries)
    yield GaugeMetricFamily("marketplace_entry_cache_bytes", "Bytes they are counted with.", value=held)
    yield CounterMetricFamily(
        "marketplace_entry_cache_hits", "Look-ups that memory answered.", value=cache.hits
    )
    yield CounterMetricFamily(
        "marketplace_entry_cache_misses", "Look-ups that memory could not answer.", value=cache.misses
    )


def _usage(usage: UsageRecorder, *, private: bool) -> Iterator[Metric]:
    """What was used, in all: a few series, however many entries there are."""
    totals = usage.totals()
    told = [("marketplace_usage", "Uses without credentials, by kind.", False)]
    if private:
        told.append(
            ("marketplace_private_usage", "Uses by people and programs with credentials, by kind.", True)
        )
    for name, meaning, known in told:
        uses = CounterMetricFamily(name, meaning, labels=["kind"])
        imports = (UseKind.IMPORT,) if known else ()  # nobody sends a receipt without a token
        for kind in (UseKind.VERDICT, UseKind.DOWNLOAD, UseKind.DOCUMENT, *imports):
            uses.add_metric([kind.value], totals.get((kind, known), 0))
        yield uses
    yield CounterMetricFamily(
        "marketplace_usage_lost",
        "Uses that are in no sum: the database took nothing for long, or very much was asked for.",
        value=usage.lost,
    )


def _replica(runtime: Runtime) -> Iterator[Metric]:
    if runtime.replica is None:
        return
    state = runtime.replica.state()
    yield GaugeMetricFamily("marketplace_replica_up", "1 where the replica answers.", value=int(state.up))
    yield GaugeMetricFamily(
        "marketplace_replica_used", "1 where the replica answers readers, else 0.", value=int(state.used)
    )
    if state.lag is not None:
        yield GaugeMetricFamily(
            "marketplace_replica_lag_seconds", "How far the replica is behind the primary.", value=state.lag
        )


def _mail(runtime: Runtime) -> Iterator[Metric]:
    with runtime.database.read() as session:
        counts = Outbox(session).counts()
    oldest = 0.0 if counts.oldest is None else (runtime.now() - counts.oldest).total_seconds()
    yield GaugeMetricFamily(
        "marketplace_mail_waiting", "Mails about the public log that wait to be sent.", value=counts.waiting
    )
    yield GaugeMetricFamily(
        "marketplace_mail_waiting_seconds", "How long the oldest of them has waited.", value=max(0.0, oldest)
    )
    yield GaugeMetricFamily(
        "marketplace_mail_dead", "Mails about the public log that were given up.", value=counts.dead
    )
    yield GaugeMetricFamily(
        "marketplace_mail_failing",
        "1 where this process cannot reach the mail server, else 0.",
        value=int(runtime.mail.health.state == "failing"),
    )


def _background(runtime: Runtime) -> Iterator[Metric]:
    with runtime.database.read() as session:
        holding = runtime.background.holding(session)
    background = runtime.background
    yield GaugeMetricFamily(
        "marketplace_background_here",
        "1 where this process does the background work, else 0: the sum over all processes is 1.",
        value=int(background.is_here),
    )
    yield GaugeMetricFamily(
        "marketplace_background_done",
        "1 where some process does the background work.",
        int(background.is_done),
    )
    yield GaugeMetricFamily(
        "marketplace_background_since_seconds",
        "When the process that does the background work began, in seconds since 1970.",
        value=holding.since.timestamp(),
    )
    yield CounterMetricFamily(
        "marketplace_background_takeovers",
        "How often another process began to do the background work than before.",
        value=max(0, holding.term - 1),
    )


def _log(runtime: Runtime) -> Iterator[Metric]:
    lags = runtime.following.lags()
    with runtime.database.read() as session:
        size = ChangeLog(session).size(PUBLIC)
        positions = {lag.follower: Cursors(session).position(lag.follower, PUBLIC) for lag in lags}
    yield GaugeMetricFamily("marketplace_log_entries", "Rows of the public log.", value=size)
    position = GaugeMetricFamily(
        "marketplace_follower_position",
        "Row of the public log that a follower wants next.",
        labels=["follower"],
    )
    behind = GaugeMetricFamily(
        "marketplace_follower_lag_entries",
        "Rows of the public log that a follower has not processed.",
        labels=["follower"],
    )
    failures = GaugeMetricFamily(
        "marketplace_follower_failures", "Failed attempts of a follower in a row.", labels=["follower"]
    )
    stepped_over = CounterMetricFamily(
        "marketplace_follower_stepped_over",
        "Rows that a follower could not process and skipped.",
        labels=["follower"],
    )
    for lag in lags:
        stepped_over.add_metric([lag.follower], lag.stepped_over)
        position.add_metric([lag.follower], positions[lag.follower])
        behind.add_metric([lag.follower], max(0, size - positions[lag.follower]))
        failures.add_metric([lag.follower], lag.failures)
    yield from (position, behind, failures, stepped_over)
