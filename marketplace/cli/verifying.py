"""``marketplace verify``: the offline verifier."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click

from marketplace.cli.failures import CommandError, ExitCode, explain
from marketplace.cli.files import read_document
from marketplace.logs import printable
from validators import accept
from validators.clock import verify_not_ahead
from validators.document import AcceptedEntry, Strength
from validators.errors import RefusedError
from validators.trust import judge

LEGACY_CODE = "policy.legacy"
UNREADABLE_CODE = "file.unreadable"


@click.command(short_help="Verify signed files, offline.")
@click.option(
    "--allow-legacy",
    is_flag=True,
    help="Let SHA-1 signatures and 1024-bit keys pass too, as old catalogues have them.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON array with a verdict for each file.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def verify(allow_legacy: bool, as_json: bool, files: tuple[str, ...]) -> None:
    """Verify signed files, offline: one verdict a file.

    A file passes if it is a valid entry, its signature is strong and its
    creation time is not ahead of this machine's clock. FILE may be - for
    standard input. Ends with 5 if any file fails.
    """
    now = datetime.now(UTC)
    weakest = Strength.LEGACY if allow_legacy else Strength.STRONG
    verdicts = [_verdict(name, weakest, now) for name in files]
    if as_json:
        click.echo(json.dumps(verdicts, indent=2))
    else:
        for verdict in verdicts:
            click.echo(_line(verdict))
    failed = sum(not verdict["valid"] for verdict in verdicts)
    if failed:
        files_fail = "file does" if len(files) == 1 else "files do"
        raise CommandError(
            f"{failed} of {len(files)} {files_fail} not pass verification", ExitCode.VERIFICATION_FAILED
        )


def _verdict(name: str, weakest: Strength, now: datetime) -> dict[str, Any]:
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
            "which counts as legacy (--allow-legacy lets it pass)"
        )
        return _failed(name, LEGACY_CODE, reason) | _facts(entry)
    return {"file": name, "valid": True} | _facts(entry)


def _failed(name: str, code: str, message: str) -> dict[str, Any]:
    return {"file": name, "valid": False, "code": code, "message": message}


def _facts(entry: AcceptedEntry) -> dict[str, Any]:
    trust = judge(entry)
    return {
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
    }


def _line(verdict: dict[str, Any]) -> str:
    name = printable(verdict["file"])
    if not verdict["valid"]:
        return f"{name}: FAILED [{verdict['code']}] {printable(verdict['message'])}"
    coordinates = f"{verdict['identifier']}/{verdict['email']}/{verdict['created']}"
    return f"{name}: ok, {verdict['strength']} ({verdict['signature_algorithm']}) {coordinates}"
