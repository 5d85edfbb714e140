"""A site as a whole: learn, judge, answer, then act on stores, then tell hooks. In this order, always."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from marketplace.sites.configuration import SiteConfiguration
from marketplace.sites.decisions.answers import Answer, Answers, TimedVerdict, make_verdicts
from marketplace.sites.decisions.verdict_file import write_verdicts
from marketplace.sites.errors import StoreError
from marketplace.sites.events.outbox import EventOutbox
from marketplace.sites.events.runner import HookRunner
from marketplace.sites.filler import Progress
from marketplace.sites.importing import Importer
from marketplace.sites.knowledge.follow import MarketplaceFollower
from marketplace.sites.knowledge.learning import Learning
from marketplace.sites.receipts import Receipts
from marketplace.sites.reconciling import Reconciler
from marketplace.sites.state import Copy, CopyState, InterventionKind, State
from marketplace.sites.step_plan import NOT_WANTED, Planned, Step, StepPlan, find_wanted
from marketplace.sites.stores.opening import open_stores
from marketplace.sites.verdicts import SiteVerdicts
from marketplace.sites.withdrawer import Withdrawer
from marketplace.trust_files import Sources, TrustStore
from validators.material import TrustPolicy

log = logging.getLogger(__name__)


class Site:
    """A cloud site: all its parts in one process.

    Args:
        state: opened by the caller, who closes it.
        wall: seconds since 1970.
        monotonic: seconds that only go forward.
    """

    def __init__(
        self,
        configuration: SiteConfiguration,
        state: State,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        progress: Progress | None = None,
    ) -> None:
        self.configuration = configuration
        self.table = table = configuration.table
        self.state = state
        self.wall, self._monotonic = wall, monotonic
        self.trust = open_trust(configuration, state)
        self.verdicts = SiteVerdicts(state, self.trust, configuration.policy, wall)
        self.followers = [MarketplaceFollower(one, state, wall) for one in table.marketplace]
        self.learning = Learning(table.subscription, state, wall)
        self.stores = open_stores(table)
        self.outbox = EventOutbox(state.database, table.hook)
        self.hooks = HookRunner(table.hook, self.outbox, wall)
        self.receipts = Receipts(table, state, wall)
        self.importer = Importer(
            table.name,
            state,
            self.verdicts,
            table.fetch,
            self.outbox,
            self.hooks,
            self.receipts,
            self._find_stop,
            wall,
            progress,
        )
        self.withdrawer = Withdrawer(table.name, state, self.verdicts, self.outbox, self.receipts, wall)
        self.reconciler = Reconciler(state, self.stores, wall)
        self.answers = Answers()
        self._timed_verdicts: dict[str, TimedVerdict] = {}
        self._deciding = threading.RLock()
        self._heard_monotonic: dict[str, float] = {}
        state.evidence.forget_wishes(
            {one.name for one in table.subscription}, {one.url for one in table.marketplace}
        )
        for identifier, intervention in state.interventions.all(wall()).items():
            if intervention.kind is InterventionKind.IMPORT:
                self.learning.concern(identifier)

    def close(self) -> None:
        """Close the connections to marketplaces."""
        for follower in self.followers:
            follower.reader.close()

    # -- learning and judging

    def learn(self, follower: MarketplaceFollower) -> bool:
        """Read what is new at a marketplace, judge it and answer by it; returns whether an answer changed.

        Raises:
            KnowledgeError: it is not reached or contradicts itself.
        """
        dirty = self.learning.learn(follower)
        self._heard_monotonic[follower.table.url] = self._monotonic()
        return self.judge(dirty) if dirty else False

    def ask(self, follower: MarketplaceFollower, oldest: float = float("-inf")) -> bool:
        """Ask a marketplace for what subscriptions want; returns whether an answer or a wish changed.

        Raises:
            KnowledgeError: it is not reached.
        """
        dirty = self.learning.ask(follower, oldest) | self.learning.cover(follower)
        if dirty:
            self.judge(dirty)
        return bool(dirty)

    def judge(self, identifiers: Iterable[str] | None = None) -> bool:
        """Judge images again, all where none are named, and answer by that at once."""
        with self._deciding:
            changed = self.verdicts.judge(identifiers)
            for one in changed:
                if self.state.history.note_answer(self.wall(), one.allowed, one.reason, one.identifier):
                    answer = "may be started again" if one.allowed else "may not be started any more"
                    log.info("%s %s: %s", one.identifier, answer, one.reason)
            if changed:
                self.publish()
            return bool(changed)

    def judge_due(self) -> bool:
        """Judge what the clock has made another answer of."""
        with self._deciding:
            due = self.verdicts.due()
        return self.judge(due) if due else False

    def publish(self) -> None:
        """Make the answers of this moment, in memory and in the verdict file."""
        with self._deciding:
            keys = {}
            copies = self.state.copies.all()
            for copy in copies:
                store = self.stores.get(copy.store)
                if store is not None and copy.external is not None:
                    keys[copy.digest, copy.store] = store.key(copy.external)
            self._timed_verdicts = make_verdicts(self.verdicts.latest.values(), copies, keys)
            self.refresh_answers()
            self.table.run.mkdir(parents=True, exist_ok=True, mode=0o755)
            write_verdicts(self.table.run, self.answers)

    def refresh_answers(self) -> None:
        """Bring the answers in memory to how long ago a marketplace was heard."""
        decision = self.table.decision
        self.answers = Answers(
            self._timed_verdicts, self.wall(), self.fresh_until(), decision.when_stale, decision.unknown
        )

    def fresh_until(self) -> float:
        """Wall clock until which what is known is fresh; the worse of what both clocks say."""
        now, ticks = self.wall(), self._monotonic()
        ages = []
        for one in self.followers:
            age = now - one.heard
            if one.table.url in self._heard_monotonic:
                age = max(age, ticks - self._heard_monotonic[one.table.url])
            ages.append(age)
        return now + self.table.decision.stale_after - min(ages)

    def answer(self, key: str) -> Answer:
        """May what a key stands for be started now?"""
        return self.answers.ask(key, self.wall())

    @property
    def clock_is_believed(self) -> bool:
        """Whether at least one marketplace has about the same time, or none tells its time."""
        offsets = [one for one in self.followers if one.reader.clock_offset is not None]
        return not offsets or not all(one.skewed for one in offsets)

    # -- acting

    def plan(self) -> list[Planned]:
        """Every step that is due now."""
        with self._deciding:
            now = self.wall()
            only = self.configuration.only
            table, evidence, verdicts = self.table, self.state.evidence, self.verdicts.latest
            wanted = find_wanted(table, evidence.wishes(), verdicts, self.state.interventions.all(now))
            steps = StepPlan(table, wanted, verdicts, self.state.copies.all(), now).steps(
                may_import=self.clock_is_believed
            )
            why = f"subscription {only}"
            unsure = self._unasked_stores()
            return [
                one
                for one in steps
                if (only is None or one.step is not Step.IMPORT or one.reason == why)
                and not (one.reason == NOT_WANTED and one.store in unsure)
            ]

    def _unasked_stores(self) -> set[str]:
        """Stores of subscriptions that no marketplace of now was asked for: what they want is not known.

        With the URL of a marketplace mistyped, every image would go otherwise.
        """
        return {
            store
            for one in self.table.subscription
            if not any(self.state.evidence.asked(one.name, each.table.url)[1] for each in self.followers)
            for store in one.stores
        }

    def act(self, step: Planned) -> Copy | None:
        """Do a step; a store that does not do it is asked again at the next run.

        Returns:
            the copy as it is then; None where nothing came of it.
        """
        store = self.stores[step.store]
        try:
            if step.step is Step.IMPORT:
                copy: Copy | None = self.importer.run(self._begin(step), store)
            elif step.copy is None:
                copy = None
            elif step.step is Step.WITHDRAW:
                copy = self.withdrawer.withdraw(step.copy, store, step.reason)
            elif step.step is Step.BRING_BACK:
                copy = self.withdrawer.bring_back(step.copy, store)
            else:
                copy = self.withdrawer.remove(step.copy, store, step.reason)
        except (StoreError, OSError) as error:
            log.warning("%s: %s: %s", step.step, step.identifier, error)
            self.state.history.note(
                self.wall(), f"{step.step} failed", str(error), step.identifier, step.store
            )
            return None
        if copy is not None:
            log.info("%s in store %s: %s: %s", step.identifier, step.store, copy.state.value, copy.reason)
        with self._deciding:
            self.verdicts.judge([step.identifier])
            self.publish()
        return copy

    def _begin(self, step: Planned) -> Copy:
        known = step.copy
        if known is not None and known.state not in (CopyState.FAILED, CopyState.REMOVED):
            return known
        # What was said anew deserves attempts of its own.
        failures = known.failures if known is not None and known.entry_id == step.entry_id else 0
        copy = Copy(
            step.digest, step.store, step.identifier, step.entry_id, CopyState.WANTED, 1, None, step.size,
            step.reason, self.wall(), failures, None,
        )  # fmt: skip
        with self.state.database.write():
            wanted = self.state.copies.want(copy)
            if known is None:
                self.outbox.put(
                    "SubscriptionImageNew",
                    copy.digest,
                    {"MARKETPLACE_IDENTIFIER": copy.identifier},
                    self.wall(),
                )
        return wanted

    def find_refusal(self, identifier: str) -> str | None:
        """Why no machine may start from an image; None if one may."""
        verdict = self.verdicts.latest.get(identifier)
        if verdict is None:
            return "no marketplace has an entry about it"
        return None if verdict.allowed else verdict.reason

    def _find_stop(self, identifier: str) -> str | None:
        verdict = self.verdicts.latest.get(identifier)
        if verdict is None or verdict.allowed:
            return None
        return verdict.reason

    def owe(self, type_: str) -> None:
        """Owe hooks an event that is about no single image."""
        self.outbox.put(type_, "", {"MARKETPLACE_SITE": self.table.name}, self.wall())

    def finish_withdrawals(self) -> None:
        """The first thing after a start: tell stores again what they were about to be told."""
        for copy in self.state.copies.all():
            if copy.state is CopyState.WITHDRAWING and copy.store in self.stores:
                with suppress(StoreError, OSError):  # the copy stays in this state: the next turn tries again
                    self.withdrawer.withdraw(copy, self.stores[copy.store], copy.reason)


def open_trust(configuration: SiteConfiguration, state: State) -> TrustStore:
    """The anchors and revocation lists that the configuration names."""
    trust = configuration.table.trust
    sources = Sources(
        anchors=trust.anchors,
        intermediates=trust.intermediates,
        lists=trust.crls,
        allowed=trust.allowlist,
        password_file=trust.password_file,
    )
    policy = TrustPolicy(legacy=trust.legacy, stale_crl=trust.stale_crl, missing_crl=trust.missing_crl)
    return TrustStore(sources, policy, memory=state.lists)
