"""What a process counts about itself, in a registry of its own.

Labels take values from small fixed sets only: names of routes, methods we
answer, statuses, codes of rules. Nothing that a client writes becomes one.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

#: Seconds; a remembered entry takes a tenth of the first, a search over everything the last.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"})


class Metrics:
    """The instruments of one process. Cheap, and safe to use from any thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "marketplace_http_request_seconds",
            "Time to answer a request, the sending of a streamed list left out.",
            ["route", "method", "status"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._uploads = Counter(
            "marketplace_uploads",
            "Uploads that reached acceptance, by what became of them and the rule that refused them.",
            ["outcome", "code"],
            registry=self.registry,
        )
        self._reads = Counter(
            "marketplace_reads",
            "Reading transactions that the replica might have answered, by which server did.",
            ["server"],
            registry=self.registry,
        )
        # What concerns groups, or may, is told to administrators only.
        self.private_registry = CollectorRegistry()
        self._mails = Counter(
            "marketplace_mails",
            "Attempts to send a mail, by what became of it: sent, delayed or dead.",
            ["outcome"],
            registry=self.private_registry,
        )
        self._deliveries = Counter(
            "marketplace_webhook_deliveries",
            "Attempts to tell a webhook of an event, by what became of it: sent, delayed or dead.",
            ["outcome"],
            registry=self.private_registry,
        )
        self._private_uploads = Counter(
            "marketplace_private_uploads",
            "Uploads to groups, by what became of them and the rule that refused them.",
            ["outcome", "code"],
            registry=self.private_registry,
        )
        self._private_requests = Histogram(
            "marketplace_private_request_seconds",
            "Time to answer a request of somebody with credentials.",
            ["route", "method", "status"],
            buckets=BUCKETS,
            registry=self.private_registry,
        )
        # Looking a child up by its labels costs more than counting: each is looked up once.
        self._timed: dict[tuple[str, str, int], Histogram] = {}
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request.

        Args:
            route: name in the table of routes; ``none`` where no route matched.
            seconds: from its arrival in the application to its answer.
        """
        key = route, method, status
        timed = self._timed.get(key)
        if timed is None:
            timed = self._add_timed(key)
        timed.observe(seconds)

    def count_upload(self, outcome: str, code: str = "") -> None:
        """Count an upload.

        Args:
            outcome: created, unchanged, refused or failed.
            code: of the rule that refused it, or of the failure.
        """
        self._uploads.labels(outcome, code).inc()

    def count_delivery(self, outcome: str) -> None:
        """Count an attempt to tell a webhook of an event."""
        self._deliveries.labels(outcome).inc()

    def count_read(self, server: str) -> None:
        """Count a reading transaction of a request: of the primary, or the replica."""
        self._reads.labels(server).inc()

    def count_mail(self, outcome: str) -> None:
        """Count an attempt to send a mail: sent, delayed or dead."""
        self._mails.labels(outcome).inc()

    def count_private_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request that showed credentials: see ``count_request``."""
        known = method if method in _METHODS else "other"
        self._private_requests.labels(route, known, str(status)).observe(seconds)

    def count_private_upload(self, outcome: str, code: str = "") -> None:
        """Count an upload to a group: see ``count_upload``."""
        self._private_uploads.labels(outcome, code).inc()

    def _add_timed(self, key: tuple[str, str, int]) -> Histogram:
        route, method, status = key
        known = method if method in _METHODS else "other"
        timed = self._requests.labels(route, known, str(status))
        # A method is any text of the client's: only the known ones may fill this table.
        if known == method:
            self._timed[key] = timed
        return timed
