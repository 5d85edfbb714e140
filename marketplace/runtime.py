"""What one process holds: the database, the way in, the followers, and what it remembers."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from marketplace.accounts import AccessService
from marketplace.background import Background, Duty, Holding, LeaseLostError
from marketplace.catalogue.keeping import LEAST_ROWS, Keeper
from marketplace.changes import LogNotFoundError, LogWatch, Precedence
from marketplace.config import Settings
from marketplace.confirmation import ConfirmationService
from marketplace.conflicts import ConflictFollower, ConflictNotices
from marketplace.db import Database, UnfitError, is_unavailable
from marketplace.entries import ListCaches
from marketplace.entries.cache import EntryCache
from marketplace.entries.elsewhere import ElsewhereWatch
from marketplace.events import EventNoter
from marketplace.federation.keys import SiteKeys, derive_key, load_keys
from marketplace.federation.site import Condition, Federation, open_federation
from marketplace.federation.witness import Hearers
from marketplace.following import CommonFollowers, Following, is_optional
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.ingest.acceptance import Acceptance
from marketplace.ingest.settling import SettlingService
from marketplace.ingest.shelving import ShelvingService
from marketplace.ingest.site_filter import SiteFilter
from marketplace.judging.service import ImageJudge
from marketplace.logs import tell_briefly
from marketplace.mail import Chore, MailWorker
from marketplace.memory import bound_pools
from marketplace.metrics import Metrics
from marketplace.migrate import SchemaError, verify_schema
from marketplace.oidc import REDIRECT_PATH
from marketplace.peers.registry.contradictions import keep_contradiction
from marketplace.peers.registry.identification import PeerIdentification
from marketplace.peers.service import PullService, open_pulls
from marketplace.peers.witness.cosigning import CosigningService
from marketplace.presence import PresenceNotices, ReceiptService
from marketplace.reminders import ReminderService
from marketplace.renewal import Renewal
from marketplace.replica import Replica
from marketplace.rules.trust import TrustShown
from marketplace.search.engines import open_engine
from marketplace.search.indexer import SearchIndexer
from marketplace.search.indexes import Indexes
from marketplace.search.service import SearchService
from marketplace.shared_limits import SharedLimits
from marketplace.sparql.service import QueryService, query_service
from marketplace.tlog.checkpoint import SignedCheckpoint
from marketplace.trust import TrustService, TrustStore, VerdictService, open_store
from marketplace.trust.follower import VerdictFollower
from marketplace.trust.memory import TrustMemory
from marketplace.trust.watch import TrustDuty, TrustWatch
from marketplace.trust_files import TrustFileFault
from marketplace.usage import UsageRecorder
from marketplace.views.reading import ImageReader
from marketplace.views.selecting import Selector
from marketplace.views.service import ViewService
from marketplace.views.signing import SigningKeys
from marketplace.watch import LocationWatch, WatchService
from marketplace.webhooks.planning import Planner
from marketplace.webhooks.registry import WebhookRegistry
from marketplace.webhooks.selection import find_entries
from marketplace.webhooks.sending import Sender
from marketplace.webhooks.worker import WebhookWorker
from marketplace.worker import FAILING, Lag
from validators.document import Coordinates

if TYPE_CHECKING:
    from marketplace.oidc.service import SignInService

#: What is said where something does not work that nothing else depends on.
AWAY, LAGS = "the replica does not answer: the primary does", "the replica is behind: the primary answers"
NOBODY_WORKS = "no process does the background work: start `marketplace serve --role worker`"


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Health:
    """How a process fares.

    Args:
        faults: what keeps it from doing its work, as codes.
        lags: how far each follower is behind.
        degraded: what does not work and keeps nothing else from working, each with the reason.
        publishing: how publishing to other sites stands; None for a site that offers nothing.
        holding: which process does the background work; None where the database does not tell.
    """

    faults: tuple[str, ...]
    lags: tuple[Lag, ...]
    degraded: Mapping[str, str] = field(default_factory=dict)
    publishing: Condition | None = None
    holding: Holding | None = None


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of a running marketplace. ``start`` once, ``close`` at the end.

    Args:
        settings: the whole configuration.
        database: where entries and logs live.
        acceptance: runs acceptance for requests.
        ingest: the one way in.
        entry_cache: immutable entries in memory.
        following: the followers of the log.
        log_watch: tells them, and what publishes, that a log has grown.
        queries: answers SPARQL; None where the settings turn it off.
        search: answers searches and lists.
        metrics: what this process counts about itself.
        trust_store: anchors, revocation lists and allow-list in force, with what is wrong with them.
        trust_watch: looks at their files from time to time, and when another process judged by newer ones.
        trust: decides about entries by them.
        judge: tells whether images may be started.
        access: tells who somebody is, by what they show.
        sign_in: signs people in by a provider; None where the settings name none.
        verdicts: keeps what that makes of each certificate.
        confirmation: takes uploads in, at once or after their endorser's confirmation.
        reminders: owes endorsers lists and warnings.
        mail: sends what is owed.
        webhooks: notes events, and tells programs of them.
        webhook_registry: the webhooks, as a transaction sees them.
        watch: knows whether the content of images is where entries say.
        watching: looks whether it is.
        receipts: takes in what cloud sites say of images.
        views: named selections, written in the formats of other programs.
        usage: counts what is asked of images and views.
        federation: publishes to other sites; None where this site has no keys.
        peers: pulls from other sites.
        identification: tells which of them is asking.
        list_caches: what lists remember.
        keeper: has the catalogue on disk.
        renewal: has the process start anew after something was erased.
        replica: answers readers beside the primary; None where there is none.
        limits: how often somebody may ask.
        background: does the work that one process at a time does for the database.
        now: the clock.
    """

    settings: Settings
    database: Database
    acceptance: Acceptance
    ingest: IngestService
    entry_cache: EntryCache
    following: Following
    log_watch: LogWatch
    queries: QueryService | None
    search: SearchService
    metrics: Metrics
    trust_store: TrustStore
    trust_watch: TrustWatch
    trust: TrustService
    judge: ImageJudge
    access: AccessService
    verdicts: VerdictService
    confirmation: ConfirmationService
    reminders: ReminderService
    mail: MailWorker
    webhooks: WebhookWorker
    webhook_registry: Callable[[Session], WebhookRegistry]
    watch: WatchService
    watching: LocationWatch
    receipts: ReceiptService
    views: ViewService
    usage: UsageRecorder
    peers: PullService
    identification: PeerIdentification
    list_caches: ListCaches
    keeper: Keeper
    renewal: Renewal
    background: Background
    limits: SharedLimits
    replica: Replica | None
    sign_in: SignInService | None = None
    federation: Federation | None = None
    now: Callable[[], datetime] = field(default=utc_now)

    def start(self) -> None:
        """Let the followers run and queries be answered."""
        self.renewal.start()
        self.background.start()
        self.limits.start()
        if self.replica is not None:
            self.replica.start()
        self.trust_watch.start()
        self.access.start()
        self.following.start()
        if self.federation is not None and not self.background.is_here:
            self.federation.show()
        self.usage.start()
        self.log_watch.start()

    def close(self) -> None:
        """Store what waits, stop the followers, let the database go. Later calls do nothing."""
        self.renewal.stop()
        self.log_watch.stop()
        self.limits.stop()
        if self.replica is not None:
            self.replica.stop()
        self.background.stop()
        self.peers.close()
        self.ingest.close()
        self.trust_watch.stop()
        self.access.close()
        self.following.stop()
        if self.queries is not None:
            self.queries.close()
        self.usage.stop()
        if self.federation is not None:
            self.federation.heads.close()
        self.database.close()

    def forget_erased(self, places: Sequence[Coordinates]) -> None:
        """Forget what was just erased, in memory and on disk."""
        self.entry_cache.forget_all(places)
        self.keeper.delete()

    def verify_store(self) -> None:
        """Check that the database answers and has this version's schema.

        Raises:
            SchemaError: it has another one.
            SQLAlchemyError: it does not answer.
        """
        with self.database.read() as session:
            verify_schema(session.connection())

    def health(self) -> Health:
        """Whether this process can do its work now, and how its followers fare."""
        try:
            self.verify_store()
            lags = self.following.lags()
            publishing = self._publishing()
            with self.database.read() as session:
                holding = self.background.holding(session)
        except SchemaError as error:
            return Health((error.code,), ())
        except UnfitError as error:
            return Health((error.fault,), ())
        except (SQLAlchemyError, LogNotFoundError, OSError):
            return Health(("store.unreachable",), ())
        faults = [
            f"follower.{lag.follower}" for lag in lags if lag.failures >= FAILING and not is_optional(lag)
        ]
        if self.following.waiting:
            faults.append("followers.waiting")
        if self.following.warming_up:
            faults.append("search.warming-up")
        if self.trust_watch.failures >= FAILING:
            faults.append("trust.verdicts")
        degraded = self.following.degraded(lags)
        if not self.background.is_done:
            degraded["background"] = NOBODY_WORKS
        if self.replica is not None and not (state := self.replica.state()).used:
            degraded["replica"] = LAGS if state.up else AWAY
        return Health(tuple(faults), tuple(lags), degraded, publishing, holding)

    def trust_faults(self) -> list[TrustFileFault]:
        """What is wrong with anchors and revocation lists, and with the settings that name them."""
        settings = self.verdicts.find_settings_fault()
        return [*self.trust_store.faults, *([] if settings is None else [settings])]

    def _publishing(self) -> Condition | None:
        if self.federation is None:
            return None
        with self.database.read() as session:
            return self.federation.condition(session)


def build(settings: Settings) -> Runtime:
    """Make the parts that the settings ask for; nothing runs yet but the ingest thread.

    From here on the process gives memory back that it does not need.

    Raises:
        ConfigurationError: the search engine asked for is not there.
        KeysError: the site's keys cannot be used.
    """
    bound_pools()
    tell_briefly(is_expected)
    database = Database.open(settings.database_url)
    keys = load_keys(settings.data)
    federation = _open_federation(settings, database, keys, lambda head: peers.show(head))
    engine = open_engine(settings, database)
    indexer = None if engine is None else SearchIndexer(database, Indexes(engine))
    lists = ListCaches()
    keeper = Keeper(database, lists.catalogue, settings.data, least=LEAST_ROWS)
    search = SearchService(database, lists.catalogue, indexer, TrustShown(settings.trust.show))
    trust_store = open_store(settings.trust, TrustMemory(database))
    trust = TrustService(trust_store)
    settling = SettlingService(database)
    verdicts = VerdictService(database, trust_store, trust, utc_now, settling.refresh)
    precedence = Precedence()
    conflicts = _conflicts(settings, database)
    shown = SiteFilter(
        settings.federation.accept, lambda signer: trust.verdict(signer, utc_now()).standing.value
    )
    judge = ImageJudge(trust, shown)
    shelving = ShelvingService(database, shown)
    serves = settings.role != "worker"
    queries = query_service(settings) if settings.query.enabled and serves else None
    # PostgreSQL keeps one index for all processes.
    shared = indexer if settings.search.engine == "postgresql" else None
    common = CommonFollowers(
        database,
        [one for one in (VerdictFollower(verdicts), conflicts, shared) if one is not None],
        shared,
        precedence,
    )
    following = Following(
        settings,
        database,
        common,
        indexer if serves and shared is None else None,
        search,
        lists,
        precedence,
        shelving,
        queries,
        keeper if serves else None,
    )
    mail_owed = threading.Event()
    watch = WatchService(database, settings, utc_now, nudge=mail_owed.set)
    selector = Selector(
        settings, database, lists, search, trust, judge, ImageReader(),
        SigningKeys(settings.views, utc_now), derive_key(keys, "tokens of views"),
    )  # fmt: skip
    # Half of the threads at most make views, or wait for one: the rest answer everything else.
    usage = UsageRecorder(database, settings.usage, utc_now)
    views = ViewService(database, selector, watch, utc_now, max(1, settings.server.threads // 2), usage.count)
    forget = partial(_forget, judge, views)
    metrics = Metrics()
    url = settings.database.read_url
    replica = None if url is None else Replica(database, url, settings.database.read_lag, metrics)
    counted = settings.limit.counted
    together = counted == "together" or (counted == "auto" and settings.role == "web")
    limits = SharedLimits(database if together else None)
    sender = Sender(database, settings, utc_now, nudge=mail_owed.set, on_outcome=metrics.count_delivery)
    webhooks = WebhookWorker(
        database,
        EventNoter(database, utc_now, lambda: mail.hurry("recalls")),
        Planner(database, utc_now, sender.disable, partial(find_entries, views)),
        sender,
        precedence,
    )
    grown = partial(_nudge, following, federation, forget, webhooks)
    entry_cache = EntryCache(settings.cache.entry_bytes)
    elsewhere = ElsewhereWatch(database, entry_cache)
    acceptance = Acceptance()
    ingest = IngestService(
        database,
        UploadPolicy(
            legacy=settings.upload.legacy,
            required=settings.upload.require,
            judge=trust.verdict,
            shown=shown,
        ),
        acceptor=acceptance.accept,
        limit=limits.open("endorser", settings.limit.endorser),
        # Two threads are left for readers while the database stores nothing.
        places=max(1, settings.server.threads - 2),
        on_commit=grown,
        on_import=entry_cache.forget_all,
        on_outcome=metrics.count_upload,
        on_private_outcome=metrics.count_private_upload,
    )
    peers = open_pulls(settings.federation, database, ingest, keys, precedence)
    confirmation = ConfirmationService(
        database, ingest, trust, settings, utc_now, nudge=mail_owed.set, on_outcome=metrics.count_upload
    )
    reminders = ReminderService(database, settings, utc_now, nudge=mail_owed.set)
    notices = PresenceNotices(database, settings, utc_now, nudge=mail_owed.set)
    mail = MailWorker(
        database,
        settings.mail,
        settings.site,
        mail_owed,
        chores=[
            Chore("expiry of pending uploads", 60.0, confirmation.expire),
            # A confirmation is taken in at once where an upload follows it, else by this.
            Chore("current entries", 5.0, settling.refresh),
            Chore("reminders", settings.reminders.interval, reminders.run),
            Chore("old usage", 3600.0, usage.fold),
            Chore("recalls", settings.reminders.interval, notices.run),
        ],
        on_outcome=metrics.count_mail,
    )
    watching = LocationWatch(watch, settings.watch)
    trust_watch = TrustWatch(
        trust_store,
        settings.trust.reload_interval,
        lambda: _renew(forget, background, verdicts, shelving),
        verdicts.find_other_basis,
    )

    def look_at_everything() -> None:
        """Some process was told of a change that this one has to act upon."""
        peers.nudge_all()
        trust_watch.look_soon()
        mail_owed.set()
        webhooks.nudge()

    duties: list[Duty | None] = [TrustDuty(trust_watch), common, mail, webhooks, watching, federation, peers]
    background = Background(
        database,
        settings.node or secrets.token_hex(4),
        [duty for duty in duties if duty is not None],
        takes_turns=settings.role != "web",
        hurry=look_at_everything,
    )
    peers.ask_elsewhere = background.look
    return Runtime(
        settings=settings,
        database=database,
        acceptance=acceptance,
        ingest=ingest,
        entry_cache=entry_cache,
        following=following,
        log_watch=LogWatch(database, grown, partial(_see_change, elsewhere, forget, database.on_write)),
        judge=judge,
        queries=queries,
        search=search,
        metrics=metrics,
        trust_store=trust_store,
        federation=federation,
        peers=peers,
        identification=PeerIdentification(database, keys, utc_now),
        list_caches=lists,
        keeper=keeper,
        renewal=Renewal(database, following.is_settled),
        background=background,
        limits=limits,
        replica=replica,
        access=AccessService(
            database,
            settings.site.mode,
            utc_now,
            timedelta(seconds=settings.session.lifetime),
            settings.oidc.issuer,
        ),
        sign_in=_sign_in(settings),
        trust_watch=trust_watch,
        trust=trust,
        verdicts=verdicts,
        confirmation=confirmation,
        reminders=reminders,
        watch=watch,
        watching=watching,
        receipts=ReceiptService(database, utc_now, counting=settings.usage.enabled),
        views=views,
        webhooks=webhooks,
        usage=usage,
        webhook_registry=sender.registry,
        mail=mail,
    )


def is_expected(error: BaseException) -> bool:
    """Whether an error only tells that the database, or the background work, is not to be had now."""
    if isinstance(error, SQLAlchemyError):
        return isinstance(error, LeaseLostError) or is_unavailable(error)
    # The driver's own, which the pool meets when it takes a broken connection back.
    return hasattr(error, "sqlstate")


def _sign_in(settings: Settings) -> SignInService | None:
    if not settings.oidc.issuer:
        return None
    from marketplace.oidc.service import SignInService

    # Half of the threads at most wait for the provider: while it drips, the rest answer everything else.
    at_once = max(1, settings.server.threads // 2)
    return SignInService(settings.oidc, f"{settings.site.url}{REDIRECT_PATH}", utc_now, at_once)


def _forget(judge: ImageJudge, views: ViewService) -> None:
    """Something changed that answers are made of."""
    judge.forget()
    views.forget()


def _see_change(elsewhere: ElsewhereWatch, forget: Callable[[], None], note: Callable[[], None]) -> None:
    """Some process stored something that readers see."""
    note()
    forget()
    elsewhere.look()


def _renew(
    forget: Callable[[], None], background: Background, verdicts: VerdictService, shelving: ShelvingService
) -> None:
    """Let what the site trusts now have its effects; on what is stored, in one process for all."""
    forget()
    if background.is_here:
        verdicts.refresh()
        shelving.refresh()


def _nudge(
    following: Following, federation: Federation | None, forget: Callable[[], None], webhooks: WebhookWorker
) -> None:
    """Say that a log has grown."""
    forget()
    webhooks.nudge()
    following.nudge()
    if federation is not None:
        federation.nudge()


def _conflicts(settings: Settings, database: Database) -> ConflictFollower:
    """Notes contradictions, and owes mail about them where mail goes out at all."""
    if not settings.mail.host:
        return ConflictFollower(database, utc_now)
    notices = ConflictNotices(settings.mail.admin, settings.site.url, utc_now)
    return ConflictFollower(database, utc_now, notices)


def _open_federation(
    settings: Settings, database: Database, keys: SiteKeys | None, show: Callable[[SignedCheckpoint], None]
) -> Federation | None:
    """What publishes; None where this site has no keys, or offers nothing.

    Args:
        show: called with each checkpoint that a peer shows.
    """
    if keys is None or settings.federation.mode == "pull-only":
        return None
    hearers = Hearers(
        head=show,
        contradiction=partial(keep_contradiction, database, utc_now),
    )
    return open_federation(database, keys, utc_now, CosigningService(database, keys, utc_now), hearers)
