"""What answers readers: searches, lists, queries, verdicts and views, and what a process follows for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from marketplace.accounts import AccessService
from marketplace.config import Settings
from marketplace.conflicts import ConflictFollower, ConflictNotices
from marketplace.db import Database
from marketplace.entries.cache_invalidation import CacheInvalidation
from marketplace.federation.keys import derive_key
from marketplace.following import CommonFollowers, Following
from marketplace.judging.service import ImageJudge
from marketplace.moments import utc_now
from marketplace.oidc import REDIRECT_PATH
from marketplace.presence import ReceiptService
from marketplace.rules.trust import ListedTrust
from marketplace.runtime.parts import RunningPart
from marketplace.runtime.signals import Signals
from marketplace.runtime.storage import Storage
from marketplace.search.engines import open_engine
from marketplace.search.indexer import SearchIndexer
from marketplace.search.service import SearchService
from marketplace.sparql.service import QueryService, query_service
from marketplace.trust.follower import VerdictFollower
from marketplace.usage import ImageUsage, UsageRecorder
from marketplace.views.reading import ImageReader
from marketplace.views.selector import Selector
from marketplace.views.service import ViewService
from marketplace.views.signing import SigningKeys
from marketplace.watch import WatchService

if TYPE_CHECKING:
    from marketplace.oidc.service import SignInService


@dataclass(frozen=True, slots=True)
class Reading:
    """What answers readers; see ``Runtime`` for the members that it has too.

    Args:
        common: the followers that run in one process at a time.
    """

    search: SearchService
    queries: QueryService | None
    judge: ImageJudge
    watch: WatchService
    views: ViewService
    usage: UsageRecorder
    image_usage: ImageUsage
    receipts: ReceiptService
    access: AccessService
    sign_in: SignInService | None
    common: CommonFollowers
    following: Following

    def parts(self) -> Iterator[RunningPart]:
        """The parts that run, in the order in which they start."""
        yield RunningPart(start=self.usage.start, stop=self.usage.stop)
        if self.queries is not None:
            yield RunningPart(stop=self.queries.close)
        yield RunningPart(start=self.following.start, stop=self.following.stop)
        yield RunningPart(start=self.access.start, stop=self.access.close)


def open_reading(settings: Settings, storage: Storage, signals: Signals) -> Reading:
    """Make what answers readers; nothing runs yet.

    Raises:
        ConfigurationError: the search engine asked for is not there.
    """
    database, trust = storage.database, storage.trust
    serves = settings.role != "worker"
    engine = open_engine(settings, database)
    indexer = None if engine is None else SearchIndexer(database, engine)
    # PostgreSQL keeps one index for all processes.
    shared = indexer if settings.search.engine == "postgresql" else None
    lists = storage.list_caches
    search = SearchService(database, lists.catalogue, indexer, ListedTrust(settings.trust.show), lists.lines)
    judge = ImageJudge(trust, storage.site_filter)
    watch = WatchService(database, settings, utc_now, nudge=signals.mail_owed)
    usage = UsageRecorder(database, settings.usage, utc_now)
    selector = Selector(
        settings, database, storage.list_caches, search, trust, judge, ImageReader(),
        SigningKeys(settings.views, utc_now), derive_key(storage.keys, "tokens of views"),
    )  # fmt: skip
    # Half of the threads at most make views, or wait for one: the rest answer everything else.
    views = ViewService(database, selector, watch, utc_now, max(1, settings.server.threads // 2), usage.count)
    followers = (VerdictFollower(storage.verdicts), _conflicts(settings, database), shared)
    common = CommonFollowers(
        database, [one for one in followers if one is not None], shared, storage.bulk_imports
    )
    queries = query_service(settings) if settings.query.enabled and serves else None
    following = Following(
        settings,
        database,
        common,
        indexer if serves and shared is None else None,
        lists.catalogue,
        storage.bulk_imports,
        storage.filter_refresh,
        queries,
        storage.snapshot if serves else None,
    )
    for signal in (signals.log_grew, signals.store_changed, signals.trust_changed):
        signal.connect(judge.forget, views.forget)
    for signal in (signals.log_grew, signals.store_changed):
        signal.connect(following.nudge)
    signals.store_changed.connect(CacheInvalidation(database, storage.entry_cache).look)
    return Reading(
        search=search,
        queries=queries,
        judge=judge,
        watch=watch,
        views=views,
        usage=usage,
        image_usage=ImageUsage(database),
        receipts=ReceiptService(
            database, utc_now, counting=settings.usage.enabled, on_imports=usage.note_imports
        ),
        access=AccessService(
            database,
            settings.site.mode,
            utc_now,
            timedelta(seconds=settings.session.lifetime),
            settings.oidc.issuer,
        ),
        sign_in=_sign_in(settings),
        common=common,
        following=following,
    )


def _sign_in(settings: Settings) -> SignInService | None:
    if not settings.oidc.issuer:
        return None
    from marketplace.oidc.service import SignInService

    # Half of the threads at most wait for the provider: while it drips, the rest answer everything else.
    at_once = max(1, settings.server.threads // 2)
    return SignInService(settings.oidc, f"{settings.site.url}{REDIRECT_PATH}", utc_now, at_once)


def _conflicts(settings: Settings, database: Database) -> ConflictFollower:
    """Notes contradictions, and owes mail about them where mail goes out at all."""
    if not settings.mail.host:
        return ConflictFollower(database, utc_now)
    notices = ConflictNotices(settings.mail.admin, settings.site.url, utc_now)
    return ConflictFollower(database, utc_now, notices)
