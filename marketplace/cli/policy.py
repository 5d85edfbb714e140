"""``marketplace policy check``, and judging what a marketplace holds by a policy of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_bounded, read_document
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.streams import say
from marketplace.cli.whole_help import WholeGroup
from marketplace.cli.why import write_rules
from marketplace.client import MarketplaceClient
from marketplace.client.decisions import parse_decision
from marketplace.logs import printable
from marketplace.moments import counted
from validators import accept
from validators.policy import Policy, PolicyError, Statement, Verdict, judge, parse_policy_file, statement_of
from validators.policy.reading import MAX_FILE

_GROUP = "group:"


@examples("marketplace policy check site.toml")
@click.group("policy", cls=WholeGroup)
def policy() -> None:
    """Check policies for starting images."""


@examples(
    "marketplace policy check site.toml",
    "marketplace policy check policy.toml signed.xml",
)
@policy.command()
@settings_options
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("documents", nargs=-1, metavar="[DOCUMENT...]")
def check(source: SettingsSource, file: Path, documents: tuple[str, ...]) -> None:
    """Check a policy, and judge signed files by it, offline.

    FILE is TOML: a site's settings with a table [policy], or a policy alone. Every fault is named.
    With DOCUMENTs, each image is judged as if these were all entries about it; the trust anchors
    come from the settings (--config). Ends with 2 if the policy cannot be used, with 6 if an image
    is not allowed. `why --policy FILE` judges what a marketplace holds.
    """
    rules = read_policy(file)
    say(f"the policy can be used (digest {rules.digest[:16]}).")
    if documents:
        from marketplace.trust import TrustService, open_store

        service, now = TrustService(open_store(source.read().trust)), datetime.now(UTC)
        said: dict[str, list[Statement]] = {}
        for name in documents:
            entry = accept(read_document(name))
            said.setdefault(entry.identifier, []).append(statement_of(entry, service.decide(entry, now)))
        refused = [image for image in said if not _tell(judge(image, said[image], rules, now))]
        if refused:
            raise CommandError(
                f"the policy refuses {len(refused)} of {counted(len(said), 'image')}",
                ExitCode.REFUSED_BY_POLICY,
            )


def read_policy(file: Path) -> Policy:
    """The policy of a file.

    Raises:
        CommandError: it cannot be used; every fault is written to standard error.
        OSError: it cannot be read.
    """
    try:
        return parse_policy_file(read_bounded(file, MAX_FILE + 1))
    except PolicyError as error:
        for fault in error.faults[:-1]:
            say(f"{file}: {fault.key} {fault.message}")
        last = error.faults[-1]
        raise CommandError(f"{file}: {last.key} {last.message}", ExitCode.USAGE) from None


def judge_here(client: MarketplaceClient, verdict: dict[str, Any], rules: Policy, now: datetime) -> Verdict:
    """Judge the entries that a marketplace names, each fetched and proved; whom to trust is its word.

    Raises:
        ClientError, RefusedError: an entry cannot be had, or is not what the marketplace says.
    """
    identifier = str(verdict.get("identifier"))
    said = [
        _statement(client, one, rules, now) for one in verdict["statements"] if one.get("weight") != "none"
    ]
    # Where nobody counts, the nearest stranger tells why.
    if not said and verdict["statements"]:
        said = [_statement(client, verdict["statements"][0], rules, now)]
    return judge(identifier, [one for one in said if one.identifier == identifier], rules, now)


def _statement(client: MarketplaceClient, members: dict[str, Any], rules: Policy, now: datetime) -> Statement:
    path = "/".join(str(members.get(name)) for name in ("identifier", "email", "created"))
    entry = accept(client.fetch(path))
    if entry.coordinates.path() != path:
        raise CommandError(
            f"asked for {path}, the marketplace sent {entry.coordinates.path()}", ExitCode.VERIFICATION_FAILED
        )
    return statement_of(
        entry,
        parse_decision(client.decision(path), entry, now),
        groups=_groups(client, path) if rules.groups else (),
    )


def _groups(client: MarketplaceClient, path: str) -> Iterator[str]:
    logs = client.seen_by(path)
    if "public" not in logs:
        yield from (log.removeprefix(_GROUP) for log in logs if log.startswith(_GROUP))


def _tell(verdict: Verdict) -> bool:
    click.echo(printable(f"{verdict.identifier}: {verdict.sentence}"))
    write_rules(verdict.rules)
    for one in verdict.statements:
        click.echo(printable(f"  {one.statement.coordinates.path()}: {one.weight.name.lower()}"))
        write_rules(one.rules)
    return verdict.allowed
