"""What has to be done: wishes, verdicts and copies in, steps out. Nothing is changed here.

Withdrawals come first. An old version is never withdrawn for a new one before the new one is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from marketplace.sites.settings import SubscriptionTable
from marketplace.sites.state import UNDER_WAY, Copy, CopyState, Intervention, InterventionKind, WantedImage
from marketplace.sites.store_settings import StoreTable
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
class _Wanted:
    identifier: str
    digest: str
    store: str
    why: str


def plan(
    stores: Sequence[StoreTable],
    subscriptions: Sequence[SubscriptionTable],
    wishes: Sequence[WantedImage],
    verdicts: Mapping[str, SiteVerdict],
    copies: Sequence[Copy],
    interventions: Mapping[str, Intervention],
    now: float,
    *,
    may_import: bool = True,
) -> list[Planned]:
    """Every step that is due, in the order in which they are to be done.

    Args:
        now: wall clock.
        may_import: False while the clock cannot be believed: nothing new comes in.
    """
    wanted = {
        (one.digest, one.store): one
        for one in _wanted(stores, subscriptions, wishes, verdicts, copies, interventions)
    }
    steps: list[Planned] = []
    keep = {one.name: one.keep_withdrawn for one in stores}
    present = {(one.digest, one.store): one for one in copies}
    for copy in copies:
        if copy.store not in keep:
            continue
        step = _of_copy(copy, verdicts.get(copy.identifier), wanted, present, subscriptions, now, keep)
        if step is not None:
            steps.append(step)
    if may_import:
        steps += _imports(wanted, present, verdicts, now)
    order = [Step.WITHDRAW, Step.REMOVE, Step.BRING_BACK, Step.IMPORT]
    return sorted(steps, key=lambda one: order.index(one.step))


def _of_copy(
    copy: Copy,
    verdict: SiteVerdict | None,
    wanted: Mapping[tuple[str, str], _Wanted],
    present: Mapping[tuple[str, str], Copy],
    subscriptions: Sequence[SubscriptionTable],
    now: float,
    keep: Mapping[str, float],
) -> Planned | None:
    allowed = verdict is not None and verdict.allowed and copy.digest in verdict.digests
    is_wanted = (copy.digest, copy.store) in wanted
    if copy.state is CopyState.WITHDRAWING:
        return _planned(Step.WITHDRAW, copy, copy.reason)
    if copy.state is CopyState.AVAILABLE:
        if not allowed:
            return _planned(Step.WITHDRAW, copy, _refusal(copy, verdict))
        if not is_wanted and not _waits(copy, verdict, wanted, present, subscriptions):
            return _planned(Step.WITHDRAW, copy, NOT_WANTED)
    if copy.state is CopyState.WITHDRAWN:
        if allowed and is_wanted:
            return _planned(Step.BRING_BACK, copy, wanted[copy.digest, copy.store].why)
        if copy.changed + keep[copy.store] <= now:
            return _planned(Step.REMOVE, copy, "was withdrawn long ago")
    if copy.state in UNDER_WAY and not (allowed and is_wanted):
        reason = NOT_WANTED if allowed else _refusal(copy, verdict)
        return _planned(Step.REMOVE, copy, reason)
    return None


def _refusal(copy: Copy, verdict: SiteVerdict | None) -> str:
    if verdict is None:
        return "nothing is known of it any more"
    return verdict.reason if not verdict.allowed else f"{copy.digest[:24]}… is not what is endorsed any more"


def _waits(
    copy: Copy,
    verdict: SiteVerdict | None,
    wanted: Mapping[tuple[str, str], _Wanted],
    present: Mapping[tuple[str, str], Copy],
    subscriptions: Sequence[SubscriptionTable],
) -> bool:
    """Whether a newer version of the same tag is not there yet, so that this one stays for the time being."""
    if verdict is None:
        return False
    for one in subscriptions:
        if one.tag is None or copy.store not in one.stores or not _carries(verdict, one.tag):
            continue
        for key, want in wanted.items():
            there = present.get(key)
            if (
                want.store == copy.store
                and want.why == _why(one)
                and (there is None or there.state is not CopyState.AVAILABLE)
            ):
                return True
    return False


def _imports(
    wanted: Mapping[tuple[str, str], _Wanted],
    present: Mapping[tuple[str, str], Copy],
    verdicts: Mapping[str, SiteVerdict],
    now: float,
) -> Iterable[Planned]:
    for key, want in wanted.items():
        copy = present.get(key)
        if copy is not None and not _is_due(copy, verdicts[want.identifier], now):
            continue
        entry = verdicts[want.identifier].entry
        assert entry is not None  # noqa: S101  # an image that is allowed has one
        yield Planned(
            Step.IMPORT, want.store, want.identifier, want.digest, entry.entry_id, entry.size, want.why, copy
        )


def _is_due(copy: Copy, verdict: SiteVerdict, now: float) -> bool:
    if copy.state in UNDER_WAY or copy.state is CopyState.REMOVED:
        return True
    if copy.state is not CopyState.FAILED:
        return False
    if copy.next_at is not None:
        return copy.next_at <= now
    # Given up, until somebody says something new about it.
    return verdict.entry is not None and verdict.entry.entry_id != copy.entry_id


def _wanted(
    stores: Sequence[StoreTable],
    subscriptions: Sequence[SubscriptionTable],
    wishes: Sequence[WantedImage],
    verdicts: Mapping[str, SiteVerdict],
    copies: Sequence[Copy],
    interventions: Mapping[str, Intervention],
) -> Iterable[_Wanted]:
    for one in subscriptions:
        asked = dict.fromkeys(wish.identifier for wish in wishes if wish.subscription == one.name)
        found = [verdicts[name] for name in asked if name in verdicts and _is_usable(verdicts[name])]
        for verdict in _chosen(one, found):
            yield from (_Wanted(verdict.identifier, verdict.digest, store, _why(one)) for store in one.stores)
    for identifier, intervention in interventions.items():
        wish = verdicts.get(identifier)
        if intervention.kind is InterventionKind.IMPORT and wish is not None and _is_usable(wish):
            yield from (
                _Wanted(identifier, wish.digest, store.name, f"{intervention.author}: {intervention.reason}")
                for store in stores
            )


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
