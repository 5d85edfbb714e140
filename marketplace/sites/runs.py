"""One whole run of a site, for a timer: learn, judge, withdraw, import, tell hooks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from marketplace.sites.errors import KnowledgeError
from marketplace.sites.requests import RefusedRequest, refused_requests, subscriptions_without_images
from marketplace.sites.site import Site
from marketplace.sites.state import Copy, CopyState
from marketplace.sites.step_plan import Planned, Step

#: Seconds that events which were told are remembered.
_EVENTS_KEPT: Final = 7 * 86_400.0


@dataclass
class Done:
    """The results of a run.

    Args:
        withdrawals: the steps that withdrew a copy, with their reasons.
        unheard: why marketplaces were not heard, one sentence each.
        contradictions: how marketplaces contradict what they said before.
        refused: subscriptions that a marketplace does not understand, and why.
        refused_requests: images that are asked for and may not be imported.
        without_images: names of subscriptions for which no marketplace lists an image.
    """

    imported: int = 0
    withdrawn: int = 0
    removed: int = 0
    failed: int = 0
    unproven: int = 0
    hooks_failed: int = 0
    withdrawals: list[Planned] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    refused_requests: list[RefusedRequest] = field(default_factory=list)
    without_images: list[str] = field(default_factory=list)


def hear(site: Site, done: Done) -> None:
    """Read every marketplace once, and judge everything."""
    for follower in site.followers:
        try:
            site.learn(follower)
            site.ask(follower)
        except KnowledgeError as error:
            done.unheard.append(str(error))
    for follower in site.followers:
        with suppress(KnowledgeError):  # what is not covered now is in the next run
            site.learning.cover(follower)
    done.contradictions = [one.followed.fault for one in site.followers if one.followed.fault]
    done.refused = [f"subscription {name}: {why}" for (name, _), why in site.learning.refused.items()]
    site.judge()
    site.publish()
    note_requests(site, done)


def note_requests(site: Site, done: Done) -> None:
    """Note what is asked for and is not imported by the site's rules."""
    wishes, only = site.state.evidence.wishes(), site.configuration.only
    interventions = site.state.interventions.all(site.wall())
    done.refused_requests = refused_requests(wishes, interventions, site.find_refusal, only)
    if len(done.unheard) < len(site.followers):
        not_understood = {name for name, _ in site.learning.refused}
        done.without_images = [
            name
            for name in subscriptions_without_images(site.table.subscription, wishes, only)
            if name not in not_understood
        ]


def sync(site: Site) -> Done:
    """One whole run.

    Raises:
        StateError: the state cannot be written.
    """
    done = Done()
    site.judge()
    site.finish_withdrawals()
    site.reconciler.run()
    hear(site, done)
    steps = site.plan()
    if steps:
        site.owe("ProcessPrefix")
    site.hooks.run()
    _run_steps(site, [one for one in steps if one.step is not Step.IMPORT], done)
    _run_steps(site, [one for one in steps if one.step is Step.IMPORT], done)
    # What an import has replaced goes once the new one is there.
    _run_steps(site, [one for one in site.plan() if one.step is Step.WITHDRAW], done)
    note_requests(site, done)  # the bytes of an image may have shown what a rule refuses
    if steps:
        site.owe("ProcessPostfix")
    done.hooks_failed = site.hooks.run()
    site.receipts.send()
    site.outbox.forget(site.wall() - _EVENTS_KEPT)
    return done


def _run_steps(site: Site, steps: list[Planned], done: Done) -> None:
    with ThreadPoolExecutor(site.table.fetch.parallel) as pool:
        for step, copy in zip(steps, pool.map(site.act, steps), strict=True):
            count(step, copy, done)


def count(step: Planned, copy: Copy | None, done: Done) -> None:
    """Add what became of a step to what a run did."""
    if copy is None:
        done.failed += 1
    elif copy.state is CopyState.QUARANTINED:
        done.unproven += 1
    elif step.step in (Step.IMPORT, Step.BRING_BACK):
        done.imported += copy.state is CopyState.AVAILABLE
        done.failed += copy.state is CopyState.FAILED
    elif step.step is Step.WITHDRAW:
        done.withdrawn += 1
        done.withdrawals.append(step)
    else:
        done.removed += 1
