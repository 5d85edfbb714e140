"""``marketplace site status``, ``list`` and ``log``."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.cli.examples import examples
from marketplace.cli.output import Format, output_option, write_record, write_records
from marketplace.cli.site.common import config_option, open_state, read_site, show_time
from marketplace.moments import utc_now, written_for_people

if TYPE_CHECKING:
    from marketplace.sites.decisions.answers import Answers
    from marketplace.sites.state import Copy

#: Seconds during which the state of the site names a copy that was withdrawn.
_NEWS = 7 * 86_400
_STATES = (
    "wanted",
    "reserved",
    "filling",
    "filled",
    "verified",
    "available",
    "withdrawing",
    "withdrawn",
    "quarantined",
    "failed",
    "removed",
)


@examples(
    "marketplace site status",
    "marketplace site status -o json",
)
@click.command()
@config_option
@output_option
def status(config: Path | None, output: Format) -> None:
    """Show the state of the site: marketplaces, copies, what users miss, and answers.

    Names copies that failed, are in quarantine or were withdrawn in the last week, and requested
    images that the site refuses, each with the reason. marketplace site why IMAGE shows every rule.
    """
    from marketplace.sites.decisions.answers import Answers
    from marketplace.sites.decisions.verdict_file import read_verdicts
    from marketplace.sites.events.outbox import EventOutbox
    from marketplace.sites.requests import refused_requests, subscriptions_without_images

    configuration = read_site(config)
    table = configuration.table
    with open_state(configuration) as state:
        heard, faults = [], []
        for one in table.marketplace:
            followed = state.evidence.followed(one.url)
            moment = show_time(followed.heard) or "never"
            if output == "table":
                moment = written_for_people(moment, utc_now())
            heard.append(f"{one.url} heard {moment}")
            if followed.fault:
                faults.append(followed.fault)
        copies = sorted(state.copies.all(), key=lambda one: one.changed, reverse=True)
        counts = Counter(f"{one.store} {one.state.value}" for one in copies)
        owed = EventOutbox(state.database, table.hook).count()
        images = len(state.evidence.identifiers())
        wishes, interventions = state.evidence.wishes(), state.interventions.all(time.time())
    try:
        answers = read_verdicts(table.run)
        fresh = show_time(answers.fresh_until)
        age: int | None = int(time.time() - answers.made)
    except (OSError, ValueError):
        answers, fresh, age = Answers(), None, None
    refused = refused_requests(wishes, interventions, lambda image: _refusal(answers, image))
    record = {
        "site": table.name,
        "marketplaces": heard,
        "contradictions": faults,
        "images": images,
        "copies": [f"{name}: {count}" for name, count in sorted(counts.items())],
        "unavailable": [_unavailable(one, output) for one in copies if _is_news(one)],
        "refused": [f"{one.identifier} ({one.asked_by}): {one.reason}" for one in refused],
        "subscriptions_without_images": subscriptions_without_images(table.subscription, wishes),
        "hooks_owed": owed,
        "answers_age_seconds": age,
        "answers_fresh_until": fresh,
    }
    write_record(record, output, identify="site")


def _is_news(copy: Copy) -> bool:
    """Whether users miss a copy, and somebody may want to know why."""
    recently = copy.changed > time.time() - _NEWS
    return copy.state.value in ("quarantined", "failed", "withdrawing") or (
        copy.state.value == "withdrawn" and recently
    )


def _unavailable(copy: Copy, output: Format) -> str:
    moment = show_time(copy.changed) or ""
    since = written_for_people(moment, utc_now()) if output == "table" else moment
    return f"{copy.identifier} {copy.state.value} in store {copy.store}, {since}: {copy.reason}"


def _refusal(answers: Answers, identifier: str) -> str | None:
    """Why the answers of the verdict file refuse an image; None if they allow it."""
    found = answers.verdicts.get(f"id:{identifier}")
    if found is None:
        return "nothing is known about it yet"
    return None if found.allowed else found.reason


@examples(
    "marketplace site list",
    "marketplace site list --state quarantined",
)
@click.command("list")
@config_option
@output_option
@click.option("--state", "wanted", type=click.Choice(_STATES), help="Only copies in this state.")
def list_(config: Path | None, output: Format, wanted: str | None) -> None:
    """List the copies of images in the stores."""
    configuration = read_site(config)
    with open_state(configuration) as state:
        records = [
            {
                "identifier": one.identifier,
                "store": one.store,
                "state": one.state.value,
                "name": one.external,
                "bytes": one.size,
                "format": one.format,
                "digest": one.digest,
                "changed": show_time(one.changed),
                "next_attempt": show_time(one.next_at),
                "reason": one.reason,
            }
            for one in state.copies.all()
            if (wanted is None and one.state.value != "removed") or one.state.value == wanted
        ]
    columns = ("identifier", "store", "state", "name", "bytes", "changed", "reason")
    write_records(records, columns, output, identify="identifier")


@examples(
    "marketplace site log --limit 20",
    "marketplace site log MMZu9WvwKIro-rtBQfDk4PsKO7_",
)
@click.command()
@config_option
@output_option
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=100_000),
    default=100,
    show_default=True,
    help="Most records.",
)
@click.argument("image", required=False)
def log(config: Path | None, output: Format, limit: int, image: str | None) -> None:
    """Show what happened, why and when; for one IMAGE if it is named."""
    configuration = read_site(config)
    with open_state(configuration) as state:
        records = [
            {
                "at": show_time(one.at),
                "identifier": one.identifier,
                "store": one.store,
                "what": one.what,
                "why": one.why,
            }
            for one in state.history.read(image, limit)
        ]
    write_records(records, ("at", "identifier", "store", "what", "why"), output, identify="identifier")
