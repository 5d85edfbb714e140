"""What has to be done: wishes, verdicts and copies in, steps out. Nothing is changed here.

Withdrawals come first. An old version is never withdrawn for a new one before the new one is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from marketplace.sites.settings import SiteTable, SubscriptionTable
from marketplace.sites.state import UNDER_WAY, Copy, CopyState, Intervention, InterventionKind, WantedImage
from marketplace.sites.verdicts import SiteVerdict

#: Reason of a step for a copy that is allowed, and that no subscription asks for.
NOT_WANTED: Final = "no subscription asks for it any more"


class Step(StrEnum):
    """What can be done with a copy."""

    WITHDRAW = "withdraw"
    BRING_BACK = "bring back"
    REMOVE = "remove"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned step with its reason; ``copy`` is None where there is no copy yet."""

    step: Step
    store: str
    identifier: str
    digest: str
    entry_id: str
    size: int
    reason: str
    copy: Copy | None


@dataclass(frozen=True, slots=True)
class WantedCopy:
    """An image that is to be in a store, and why."""

    identifier: str
    digest: str
    store: str
    why: str


class StepPlan:
    """What follows from what a site wants and has at a moment.

    Args:
        wanted: what ``find_wanted`` finds by the same verdicts.
        now: wall clock.
    """

    def __init__(
        self,
        table: SiteTable,
        wanted: Iterable[WantedCopy],
        verdicts: Mapping[str, SiteVerdict],
        copies: Iterable[Copy],
        now: float,
    ) -> None:
        self._subscriptions = table.subscription
        self._keep = {one.name: one.keep_withdrawn for one in table.store}
        self._wanted = {(one.digest, one.store): one for one in wanted}
        self._verdicts = verdicts
        self._present = {(one.digest, one.store): one for one in copies}
        self._now = now

    def steps(self, *, may_import: bool = True) -> list[Planned]:
        """Every step that is due, in the order in which they are to be done.

        Args:
            may_import: False while the clock cannot be believed: nothing new comes in.
        """
        found = [self._of_copy(copy) for copy in self._present.values() if copy.store in self._keep]
        steps = [step for step in found if step is not None]
        if may_import:
            steps += self._imports()
        order = [Step.WITHDRAW, Step.REMOVE, Step.BRING_BACK, Step.IMPORT]
        return sorted(steps, key=lambda one: order.index(one.step))

    def _of_copy(self, copy: Copy) -> Planned | None:
        verdict = self._verdicts.get(copy.identifier)
        allowed = verdict is not None and verdict.allowed and copy.digest in verdict.digests
        want = self._wanted.get((copy.digest, copy.store))
        if copy.state is CopyState.WITHDRAWING:
            return _planned(Step.WITHDRAW, copy, copy.reason)
        if copy.state is CopyState.AVAILABLE:
            if not allowed:
                return _planned(Step.WITHDRAW, copy, _refusal(copy, verdict))
            if want is None and not self._waits(copy, verdict):
                return _planned(Step.WITHDRAW, copy, NOT_WANTED)
        if copy.state is CopyState.WITHDRAWN:
            if allowed and want is not None:
                return _planned(Step.BRING_BACK, copy, want.why)
            if copy.changed + self._keep[copy.store] <= self._now:
                return _planned(Step.REMOVE, copy, "was withdrawn long ago")
        if copy.state in UNDER_WAY and not (allowed and want is not None):
            reason = NOT_WANTED if allowed else _refusal(copy, verdict)
            return _planned(Step.REMOVE, copy, reason)
        return None

    def _waits(self, copy: Copy, verdict: SiteVerdict | None) -> bool:
        """Whether a newer version of the same tag is not there yet, so that this one stays until then."""
        if verdict is None:
            return False
        reasons = {
            _why(one)
            for one in self._subscriptions
            if one.tag is not None and copy.store in one.stores and _carries(verdict, one.tag)
        }
        return any(
            want.store == copy.store
            and want.why in reasons
            and (key not in self._present or self._present[key].state is not CopyState.AVAILABLE)
            for key, want in self._wanted.items()
        )

    def _imports(self) -> Iterator[Planned]:
        for key, want in self._wanted.items():
            copy, verdict = self._present.get(key), self._verdicts[want.identifier]
            if copy is not None and not self._is_due(copy, verdict):
                continue
            entry = verdict.entry
            assert entry is not None  # noqa: S101  # an image that is allowed has one
            yield Planned(
                Step.IMPORT,
                want.store,
                want.identifier,
                want.digest,
                entry.entry_id,
                entry.size,
                want.why,
                copy,
            )

    def _is_due(self, copy: Copy, verdict: SiteVerdict) -> bool:
        if copy.state in UNDER_WAY or copy.state is CopyState.REMOVED:
            return True
        if copy.state is not CopyState.FAILED:
            return False
        if copy.next_at is not None:
            return copy.next_at <= self._now
        # Given up, until somebody says something new about it.
        return verdict.entry is not None and verdict.entry.entry_id != copy.entry_id


def find_wanted(
    table: SiteTable,
    wishes: Sequence[WantedImage],
    verdicts: Mapping[str, SiteVerdict],
    interventions: Mapping[str, Intervention],
) -> Iterator[WantedCopy]:
    """The copies that subscriptions and people want, of images that are allowed."""
    for one in table.subscription:
        asked = dict.fromkeys(wish.identifier for wish in wishes if wish.subscription == one.name)
        found = [verdicts[name] for name in asked if name in verdicts and _is_usable(verdicts[name])]
        for verdict in _chosen(one, found):
            yield from (
                WantedCopy(verdict.identifier, verdict.digest, store, _why(one)) for store in one.stores
            )
    for identifier, intervention in interventions.items():
        wish = verdicts.get(identifier)
        if intervention.kind is InterventionKind.IMPORT and wish is not None and _is_usable(wish):
            why = f"{intervention.author}: {intervention.reason}"
            yield from (WantedCopy(identifier, wish.digest, store.name, why) for store in table.store)


def _refusal(copy: Copy, verdict: SiteVerdict | None) -> str:
    if verdict is None:
        return "nothing is known of it any more"
    return verdict.reason if not verdict.allowed else f"{copy.digest[:24]}… is not what is endorsed any more"


def _chosen(one: SubscriptionTable, found: list[SiteVerdict]) -> list[SiteVerdict]:
    if one.tag is not None:
        # The marketplace's word that an entry has the tag is not believed.
        tag = one.tag
        found = [verdict for verdict in found if _carries(verdict, tag)]
        found = sorted(found, key=lambda verdict: _stated_at(verdict, tag), reverse=True)[: one.keep]
    else:
        found = found[: one.most]
    if one.most_bytes is None:
        return found
    chosen, total = [], 0
    for verdict in found:
        size = 0 if verdict.entry is None else verdict.entry.size
        if total + size <= one.most_bytes:
            chosen.append(verdict)
            total += size
    return chosen


def _is_usable(verdict: SiteVerdict) -> bool:
    return verdict.allowed and bool(verdict.digest)


def _carries(verdict: SiteVerdict, tag: str) -> bool:
    return bool(_stated_at(verdict, tag))


def _stated_at(verdict: SiteVerdict, tag: str) -> str:
    """When the tag's endorser said it of the image; empty where nobody did."""
    email, _, name = tag.partition("/")
    times = [
        one.statement.created.isoformat()
        for one in verdict.verdict.statements
        if one.weight and one.statement.endorser.email == email and name in one.statement.tags
    ]
    return max(times, default="")


def _why(one: SubscriptionTable) -> str:
    return f"subscription {one.name}"


def _planned(step: Step, copy: Copy, reason: str) -> Planned:
    return Planned(step, copy.store, copy.identifier, copy.digest, copy.entry_id, copy.size, reason, copy)
