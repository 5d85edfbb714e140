"""``marketplace lint``: what is refused, and what sites will miss, before anything is signed or sent."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_document
from marketplace.cli.options import endpoint_option, open_client
from marketplace.cli.output import Format, document_option, write_records
from validators import accept
from validators.document import AcceptedEntry, Metadata
from validators.errors import RefusedError
from validators.lint import Level, Linted, LintFinding
from validators.lint import lint as lint_document

COLUMNS = ("level", "code", "element", "message")


@examples(
    "marketplace lint draft.xml",
    "marketplace lint --offline signed.xml",
)
@click.command()
@endpoint_option
@document_option
@click.option("--offline", is_flag=True, help="Check no location and ask no marketplace.")
@click.option(
    "--allow-private",
    multiple=True,
    metavar="NETWORK",
    help="Internal network or host that locations may lead to, such as 10.1.0.0/16. Repeatable.",
)
@click.argument("file")
def lint(
    endpoint: str | None, output: Format, offline: bool, allow_private: tuple[str, ...], file: str
) -> None:
    """Check a draft or a signed file: every marketplace refuses errors, advice is optional.

    Locations are requested, and if a marketplace is configured, it is asked for the current entry of
    the file's tag. FILE may be - for standard input. Ends with 5 if there is an error, with 0 if
    there is only advice.
    """
    document = read_document(file)
    now = datetime.now(UTC)
    linted = lint_document(document, now)
    if linted.metadata is not None and not offline:
        linted = _with_network(document, linted.metadata, now, endpoint, allow_private)
    gate = _gate_findings(document, now) if linted.signed and linted.passes else ()
    findings = (*gate, *linted.findings)
    write_records([finding.record() for finding in findings], COLUMNS, output, identify="code")
    errors = sum(finding.level is Level.ERROR for finding in findings)
    if errors:
        raise CommandError(f"{file}: a marketplace would refuse it", ExitCode.VERIFICATION_FAILED)


def _with_network(
    document: bytes, metadata: Metadata, now: datetime, endpoint: str | None, allow_private: Sequence[str]
) -> Linted:
    from marketplace.locations import AddressGuard, Looker
    from marketplace.publishing.locations import look_at_locations

    with Looker(AddressGuard(allow_private)) as looker:
        located = look_at_locations(metadata, looker)
    previous = _previous(document, endpoint)
    linted = lint_document(document, now, located.file, previous)
    return replace(linted, findings=linted.findings + located.findings)


def _previous(document: bytes, endpoint: str | None) -> Metadata | None:
    """What the first tag of a signed file stands for, where a marketplace is configured."""
    from marketplace.client import find_endpoint

    try:
        entry = accept(document)
    except RefusedError:
        return None
    if not entry.metadata.tags or find_endpoint(endpoint, os.environ) is None:
        return None
    with open_client(endpoint) as client:
        data = client.tagged(entry.endorser.email, entry.metadata.tags[0])
    before = None if data is None else accept(data)
    return None if before is None or before.identifier == entry.identifier else before.metadata


def _gate_findings(document: bytes, now: datetime) -> tuple[LintFinding, ...]:
    """What the gate of a marketplace with the usual settings refuses, without asking one."""
    from marketplace.ingest.errors import GateError
    from marketplace.ingest.gate import UploadPolicy, verify_gate

    entry: AcceptedEntry = accept(document)
    try:
        verify_gate(entry, None, UploadPolicy(), now)
    except GateError as error:
        return (LintFinding(error.code, Level.ERROR, "", error.message),)
    return ()
