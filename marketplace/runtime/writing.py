"""What takes entries in and publishes them, and the work that one process at a time does for a database."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from marketplace.background import Background, Duty
from marketplace.changes import LogWatch
from marketplace.config import Settings
from marketplace.confirmation import ConfirmationService
from marketplace.events import EventNoter
from marketplace.federation.site import Federation, open_federation
from marketplace.federation.witness import Hearers
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.ingest.acceptance import Acceptance
from marketplace.mail import Chore, MailWorker
from marketplace.moments import utc_now
from marketplace.peers.registry.contradictions import keep_contradiction
from marketplace.peers.registry.identification import PeerIdentification
from marketplace.peers.service import PullService, open_pulls
from marketplace.peers.witness.cosigning import CosigningService
from marketplace.presence import PresenceNotices
from marketplace.reminders import ReminderService
from marketplace.renewal import Renewal
from marketplace.runtime.parts import RunningPart
from marketplace.runtime.reading import Reading
from marketplace.runtime.signals import Signals
from marketplace.runtime.storage import Storage
from marketplace.thread_slots import ThreadSlots
from marketplace.trust.watch import TrustDuty, TrustWatch
from marketplace.watch import LocationWatch
from marketplace.webhooks.planning import Planner
from marketplace.webhooks.registry import WebhookRegistry
from marketplace.webhooks.selection import find_entries
from marketplace.webhooks.sending import Sender
from marketplace.webhooks.worker import WebhookWorker


@dataclass(frozen=True, slots=True)
class Writing:
    """What takes in, publishes and works in the background; see ``Runtime`` for the members."""

    acceptance: Acceptance
    ingest: IngestService
    confirmation: ConfirmationService
    reminders: ReminderService
    mail: MailWorker
    webhooks: WebhookWorker
    webhook_registry: Callable[[Session], WebhookRegistry]
    federation: Federation | None
    peers: PullService
    identification: PeerIdentification
    trust_watch: TrustWatch
    background: Background
    log_watch: LogWatch
    renewal: Renewal

    def parts(self) -> Iterator[RunningPart]:
        """The parts that run, in the order in which they start."""
        if self.federation is not None:
            yield RunningPart(stop=self.federation.heads.close)
        yield RunningPart(stop=self.ingest.close)
        yield RunningPart(stop=self.peers.close)
        yield RunningPart(start=self.background.start, stop=self.background.stop)
        # After the background work: who does that work keeps the verdicts, from the first look on.
        yield RunningPart(start=self.trust_watch.start, stop=self.trust_watch.stop)
        if self.federation is not None:
            yield RunningPart(start=partial(_show, self.federation, self.background))
        yield RunningPart(start=self.log_watch.start, stop=self.log_watch.stop)
        yield RunningPart(start=self.renewal.start, stop=self.renewal.stop)


def open_writing(settings: Settings, storage: Storage, reading: Reading, signals: Signals) -> Writing:
    """Make what takes in, publishes and works in the background; nothing runs yet but the ingest thread."""
    database, metrics = storage.database, storage.metrics
    acceptance = Acceptance()
    ingest = _open_ingest(settings, storage, acceptance, signals)
    peers = open_pulls(
        settings.federation, database, ingest, storage.keys, storage.bulk_imports, signals.work_wanted
    )
    federation = _open_federation(settings, storage, signals)
    confirmation = ConfirmationService(
        database,
        ingest,
        storage.trust,
        settings,
        utc_now,
        nudge=signals.mail_owed,
        on_outcome=metrics.count_upload,
    )
    reminders = ReminderService(database, settings, utc_now, nudge=signals.mail_owed)
    mail = _open_mail(settings, storage, reading, confirmation, reminders, signals)
    sender = Sender(database, settings, utc_now, nudge=signals.mail_owed, on_outcome=metrics.count_delivery)
    webhooks = WebhookWorker(
        database,
        EventNoter(database, utc_now, signals.recall_noted),
        Planner(database, utc_now, sender.disable, partial(find_entries, reading.views)),
        sender,
        storage.bulk_imports,
    )
    watching = LocationWatch(reading.watch, settings.watch)
    trust_watch = TrustWatch(
        storage.trust_store,
        settings.trust.reload_interval,
        signals.trust_changed,
        storage.verdicts.find_other_basis,
    )
    duties: list[Duty | None] = [
        TrustDuty(trust_watch), reading.common, mail, webhooks, watching, federation, peers
    ]  # fmt: skip
    background = Background(
        database,
        settings.node or secrets.token_hex(4),
        [duty for duty in duties if duty is not None],
        takes_turns=settings.role != "web",
        hurry=signals.work_requested,
    )
    signals.log_grew.connect(webhooks.nudge)
    if federation is not None:
        signals.log_grew.connect(federation.nudge)
    signals.trust_changed.connect(partial(_apply_trust, background, storage))
    signals.work_requested.connect(peers.nudge, trust_watch.look_soon, signals.mail_owed, webhooks.nudge)
    signals.work_wanted.connect(background.look)
    signals.recall_noted.connect(partial(mail.hurry, "recalls"))
    signals.head_presented.connect(peers.show)
    return Writing(
        acceptance=acceptance,
        ingest=ingest,
        confirmation=confirmation,
        reminders=reminders,
        mail=mail,
        webhooks=webhooks,
        webhook_registry=sender.registry,
        federation=federation,
        peers=peers,
        identification=PeerIdentification(database, storage.keys, utc_now),
        trust_watch=trust_watch,
        background=background,
        log_watch=LogWatch(database, signals.log_grew, signals.store_changed),
        renewal=Renewal(database, reading.following.is_settled),
    )


def _open_ingest(
    settings: Settings, storage: Storage, acceptance: Acceptance, signals: Signals
) -> IngestService:
    # While the database stores nothing, two threads are left for readers.
    places = ThreadSlots(max(1, settings.server.threads - 2))
    storage.database.place = places.take
    return IngestService(
        storage.database,
        UploadPolicy(
            legacy=settings.upload.legacy,
            required=settings.upload.require,
            judge=storage.trust.verdict,
            site_filter=storage.site_filter,
        ),
        acceptor=acceptance.accept,
        limit=storage.limits.open("endorser", settings.limit.endorser),
        slots=places,
        on_commit=signals.log_grew,
        on_import=storage.entry_cache.forget_all,
        on_outcome=storage.metrics.count_upload,
        on_private_outcome=storage.metrics.count_private_upload,
    )


def _open_mail(
    settings: Settings,
    storage: Storage,
    reading: Reading,
    confirmation: ConfirmationService,
    reminders: ReminderService,
    signals: Signals,
) -> MailWorker:
    notices = PresenceNotices(storage.database, settings, utc_now, nudge=signals.mail_owed)
    owed = threading.Event()
    signals.mail_owed.connect(owed.set)
    return MailWorker(
        storage.database,
        settings.mail,
        settings.site,
        owed,
        chores=[
            Chore("expiry of pending uploads", 60.0, confirmation.expire),
            # A confirmation is taken in at once where an upload follows it, else by this.
            Chore("current entries", 5.0, storage.current_refresh.refresh),
            Chore("reminders", settings.reminders.interval, reminders.run),
            Chore("old usage", 3600.0, reading.usage.fold),
            Chore("recalls", settings.reminders.interval, notices.run),
        ],
        on_outcome=storage.metrics.count_mail,
    )


def _open_federation(settings: Settings, storage: Storage, signals: Signals) -> Federation | None:
    """What publishes; None where this site has no keys, or offers nothing."""
    database, keys = storage.database, storage.keys
    if keys is None or settings.federation.mode == "pull-only":
        return None
    hearers = Hearers(
        head=signals.head_presented, contradiction=partial(keep_contradiction, database, utc_now)
    )
    return open_federation(database, keys, utc_now, CosigningService(database, keys, utc_now), hearers)


def _apply_trust(background: Background, storage: Storage) -> None:
    """Let what the site trusts now have its effects on what is stored, in one process for all."""
    if background.is_here:
        storage.verdicts.refresh()
        storage.filter_refresh.refresh()


def _show(federation: Federation, background: Background) -> None:
    """Read what another process published; the one that does the background work publishes it."""
    if not background.is_here:
        federation.show()
