"""What a process stores and remembers, and by what it judges certificates: nothing here answers anybody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from marketplace.catalogue.snapshot import LEAST_ROWS, CatalogueSnapshot
from marketplace.changes import BulkImports
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.entries import ListCaches
from marketplace.entries.cache import EntryCache
from marketplace.federation.keys import SiteKeys, load_keys
from marketplace.ingest.current_refresh import CurrentRefresh
from marketplace.ingest.filter_refresh import FilterRefresh
from marketplace.ingest.site_filter import SiteFilter
from marketplace.metrics import Metrics
from marketplace.moments import utc_now
from marketplace.replica import Replica
from marketplace.runtime.parts import RunningPart
from marketplace.runtime.signals import Signals
from marketplace.shared_limits import SharedLimits
from marketplace.trust import TrustService, TrustStore, VerdictService, open_store
from marketplace.trust.stored_crls import StoredCrls
from validators.document import Signer


@dataclass(frozen=True, slots=True)
class Storage:
    """What everything else stands on; see ``Runtime`` for the members that it has too.

    Args:
        keys: of this site among its peers; None where it has none.
        current_refresh: works out anew which entries are current.
        site_filter: which entries this site shows.
        filter_refresh: applies that filter to what is stored.
        bulk_imports: followers go slower while one is in progress.
    """

    database: Database
    keys: SiteKeys | None
    metrics: Metrics
    limits: SharedLimits
    replica: Replica | None
    entry_cache: EntryCache
    list_caches: ListCaches
    snapshot: CatalogueSnapshot
    trust_store: TrustStore
    trust: TrustService
    current_refresh: CurrentRefresh
    verdicts: VerdictService
    site_filter: SiteFilter
    filter_refresh: FilterRefresh
    bulk_imports: BulkImports

    def parts(self) -> Iterator[RunningPart]:
        """The parts that run, in the order in which they start."""
        yield RunningPart(stop=self.database.close)
        yield RunningPart(start=self.limits.start, stop=self.limits.stop)
        if self.replica is not None:
            yield RunningPart(start=self.replica.start, stop=self.replica.stop)


def open_storage(settings: Settings, signals: Signals) -> Storage:
    """Open what a process stores and remembers; nothing runs yet.

    Raises:
        KeysError: the site's keys cannot be used.
    """
    database = Database.open(settings.database_url)
    metrics = Metrics()
    url = settings.database.read_url
    counted = settings.limit.counted
    together = counted == "together" or (counted == "auto" and settings.role == "web")
    lists = ListCaches()
    trust_store = open_store(settings.trust, StoredCrls(database))
    trust = TrustService(trust_store)
    current_refresh = CurrentRefresh(database)
    site_filter = SiteFilter(settings.federation.accept, partial(_standing, trust))
    replica = None if url is None else Replica(database, url, settings.database.read_lag, metrics)
    signals.store_changed.connect(database.on_write)
    return Storage(
        database=database,
        keys=load_keys(settings.data),
        metrics=metrics,
        limits=SharedLimits(database if together else None),
        replica=replica,
        entry_cache=EntryCache(settings.cache.entry_bytes),
        list_caches=lists,
        snapshot=CatalogueSnapshot(database, lists.catalogue, settings.data, least=LEAST_ROWS),
        trust_store=trust_store,
        trust=trust,
        current_refresh=current_refresh,
        verdicts=VerdictService(database, trust_store, trust, utc_now, current_refresh.refresh),
        site_filter=site_filter,
        filter_refresh=FilterRefresh(database, site_filter),
        bulk_imports=BulkImports(),
    )


def _standing(trust: TrustService, signer: Signer) -> str:
    return trust.verdict(signer, utc_now()).standing.value
