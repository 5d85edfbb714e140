"""What one process holds: the database, the way in, the followers, and what it remembers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from marketplace.accounts import AccessService
from marketplace.background import Background, Holding, LeaseLostError
from marketplace.catalogue.snapshot import CatalogueSnapshot
from marketplace.changes import LogNotFoundError
from marketplace.config import Settings
from marketplace.confirmation import ConfirmationService
from marketplace.db import Database
from marketplace.db.errors import UnfitError, is_unavailable
from marketplace.entries import ListCaches
from marketplace.entries.cache import EntryCache
from marketplace.federation.site import Condition, Federation
from marketplace.following import Following, is_optional
from marketplace.ingest import IngestService
from marketplace.ingest.acceptance import Acceptance
from marketplace.judging.service import ImageJudge
from marketplace.logs import tell_briefly
from marketplace.mail import MailWorker
from marketplace.memory import bound_pools
from marketplace.metrics import Metrics
from marketplace.migrate import SchemaError, verify_schema
from marketplace.moments import utc_now
from marketplace.peers.registry.identification import PeerIdentification
from marketplace.peers.service import PullService
from marketplace.presence import ReceiptService
from marketplace.reminders import ReminderService
from marketplace.renewal import Renewal
from marketplace.replica import Replica
from marketplace.runtime.parts import RunningParts
from marketplace.runtime.reading import open_reading
from marketplace.runtime.signals import Signals
from marketplace.runtime.storage import open_storage
from marketplace.runtime.writing import open_writing
from marketplace.search.service import SearchService
from marketplace.shared_limits import SharedLimits
from marketplace.sparql.service import QueryService
from marketplace.trust import TrustService, TrustStore, VerdictService
from marketplace.trust.watch import TrustWatch
from marketplace.trust_files import TrustFileFault
from marketplace.usage import ImageUsage, UsageRecorder
from marketplace.views.service import ViewService
from marketplace.watch import WatchService
from marketplace.webhooks.registry import WebhookRegistry
from marketplace.webhooks.worker import WebhookWorker
from marketplace.worker import FAILING, Lag
from validators.document import Coordinates

if TYPE_CHECKING:
    from marketplace.oidc.service import SignInService

#: What is said where something does not work that nothing else depends on.
AWAY, LAGS = "the replica does not answer: the primary does", "the replica is behind: the primary answers"
NOBODY_WORKS = "no process does the background work: start `marketplace serve --role worker`"


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a process.

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
        running: the parts that run, in their order.
        database: where entries and logs live.
        acceptance: runs acceptance for requests.
        ingest: the one way in.
        entry_cache: immutable entries in memory.
        following: the followers of the log.
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
        receipts: takes in what cloud sites say of images.
        views: named selections, written in the formats of other programs.
        usage: counts what is asked of images and views.
        image_usage: reads how often the images of a view were used.
        federation: publishes to other sites; None where this site has no keys.
        peers: pulls from other sites.
        identification: tells which of them is asking.
        list_caches: what lists remember.
        snapshot: has the catalogue on disk.
        renewal: has the process start anew after something was erased.
        replica: answers readers beside the primary; None where there is none.
        limits: how often somebody may ask.
        background: does the work that one process at a time does for the database.
        now: the clock.
    """

    settings: Settings
    running: RunningParts
    database: Database
    acceptance: Acceptance
    ingest: IngestService
    entry_cache: EntryCache
    following: Following
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
    receipts: ReceiptService
    views: ViewService
    usage: UsageRecorder
    image_usage: ImageUsage
    peers: PullService
    identification: PeerIdentification
    list_caches: ListCaches
    snapshot: CatalogueSnapshot
    renewal: Renewal
    background: Background
    limits: SharedLimits
    replica: Replica | None
    sign_in: SignInService | None = None
    federation: Federation | None = None
    now: Callable[[], datetime] = field(default=utc_now)

    def start(self) -> None:
        """Let the parts run, in order; where one fails, all are stopped."""
        self.running.start()

    def close(self) -> None:
        """Store what waits, stop the parts, let the database go. Later calls do nothing."""
        self.running.stop()

    def forget_erased(self, coordinates: Sequence[Coordinates]) -> None:
        """Forget what was just erased, in memory and on disk."""
        self.entry_cache.forget_all(coordinates)
        self.snapshot.delete()

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
    signals = Signals()
    storage = open_storage(settings, signals)
    reading = open_reading(settings, storage, signals)
    writing = open_writing(settings, storage, reading, signals)
    return Runtime(
        settings=settings,
        running=RunningParts([*storage.parts(), *reading.parts(), *writing.parts()]),
        database=storage.database,
        acceptance=writing.acceptance,
        ingest=writing.ingest,
        entry_cache=storage.entry_cache,
        following=reading.following,
        queries=reading.queries,
        search=reading.search,
        metrics=storage.metrics,
        trust_store=storage.trust_store,
        trust_watch=writing.trust_watch,
        trust=storage.trust,
        judge=reading.judge,
        access=reading.access,
        verdicts=storage.verdicts,
        confirmation=writing.confirmation,
        reminders=writing.reminders,
        mail=writing.mail,
        webhooks=writing.webhooks,
        webhook_registry=writing.webhook_registry,
        watch=reading.watch,
        receipts=reading.receipts,
        views=reading.views,
        usage=reading.usage,
        image_usage=reading.image_usage,
        peers=writing.peers,
        identification=writing.identification,
        list_caches=storage.list_caches,
        snapshot=storage.snapshot,
        renewal=writing.renewal,
        background=writing.background,
        limits=storage.limits,
        replica=storage.replica,
        sign_in=reading.sign_in,
        federation=writing.federation,
    )


def is_expected(error: BaseException) -> bool:
    """Whether an error only tells that the database, or the background work, is not to be had now."""
    if isinstance(error, SQLAlchemyError):
        return isinstance(error, LeaseLostError) or is_unavailable(error)
    # The driver's own, which the pool meets when it takes a broken connection back.
    return hasattr(error, "sqlstate")
