"""``marketplace site why`` and ``may-start``: both work while every marketplace is down."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from marketplace.cli.colours import word, yes_or_no
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.output import Format, output_option, write_record
from marketplace.cli.site.common import config_option, judge_image, open_state, read_site, show_time
from marketplace.logs import printable
from marketplace.moments import written_for_people

if TYPE_CHECKING:
    from marketplace.sites.configuration import SiteConfiguration
    from marketplace.sites.decisions.answers import Answer
    from marketplace.sites.state import State

#: Seconds that a daemon has to answer before the verdict file is read.
_PATIENCE = 2.0


@examples(
    "marketplace site may-start MMZu9WvwKIro-rtBQfDk4PsKO7_",
    "marketplace site may-start /var/lib/libvirt/images/debian-13.qcow2",
)
@click.command("may-start")
@config_option
@output_option
@click.argument("image", metavar="IMAGE|sha512:…|PATH")
def may_start(config: Path | None, output: Format, image: str) -> None:
    """Check whether a machine may start from an image now: ends with 0 or 6.

    Asks the daemon, or reads its verdict file if no daemon runs.
    """
    configuration = read_site(config)
    answer = ask_now(configuration, key_of(image))
    record = {
        "image": image,
        "allowed": answer.allowed,
        "known": answer.known,
        "until": show_time(answer.until),
        "reason": answer.reason,
    }
    if output == "table":
        told = yes_or_no("allowed" if answer.allowed else "REFUSED", answer.allowed)
        click.echo(f"{told}: {printable(answer.reason)}")
    else:
        write_record(record, output, identify="image")
    if not answer.allowed:
        raise CommandError(f"{image} may not be started", ExitCode.REFUSED_BY_POLICY)


@examples(
    "marketplace site why MMZu9WvwKIro-rtBQfDk4PsKO7_",
    "marketplace site why web-1",
)
@click.command()
@config_option
@output_option
@click.argument("image", metavar="IMAGE|FILE|DOMAIN")
def why(config: Path | None, output: Format, image: str) -> None:
    """Explain whether a machine may start from an image: each rule, and what would change the answer.

    Ends with 6 if no machine may start from it. DOMAIN is the name of a domain of the libvirt
    daemon that a store names.
    """
    configuration = read_site(config)
    with open_state(configuration) as state:
        identifier = _find(image, configuration, state)
        record = _explain(identifier, configuration, state)
    answer = ask_now(configuration, f"id:{identifier}")
    record |= {
        "allowed_now": answer.allowed,
        "answer": answer.reason,
        "answer_until": show_time(answer.until),
    }
    if output == "table":
        _show(record)
    else:
        write_record(record, output, identify="identifier")
    if not answer.allowed:
        raise CommandError(f"{identifier} may not be started", ExitCode.REFUSED_BY_POLICY)


def key_of(image: str) -> str:
    """The key that a user names: a digest, a file, or an image's identifier."""
    if image.partition(":")[0] in ("sha512", "sha384", "sha256", "id", "path", "glance"):
        return image if not image.startswith("path:") else f"path:{Path(image[5:]).resolve()}"
    if "/" in image or Path(image).exists():
        return f"path:{Path(image).resolve()}"
    return f"id:{image}"


def ask_now(configuration: SiteConfiguration, key: str) -> Answer:
    """The daemon's answer; that of the verdict file where none runs; a refusal where there is neither."""
    from marketplace.sites.decisions.answering import ask_socket
    from marketplace.sites.decisions.answers import Answer
    from marketplace.sites.decisions.verdict_file import read_verdicts

    folder = configuration.table.run
    question = f"GET /may-start/{quote(key, safe=':/')} HTTP/1.0\r\n\r\n".encode()
    try:
        status, headers, body = ask_socket(folder, question, _PATIENCE)
        until = headers.get("x-until")
        return Answer(
            status == 200, headers.get("x-known") == "yes", None if until is None else float(until), body
        )
    except OSError:
        pass  # no daemon runs: its file answers
    try:
        return read_verdicts(folder).ask(key, time.time())
    except (OSError, ValueError) as error:
        return Answer(False, False, None, f"no daemon answers, and the verdict file cannot be read ({error})")


def _find(image: str, configuration: SiteConfiguration, state: State) -> str:
    """The identifier of the image that a user names."""
    known = state.evidence.identifiers()
    if image in known:
        return image
    copies = state.copies.all()
    for one in copies:
        if image == one.digest or (one.external is not None and image == one.external):
            return one.identifier
    paths = (
        [str(Path(image).resolve())] if "/" in image or Path(image).exists() else _disks(image, configuration)
    )
    from marketplace.sites.decisions.domains import chain_of
    from marketplace.sites.stores.opening import open_stores

    stores = open_stores(configuration.table)
    places = {
        str(path.resolve()): one.identifier
        for one in copies
        if one.external is not None and one.store in stores
        if (path := stores[one.store].path(one.external)) is not None
    }
    for named in paths:
        for each in chain_of(named):
            if each in places:
                return places[each]
    raise CommandError(f"{image} is not an image that this site knows", ExitCode.NOT_FOUND)


def _disks(domain: str, configuration: SiteConfiguration) -> list[str]:
    import subprocess

    from marketplace.sites.decisions.domains import DomainError, parse_domain
    from marketplace.sites.store_settings import LibvirtTable

    for store in configuration.table.store:
        if isinstance(store, LibvirtTable):
            done = subprocess.run(  # noqa: S603  # an argument list of ours
                ["virsh", "-q", "-c", store.uri, "dumpxml", "--domain", domain],  # noqa: S607  # by PATH
                capture_output=True,
                check=False,
                timeout=30,
            )
            if done.returncode == 0:
                try:
                    return list(parse_domain(done.stdout).sources)
                except DomainError:
                    continue  # another store may know it
    return []


def _explain(identifier: str, configuration: SiteConfiguration, state: State) -> dict[str, Any]:
    found = judge_image(configuration, state, identifier).latest[identifier]
    verdict = found.verdict
    return {
        "identifier": identifier,
        "allowed": verdict.allowed,
        "until": show_time(found.until),
        "rules": [_rule(one) for one in verdict.rules],
        "statements": [
            {
                "endorser": one.statement.endorser.email,
                "created": one.statement.coordinates.created_text,
                "status": one.status.value,
                "weight": one.weight.name.lower(),
                "rules": [_rule(rule) for rule in one.rules],
            }
            for one in verdict.statements
        ],
        "copies": [
            {"store": one.store, "state": one.state.value, "name": one.external, "reason": one.reason}
            for one in state.copies.all()
            if one.identifier == identifier
        ],
    }


def _rule(rule: Any) -> dict[str, Any]:
    return {"rule": rule.name, "outcome": rule.outcome.value, "found": rule.found, "change": rule.change}


def _show(record: Mapping[str, Any]) -> None:
    allowed = record["allowed_now"]
    verdict = yes_or_no("may be started" if allowed else "may NOT be started", allowed)
    click.echo(f"{printable(record['identifier'])}: {verdict}: {printable(record['answer'])}")
    if record["answer_until"]:
        click.echo(f"  this answer expires {written_for_people(record['answer_until'], datetime.now(UTC))}")
    for rule in record["rules"]:
        _show_rule(rule, "  ")
    for one in record["statements"]:
        head = f"  {one['endorser']} {one['created']}: {one['status']}, weight {one['weight']}"
        click.echo(printable(head))
        for rule in one["rules"]:
            _show_rule(rule, "    ")
    for copy in record["copies"]:
        click.echo(printable(f"  store {copy['store']}: {copy['state']} ({copy['name']}): {copy['reason']}"))


def _show_rule(rule: Mapping[str, Any], indent: str) -> None:
    outcome = word(f"{rule['outcome']:<7}")
    told = printable(f"{rule['rule']}: {rule['found']}")
    click.echo(f"{indent}{outcome} {told}")
    if rule["change"] and rule["outcome"] != "passed":
        click.echo(printable(f"{indent}        to change this: {rule['change']}"))
