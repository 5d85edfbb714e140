"""What has to be done: wishes, opinions and copies in, steps out. Nothing is changed here.

Withdrawals come first. An old version is never withdrawn for a new one before the new one is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from marketplace.sites.opinions import Opinion
from marketplace.sites.settings import SubscriptionTable
from marketplace.sites.state import UNDER_WAY, Copy, CopyState, Intervention, InterventionKind, WantedImage
from marketplace.sites.store_settings import StoreTable

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
    opinions: Mapping[str, Opinion],
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
        for one in _wanted(stores, subscriptions, wishes, opinions, copies, interventions)
    }
    steps: list[Planned] = []
    keep = {one.name: one.keep_withdrawn for one in stores}
    present = {(one.digest, one.store): one for one in copies}
    for copy in copies:
        if copy.store not in keep:
            continue
        step = _of_copy(copy, opinions.get(copy.identifier), wanted, present, subscriptions, now, keep)
        if step is not None:
            steps.append(step)
    if may_import:
        steps += _imports(wanted, present, opinions, now)
    order = [Step.WITHDRAW, Step.REMOVE, Step.BRING_BACK, Step.IMPORT]
    return sorted(steps, key=lambda one: order.index(one.step))


def _of_copy(
    copy: Copy,
    opinion: Opinion | None,
    wanted: Mapping[tuple[str, str], _Wanted],
    present: Mapping[tuple[str, str], Copy],
    subscriptions: Sequence[SubscriptionTable],
    now: float,
    keep: Mapping[str, float],
) -> Planned | None:
    allowed = opinion is not None and opinion.allowed and copy.digest in opinion.digests
    is_wanted = (copy.digest, copy.store) in wanted
    if copy.state is CopyState.WITHDRAWING:
        return _planned(Step.WITHDRAW, copy, copy.reason)
    if copy.state is CopyState.AVAILABLE:
        if not allowed:
            return _planned(Step.WITHDRAW, copy, _refusal(copy, opinion))
        if not is_wanted and not _waits(copy, opinion, wanted, present, subscriptions):
            return _planned(Step.WITHDRAW, copy, NOT_WANTED)
    if copy.state is CopyState.WITHDRAWN:
        if allowed and is_wanted:
            return _planned(Step.BRING_BACK, copy, wanted[copy.digest, copy.store].why)
        if copy.changed + keep[copy.store] <= now:
            return _planned(Step.REMOVE, copy, "was withdrawn long ago")
    if copy.state in UNDER_WAY and not (allowed and is_wanted):
        reason = NOT_WANTED if allowed else _refusal(copy, opinion)
        return _planned(Step.REMOVE, copy, reason)
    return None


def _refusal(copy: Copy, opinion: Opinion | None) -> str:
    if opinion is None:
        return "nothing is known of it any more"
    return opinion.reason if not opinion.allowed else f"{copy.digest[:24]}… is not what is endorsed any more"


def _waits(
    copy: Copy,
    opinion: Opinion | None,
    wanted: Mapping[tuple[str, str], _Wanted],
    present: Mapping[tuple[str, str], Copy],
    subscriptions: Sequence[SubscriptionTable],
) -> bool:
    """Whether a newer version of the same tag is not there yet, so that this one stays for the time being."""
    if opinion is None:
        return False
    for one in subscriptions:
        if one.tag is None or copy.store not in one.stores or not _carries(opinion, one.tag):
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
    opinions: Mapping[str, Opinion],
    now: float,
) -> Iterable[Planned]:
    for key, want in wanted.items():
        copy = present.get(key)
        if copy is not None and not _is_due(copy, opinions[want.identifier], now):
            continue
        entry = opinions[want.identifier].entry
        assert entry is not None  # noqa: S101  # an image that is allowed has one
        yield Planned(
            Step.IMPORT, want.store, want.identifier, want.digest, entry.entry_id, entry.size, want.why, copy
        )


def _is_due(copy: Copy, opinion: Opinion, now: float) -> bool:
    if copy.state in UNDER_WAY or copy.state is CopyState.REMOVED:
        return True
    if copy.state is not CopyState.FAILED:
        return False
    if copy.next_at is not None:
        return copy.next_at <= now
    # Given up, until somebody says something new about it.
    return opinion.entry is not None and opinion.entry.entry_id != copy.entry_id


def _wanted(
    stores: Sequence[StoreTable],
    subscriptions: Sequence[SubscriptionTable],
    wishes: Sequence[WantedImage],
    opinions: Mapping[str, Opinion],
    copies: Sequence[Copy],
    interventions: Mapping[str, Intervention],
) -> Iterable[_Wanted]:
    for one in subscriptions:
        asked = dict.fromkeys(wish.identifier for wish in wishes if wish.subscription == one.name)
        found = [opinions[name] for name in asked if name in opinions and _is_usable(opinions[name])]
        for opinion in _chosen(one, found):
            yield from (_Wanted(opinion.identifier, opinion.digest, store, _why(one)) for store in one.stores)
    for identifier, intervention in interventions.items():
        wish = opinions.get(identifier)
        if intervention.kind is InterventionKind.IMPORT and wish is not None and _is_usable(wish):
            yield from (
                _Wanted(identifier, wish.digest, store.name, f"{intervention.author}: {intervention.reason}")
                for store in stores
            )


def _chosen(one: SubscriptionTable, found: list[Opinion]) -> list[Opinion]:
    if one.tag is not None:
        # The marketplace's word that an entry has the tag is not believed.
        tag = one.tag
        found = [opinion for opinion in found if _carries(opinion, tag)]
        found = sorted(found, key=lambda opinion: _stated_at(opinion, tag), reverse=True)[: one.keep]
    else:
        found = found[: one.most]
    if one.most_bytes is None:
        return found
    chosen, total = [], 0
    for opinion in found:
        size = 0 if opinion.entry is None else opinion.entry.size
        if total + size <= one.most_bytes:
            chosen.append(opinion)
            total += size
    return chosen


def _is_usable(opinion: Opinion) -> bool:
    return opinion.allowed and bool(opinion.digest)


def _carries(opinion: Opinion, tag: str) -> bool:
    return bool(_stated_at(opinion, tag))


def _stated_at(opinion: Opinion, tag: str) -> str:
    """When the tag's endorser said it of the image; empty where nobody did."""
    email, _, name = tag.partition("/")
    times = [
        one.statement.created.isoformat()
        for one in opinion.verdict.statements
        if one.weight and one.statement.endorser.email == email and name in one.statement.tags
    ]
    return max(times, default="")


def _why(one: SubscriptionTable) -> str:
    return f"subscription {one.name}"


def _planned(step: Step, copy: Copy, reason: str) -> Planned:
    return Planned(step, copy.store, copy.identifier, copy.digest, copy.entry_id, copy.size, reason, copy)
