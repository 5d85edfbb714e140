"""What a site counts about itself, in the text form that Prometheus reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CollectorRegistry, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

if TYPE_CHECKING:
    from marketplace.sites.site import Site

_PREFIX = "marketplace_site_"


class SiteMetrics:
    """Gauges made at the moment they are asked for."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._registry = CollectorRegistry()
        self._registry.register(self)
        #: Bytes that came from locations.
        self.bytes_moved = 0
        #: Answers by outcome.
        self.answered: Counter[str] = Counter()
        #: Things that went wrong in this process, by kind.
        self.faults: Counter[str] = Counter()
        #: Wall clock of the last proof that libvirt calls the hook; 0 where there is none.
        self.hook_proven = 0.0

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        site = self._site
        now = site.wall()
        copies = _gauge("copies", "Copies of images.", "store", "state")
        for (store, state), count in Counter(
            (one.store, one.state.value) for one in site.state.copies.all()
        ).items():
            copies.add_metric([store, state], count)
        yield copies
        heard = _gauge(
            "heard_seconds", "Since a marketplace was heard and proved sameness or progress.", "url"
        )
        contradicts = _gauge("contradicts", "1 where a marketplace contradicts what it said before.", "url")
        skew = _gauge("clock_skew_seconds", "A marketplace's clock minus ours.", "url")
        for one in site.followers:
            heard.add_metric([one.table.url], now - one.heard if one.heard else float("inf"))
            contradicts.add_metric([one.table.url], one.followed.fault is not None)
            if one.reader.clock_offset is not None:
                skew.add_metric([one.table.url], one.reader.clock_offset)
        yield from (heard, contradicts, skew)
        answers = _gauge("answers", "Answers given since the start.", "outcome")
        for outcome, count in self.answered.items():
            answers.add_metric([outcome], count)
        yield answers
        faults = _gauge("faults", "What went wrong since the start.", "kind")
        for kind, count in self.faults.items():
            faults.add_metric([kind], count)
        yield faults
        for name, meaning, value in (
            ("images", "Images of which something is known.", len(site.verdicts.latest)),
            ("images_allowed", "Images from which a machine may start.", _allowed(site)),
            ("fresh_seconds", "Until what is known is too old.", site.fresh_until() - now),
            ("verdicts_age_seconds", "Since the answers were made.", now - site.answers.made),
            ("hooks_owed", "Events that hooks were not told of yet.", site.outbox.count()),
            ("receipts_owed", "Receipts that marketplaces were not sent yet.", site.receipts.count()),
            ("fetched_bytes", "Bytes that came from locations since the start.", self.bytes_moved),
            ("hook_proven_seconds", "Since libvirt was seen to call the hook.", self._since_proof(now)),
        ):
            gauge = _gauge(name, meaning)
            gauge.add_metric([], value)
            yield gauge

    def _since_proof(self, now: float) -> float:
        return now - self.hook_proven if self.hook_proven else float("inf")


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, meaning, labels=labels)


def _allowed(site: Site) -> int:
    return sum(one.allowed for one in list(site.verdicts.latest.values()))
