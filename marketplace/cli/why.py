"""``marketplace why``: every rule behind a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from marketplace.cli.allowed import refusal, write_verdict
from marketplace.cli.colours import word, yes_or_no
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.list_show import find_path, path_of_url
from marketplace.cli.options import endpoint_option, open_client
from marketplace.cli.output import Format, output_option, write_record
from marketplace.client import MarketplaceClient
from marketplace.logs import printable
from validators.decision import Rule
from validators.document import format_time
from validators.policy import Policy, Verdict


@examples(
    "marketplace why MMZu9WvwKIro-rtBQfDk4PsKO7_/me@example.org",
    "marketplace why MMZu9WvwKIro-rtBQfDk4PsKO7_ --policy site.toml",
)
@click.command()
@endpoint_option
@output_option
@click.option(
    "--policy",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Judge by this policy (TOML, its [policy] table) instead of the marketplace's own.",
)
@click.argument("entry", metavar="ID[/EMAIL[/CREATED]]")
def why(endpoint: str | None, output: Format, policy: Path | None, entry: str) -> None:
    """Explain whether an image may be started: each rule, its outcome and what would change it.

    All current entries about the image count, whichever of them is named. Trust in the endorser is
    shown separately, at the end. With --policy the entries are fetched, verified and judged on this
    machine; only trust in endorsers comes from the marketplace. Ends with 6 if the image is not
    allowed.
    """
    if policy is not None:
        from marketplace.cli.policy import judge_here, read_policy

        rules = read_policy(policy)
        with open_client(endpoint) as client:
            path, asked = _find(client, entry)
            here = judge_here(client, asked, rules, datetime.now(UTC))
        _write_verdict(path, here, rules, output)
        return
    with open_client(endpoint) as client:
        path, verdict = _find(client, entry)
        decision = client.decision(path)
    if output == "id":
        click.echo(printable(path))
    elif output == "table":
        _write(path, verdict, decision)
    else:
        write_record({**decision, "verdict": verdict}, output, identify="id")
    if not verdict["allowed"]:
        raise refusal(verdict)


def _find(client: MarketplaceClient, entry: str) -> tuple[str, dict[str, Any]]:
    """The entry to tell about, and the verdict on its image."""
    parts = [part for part in path_of_url(entry).split("/") if part]
    if len(parts) != 1:
        path = find_path(client, entry)
        return path, client.verdict(entry=path)
    verdict = client.verdict(identifier=parts[0])
    found = verdict.get("entry") or next(iter(verdict["statements"]), None)
    if not isinstance(found, Mapping):
        raise CommandError("the marketplace does not say which entry decided", ExitCode.NETWORK_OR_SERVER)
    return "/".join(str(found.get(name)) for name in ("identifier", "email", "created")), verdict


def _write(path: str, verdict: dict[str, Any], decision: dict[str, Any]) -> None:
    write_verdict(verdict, path)
    _write_lines(verdict["rules"])
    for one in verdict["statements"]:
        click.echo(printable(f"  {one.get('email')} ({one.get('status')}): {_weight(one)}"))
    trusted = decision.get("trusted") is True
    told = yes_or_no("trusts" if trusted else "does NOT trust", trusted)
    standing = printable(f"{decision.get('email')}: {decision.get('standing')}")
    click.echo(f"  the marketplace {told} {standing}")
    _write_lines(decision["rules"])


def _weight(statement: Mapping[str, Any]) -> str:
    words = {
        "allows": "allows the image, and counts",
        "objects": "does not allow the image; would count if it withdrew the image",
        "none": "does not count",
    }
    told = words.get(str(statement.get("weight")), "does not count")
    return told if statement.get("weight") == "allows" else f"{told}: {statement.get('found')}"


def _write_verdict(path: str, verdict: Verdict, policy: Policy, output: Format) -> None:
    record = {
        "entry": path,
        "allowed": verdict.allowed,
        "sentence": verdict.sentence,
        "policy": policy.digest,
        "until": None if verdict.until is None else format_time(verdict.until),
        "rules": [rule.record() for rule in verdict.rules],
        "statements": [
            {
                "entry": one.statement.coordinates.path(),
                "weight": one.weight.name.lower(),
                "rules": [rule.record() for rule in one.rules],
            }
            for one in verdict.statements
        ],
    }
    if output == "id":
        click.echo(printable(path))
    elif output != "table":
        write_record(record, output, identify="entry")
    else:
        click.echo(f"{printable(path)}: {yes_or_no(printable(verdict.sentence), verdict.allowed)}")
        write_rules(verdict.rules)
        for one in verdict.statements:
            click.echo(printable(f"  {one.statement.coordinates.path()}: {one.weight.name.lower()}"))
            write_rules(one.rules)
    if not verdict.allowed:
        codes = ", ".join(one.code for one in verdict.reasons)
        raise CommandError(f"the policy does not allow the image ({codes})", ExitCode.REFUSED_BY_POLICY)


def write_rules(rules: Iterable[Rule]) -> None:
    """Rules with their outcomes, a line each."""
    _write_lines([rule.record() for rule in rules])


def _write_lines(rules: list[Any]) -> None:
    for rule in rules:
        if isinstance(rule, dict):
            outcome = word(printable(f"{rule.get('outcome')!s:<7}"))
            told = printable(f"{rule.get('rule')}: {rule.get('found')}")
            click.echo(f"  {outcome} {told}")
            if rule.get("change"):
                click.echo(printable(f"          to change this: {rule['change']}"))
