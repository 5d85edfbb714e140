"""``marketplace upload``."""

from __future__ import annotations

from typing import Any

import click

from marketplace.cli.batch_result import BatchResult
from marketplace.cli.examples import examples
from marketplace.cli.files import read_document
from marketplace.cli.options import audience_option, endpoint_option, open_client
from marketplace.cli.output import Format, output_option
from marketplace.cli.progress import progress
from marketplace.client import MarketplaceClient, Uploaded


@examples(
    "marketplace upload signed.xml",
    "marketplace upload --dry-run signed.xml",
    "marketplace upload --audience astronomy signed.xml",
)
@click.command()
@endpoint_option
@output_option
@audience_option
@click.option("--dry-run", is_flag=True, help="Only ask the marketplace for the result; nothing is stored.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def upload(
    endpoint: str | None, output: Format, audience: str | None, dry_run: bool, files: tuple[str, ...]
) -> None:
    """Upload signed files to a marketplace. FILE may be - for standard input.

    Every file is tried; if only some of several were accepted, the exit code is 9. An upload that
    the endorser has to confirm by mail first is reported as pending, and counts as a success.
    """
    results = BatchResult(len(files), "files", "found good" if dry_run else "uploaded")
    handle = _try if dry_run else _upload
    with open_client(endpoint) as client, progress("Uploading", len(files)) as advance:
        for name in files:
            handle(client, name, audience, results)
            advance(1)
    results.finish(("file", "outcome", "location"), output)


@examples(
    "marketplace publish-entry \\\n    MMZu9WvwKIro-rtBQfDk4PsKO7_/me@example.org/2026-05-01T12:00:00Z",
)
@click.command("publish-entry")
@endpoint_option
@output_option
@click.argument("entries", nargs=-1, required=True, metavar="ID/EMAIL/CREATED...")
def publish_entry(endpoint: str | None, output: Format, entries: tuple[str, ...]) -> None:
    """Publish private entries of your groups: everybody sees them, and this cannot be undone.

    Needs MARKETPLACE_TOKEN, of a member who may upload. Every entry is tried; if only some of
    several were published, the exit code is 9.
    """
    results = BatchResult(len(entries), "entries", "published")
    with open_client(endpoint) as client, progress("Publishing", len(entries)) as advance:
        for name in entries:
            try:
                receipt = client.publish(name)
            except Exception as error:  # told of this file; the others go on
                results.fail(name, error)
            else:
                outcome = "pending" if receipt.pending else "published"
                told = {"entry": name, "outcome": outcome, "location": receipt.location}
                results.succeed(told, pending_note(name, receipt))
            advance(1)
    results.finish(("entry", "outcome", "location"), output)


def _upload(client: MarketplaceClient, name: str, audience: str | None, results: BatchResult) -> None:
    try:
        receipt = client.upload(read_document(name), audience)
    except Exception as error:  # told of this file; the others go on
        results.fail(name, error)
    else:
        results.succeed({"file": name} | receipt_fields(receipt), pending_note(name, receipt))


def _try(client: MarketplaceClient, name: str, audience: str | None, results: BatchResult) -> None:
    try:
        tried = client.try_upload(read_document(name), audience)
    except Exception as error:  # told of this file; the others go on
        results.fail(name, error)
    else:
        outcome = "would wait" if tried.held else "would be accepted"
        results.succeed({"file": name, "outcome": outcome, "location": ""}, f"{name}: {tried.note}")


def receipt_fields(receipt: Uploaded) -> dict[str, Any]:
    """What a command's results tell of a receipt."""
    outcome = "pending" if receipt.pending else "uploaded"
    path = receipt.location.partition("/metadata/")[2]
    return {"outcome": outcome, "location": receipt.location, "entry": path}


def pending_note(name: str, receipt: Uploaded) -> str:
    """What happens next where a confirmation is asked for; else nothing."""
    if not receipt.pending:
        return ""
    said = receipt.note or "the marketplace asks the endorser by mail"
    return f"{name}: not public yet: {said}. Open the link in that mail and press the button there"
