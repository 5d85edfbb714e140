"""``marketplace verify``: the offline verifier."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from marketplace.cli.colours import coloured, yes_or_no
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode, explain
from marketplace.cli.files import read_document
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.receipt_check import receipt_facts, verify_receipt
from marketplace.logs import printable
from marketplace.tlog.proof import ProvenEntry
from validators import accept
from validators.clock import find_expiry, verify_not_ahead
from validators.document import AcceptedEntry, Strength
from validators.errors import RefusedError
from validators.explanations import explained
from validators.status import Status, status_of
from validators.trust import judge

LEGACY_CODE = "policy.legacy"
UNREADABLE_CODE = "file.unreadable"
OTHER_ENTRY_CODE = "proof.other-entry"


@examples(
    "marketplace verify signed.xml",
    "marketplace verify signed.xml --proof receipt.txt \\\n    --key mp.example.org+1a2b3c4d+AbCdEfGh",
    "marketplace verify --static copy --max-age 2d \\\n    --key mp.example.org+1a2b3c4d+AbCdEfGh",
)
@click.command()
@click.option(
    "--allow-legacy",
    is_flag=True,
    help="Also accept SHA-1 signatures and 1024-bit keys, which old catalogues have.",
)
@output_option
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@click.option("--proof", metavar="FILE", help="Also verify this receipt, which `proof` fetched.")
@click.option("--key", metavar="KEY", help="Key of the receipt's log, or of its site: name+hash+base64.")
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    metavar="KEY",
    help="Key of a witness that must have signed. Repeatable.",
)
@click.option("--static", "copy", metavar="DIR|URL", help="Verify a copy of a view instead of files.")
@click.option("--view", metavar="VIEW", help="With --static: the view that was copied; another one fails.")
@click.option("--max-age", metavar="TIME", help="With --static: greatest age of the copy, such as 36h or 2d.")
@click.option("--evidence", metavar="FILE", help="Verify evidence, which `evidence` fetched.")
@click.option(
    "--anchors",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="With --evidence: PEM file of the anchors that you trust.",
)
@click.argument("files", nargs=-1, metavar="FILE...")
def verify(
    allow_legacy: bool,
    output: Format,
    as_json: bool,
    proof: str | None,
    key: str | None,
    witnesses: tuple[str, ...],
    copy: str | None,
    view: str | None,
    max_age: str | None,
    evidence: str | None,
    anchors: Path | None,
    files: tuple[str, ...],
) -> None:
    """Verify signed files, offline: one result per file.

    A file passes if it is a valid entry, its signature is strong and its creation time is not in
    the future. A valid signature does not mean that the image may be used: deprecated entries are
    signed too, and their status comes first in the line. Only a marketplace knows whether an entry
    is outdated: ask `allowed`. With --proof the file must be the entry of that receipt, and the
    receipt must prove with --key that the entry is in the log. FILE may be - for standard input.
    Ends with 5 if any file fails.

    With --static a copy of a view (`export --static`) is verified: every signature, and that the lists
    agree with the signed entries; with --key also every receipt, and the site's signature of the index,
    which proves that nothing is missing. With --evidence the verdict on an image is computed again by
    the anchors in the file; with --anchors only those of them count that are yours.
    """
    if evidence is not None:
        if files or proof is not None or copy is not None:
            raise click.UsageError("--evidence takes no other files, no --proof and no --static")
        from marketplace.cli.evidence import show_evidence

        show_evidence(evidence, key, anchors)
        return
    if anchors is not None:
        raise click.UsageError("--anchors goes with --evidence")
    if copy is not None:
        if files or proof is not None:
            raise click.UsageError("--static takes no files and no --proof")
        from marketplace.cli.view_copies import verify_static

        verify_static(copy, key, view, max_age)
        return
    if view is not None or max_age is not None:
        raise click.UsageError("--view and --max-age go with --static")
    proven = verify_receipt(proof, key, witnesses)
    if not files and proven is None:
        raise click.UsageError("name a file, or a receipt with --proof")
    now = datetime.now(UTC)
    weakest = Strength.LEGACY if allow_legacy else Strength.STRONG
    verdicts = [_verdict(name, weakest, now, proven) for name in files]
    if proven is not None and not files:
        verdicts = [{"file": proof, "valid": True} | receipt_facts(proven)]
    if output == "table" and not as_json:
        for verdict in verdicts:
            click.echo(_line(verdict))
    else:
        write_records(verdicts, (), "json" if as_json else output, identify="entry")
    failed = sum(not verdict["valid"] for verdict in verdicts)
    if failed:
        files_fail = "file does" if len(files) == 1 else "files do"
        raise CommandError(
            f"{failed} of {len(files)} {files_fail} not pass verification", ExitCode.VERIFICATION_FAILED
        )


def _verdict(name: str, weakest: Strength, now: datetime, proven: ProvenEntry | None) -> dict[str, Any]:
    try:
        entry = accept(read_document(name))
        verify_not_ahead(entry, now)
    except RefusedError as error:
        return _failed(name, error.code, error.message) | {"step": error.step}
    except (OSError, CommandError) as error:
        return _failed(name, UNREADABLE_CODE, explain(error)[0])
    if entry.strength is Strength.LEGACY and weakest is Strength.STRONG:
        reason = (
            f"the signature is {entry.signature_algorithm} with {entry.digest_algorithm}, "
            "which is legacy (--allow-legacy lets it pass)"
        )
        return _failed(name, LEGACY_CODE, reason) | _facts(entry, now)
    if proven is not None and proven.leaf.entry_id != entry.entry_id:
        reason = f"the receipt is for another entry, {proven.leaf.entry_id}"
        return _failed(name, OTHER_ENTRY_CODE, reason) | _facts(entry, now)
    receipt = {} if proven is None else receipt_facts(proven)
    over = find_expiry(entry, now)
    note = {} if over is None else {"note": over}
    return {"file": name, "valid": True} | _facts(entry, now) | receipt | note


def _failed(name: str, code: str, message: str) -> dict[str, Any]:
    return {"file": name, "valid": False, "code": code, "message": message, "explanation": explained(code)}


def _facts(entry: AcceptedEntry, now: datetime) -> dict[str, Any]:
    trust = judge(entry)
    return {
        "status": status_of(entry.metadata.deprecated, entry.metadata.valid, now).value,
        "deprecated": entry.metadata.deprecated,
        "identifier": entry.identifier,
        "email": entry.endorser.email,
        "created": entry.coordinates.created_text,
        "subject": entry.endorser.subject,
        "issuer": entry.endorser.issuer,
        "entry_id": entry.entry_id,
        "strength": entry.strength.value,
        "signature_algorithm": entry.signature_algorithm,
        "digest_algorithm": entry.digest_algorithm,
        "self_signed": trust.self_signed,
        "email_bound": trust.email_bound,
        "certificate_in_date_at_created": trust.in_date_at_created,
        "entry": entry.coordinates.path(),
    }


def _line(verdict: dict[str, Any]) -> str:
    name = printable(verdict["file"])
    if not verdict["valid"]:
        why = f". {verdict['explanation']}" if verdict["explanation"] else ""
        return (
            f"{name}: {yes_or_no('FAILED', False)} [{verdict['code']}] {printable(verdict['message'])}{why}"
        )
    published = f", {verdict['log']} {verdict['index']}" if "log" in verdict else ""
    if "identifier" not in verdict:
        place = f"entry {verdict['entry_id']} is in {verdict['log']} at {verdict['index']}"
        return f"{name}: {yes_or_no('ok', True)}, {place}"
    coordinates = f"{verdict['identifier']}/{verdict['email']}/{verdict['created']}"
    # The signature is one thing and what was signed another: a withdrawal is signed as well as a release.
    status = "" if verdict["status"] == Status.VALID.value else f"{_withdrawn(verdict)}; the signature is "
    signature = f"{verdict['strength']} ({verdict['signature_algorithm']})"
    line = f"{name}: {status}{yes_or_no('ok', True)}, {signature}{published} {coordinates}"
    return f"{line} (note: {verdict['note']})" if "note" in verdict else line


def _withdrawn(verdict: dict[str, Any]) -> str:
    reason = verdict["deprecated"]
    status = coloured(verdict["status"].upper(), "red" if reason else "yellow")
    return f"{status}{printable(f' ({reason})') if reason else ''}"
