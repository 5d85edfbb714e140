"""``marketplace proof``: receipts, fetched and verified."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_bounded, write_document
from marketplace.cli.options import endpoint_option, open_client
from marketplace.cli.reading import find_path
from marketplace.client import MarketplaceClient
from marketplace.tlog.checkpoint import verify_cosignature
from marketplace.tlog.errors import NoteSignatureError
from marketplace.tlog.note import Note, VerifierKey, parse_note, parse_verifier_key
from marketplace.tlog.proof import MAX_PROOF, ProvenEntry, parse_proof, verify_proof
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


def verify_receipt(proof: str | None, key: str | None, witnesses: tuple[str, ...]) -> ProvenEntry | None:
    """The entry that a receipt proves; None where none is named.

    Raises:
        UsageError: a receipt without a key, or the other way round.
        OSError: it cannot be read.
        TlogError: it proves nothing, or a witness did not sign.
    """
    if proof is None or key is None:
        if proof is not None or key is not None or witnesses:
            raise click.UsageError("--proof and --key go together")
        return None
    data = read_bounded(Path(proof), MAX_PROOF + 1)
    proven = verify_proof(data, parse_verifier_key(key))
    for text in witnesses:
        _verify_witness(parse_note(parse_proof(data).checkpoint), parse_verifier_key(text))
    return proven


def receipt_facts(proven: ProvenEntry) -> dict[str, Any]:
    """What a receipt proves, for output."""
    checkpoint = proven.head.checkpoint
    return {
        "entry_id": proven.leaf.entry_id,
        "log": checkpoint.origin,
        "index": proven.index,
        "log_size": checkpoint.size,
    }


def _verify_witness(note: Note, key: VerifierKey) -> None:
    for line in note.signatures:
        if line.is_of(key):
            verify_cosignature(note.text, line, key)
            return
    raise NoteSignatureError(f"the witness {key.name} did not sign the receipt's checkpoint")


def _entry_id(client: MarketplaceClient, entry: str) -> str:
    if re.fullmatch("[0-9a-f]{64}", entry):
        return entry
    return accept(client.fetch(find_path(client, entry))).entry_id
