"""``marketplace proof``: receipts, fetched."""

from __future__ import annotations

import re
import time

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import write_document
from marketplace.cli.list_show import find_path
from marketplace.cli.options import endpoint_option, open_client
from marketplace.client import MarketplaceClient
from marketplace.tlog.note import parse_verifier_key
from marketplace.tlog.proof import parse_proof, verify_proof
from validators import accept

#: Seconds between two questions whether an entry is published.
_PAUSE = 0.5


@examples("marketplace proof MMZu9WvwKIro-rtBQfDk4PsKO7_/me@example.org --out receipt.txt")
@click.command()
@endpoint_option
@click.option("--key", metavar="KEY", help="Verify the proof by this key of the log, or of its site.")
@click.option("--log", default="public", show_default=True, help="Name of the log, as in its URL.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0, max=3600),
    default=10.0,
    show_default=True,
    help="Seconds to wait until the entry is published.",
)
@click.option(
    "--out", default="-", metavar="FILE", help="Write the receipt to this file; default: standard output."
)
@click.argument("entry", metavar="ID[/EMAIL[/CREATED]]")
def proof(endpoint: str | None, key: str | None, log: str, wait: float, out: str, entry: str) -> None:
    """Fetch the proof that a marketplace published an entry, as a receipt.

    Anybody who has the key of the log can verify the receipt offline at any later time (`verify
    --proof`), without trusting the marketplace. ENTRY may also be an entry id of 64 hex digits.
    """
    deadline = time.monotonic() + wait
    with open_client(endpoint) as client:
        entry_id = _entry_id(client, entry)
        data = client.proof(entry_id, log)
        while data is None and time.monotonic() < deadline:
            time.sleep(_PAUSE)  # the log is published soon; asking again at once would only load it
            data = client.proof(entry_id, log)
    if data is None:
        raise CommandError("the entry is accepted, but not published yet; try again", ExitCode.OTHER)
    leaf = parse_proof(data).leaf
    if entry_id.encode() not in leaf:
        raise CommandError("the marketplace sent the proof of another entry", ExitCode.VERIFICATION_FAILED)
    if key is not None:
        verify_proof(data, parse_verifier_key(key))
    write_document(out, data)


def _entry_id(client: MarketplaceClient, entry: str) -> str:
    if re.fullmatch("[0-9a-f]{64}", entry):
        return entry
    return accept(client.fetch(find_path(client, entry))).entry_id
