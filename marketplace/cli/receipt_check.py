"""Receipts, verified offline: no client of a marketplace is loaded for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from marketplace.cli.files import read_bounded
from marketplace.tlog.checkpoint import verify_cosignature
from marketplace.tlog.errors import NoteSignatureError
from marketplace.tlog.note import Note, VerifierKey, parse_note, parse_verifier_key
from marketplace.tlog.proof import MAX_PROOF, ProvenEntry, parse_proof, verify_proof


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
