"""``marketplace identify``: what is this file, who vouches for it, may I start it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from marketplace.cli.allowed import find_verdict, measured_wholly, refusal, verdict_on
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import STDIN
from marketplace.cli.options import endpoint_option, open_client
from marketplace.cli.output import Format, document_option, write_record
from marketplace.client import MarketplaceClient
from marketplace.client.errors import EntryNotFoundError
from validators import accept
from validators.checksums import find_checksum
from validators.statement import tell_facts


@examples(
    "marketplace identify debian-13.qcow2",
    "marketplace identify md5:d41d8cd98f00b204e9800998ecf8427e",
)
@click.command()
@endpoint_option
@document_option
@click.argument("image", metavar="FILE|CHECKSUM")
def identify(endpoint: str | None, output: Format, image: str) -> None:
    """Identify an image: who endorses it, and whether it may be started.

    All digests of a FILE (- for standard input) are computed, of the uncompressed bytes. A
    CHECKSUM is an MD5, SHA-1, SHA-256, SHA-384 or SHA-512 in hex digits, alone or as sha256:HEX,
    or an identifier. The entry is fetched and verified here; whether the image may be started is
    the marketplace's answer.

    Exit codes, as of `allowed`: 0 allowed, 6 not allowed, 3 the marketplace has no entry about the
    image, 7 it cannot be reached.
    """
    measured = measured_wholly(image) if image == STDIN or Path(image).is_file() else None
    found: dict[str, Any] = {}
    if measured is not None:
        found = {
            "identifier": measured.identifier,
            "file_format": measured.inspection.format,
            "file_bytes": measured.size,
            "digests": measured.digests,
        }
    with open_client(endpoint) as client:
        try:
            verdict = (
                find_verdict(client, _named(image)) if measured is None else verdict_on(client, measured)
            )
        except EntryNotFoundError:
            if measured is not None:
                write_record(_record({**found, "allowed": None, "endorsers": []}, output), output)
            raise CommandError("no entry about this image here", ExitCode.NOT_FOUND) from None
        found = {"identifier": verdict.get("identifier")} | found | _verified_facts(client, verdict)
    found |= {
        "allowed": verdict["allowed"],
        "verdict": verdict["sentence"],
        "endorsers": [
            {name: one.get(name) for name in ("email", "created", "status", "trusted", "weight", "found")}
            for one in verdict["statements"]
        ],
        "reasons": verdict["reasons"],
    }
    write_record(_record(found, output), output)
    if not verdict["allowed"]:
        raise refusal(verdict)


def _named(image: str) -> str:
    """What the user names as a checksum that the marketplace can be asked about.

    Raises:
        CommandError: it is neither a file nor a checksum.
    """
    checksum = find_checksum(image)
    if checksum is None:
        raise CommandError(
            f"{image}: not a file, and not a checksum: give all of its hex digits",
            ExitCode.USAGE,
        )
    return f"{checksum.algorithm}:{checksum.value}"


def _verified_facts(client: MarketplaceClient, verdict: dict[str, Any]) -> dict[str, Any]:
    """What the entry that decided says of the image, verified; nothing where none did."""
    entry = verdict.get("entry")
    if not isinstance(entry, dict):
        return {}
    path = "/".join(str(entry.get(name)) for name in ("identifier", "email", "created"))
    accepted = accept(client.fetch(path))
    if accepted.coordinates.path() != path or accepted.identifier != verdict.get("identifier"):
        raise CommandError(
            f"asked for {path}, the marketplace sent {accepted.coordinates.path()}",
            ExitCode.VERIFICATION_FAILED,
        )
    said = accepted.metadata
    facts = tell_facts(accepted.identifier, accepted.endorser.email, accepted.created, said)
    return {"entry": path, **facts, "tags": list(said.tags), "locations": list(said.locations)}


def _record(found: dict[str, Any], output: Format) -> dict[str, Any]:
    """The record; for people a line for each endorser, reason and digest."""
    if output != "table":
        return found
    lines = dict(found)
    if "digests" in lines:
        lines["digests"] = [f"{name} {value}" for name, value in lines["digests"].items()]
    lines["endorsers"] = [
        f"{one['email']}: {one['status']}, {'trusted' if one['trusted'] is True else 'NOT trusted'}"
        f" ({one['found']})"
        for one in found["endorsers"]
    ]
    if "reasons" in lines:
        lines["reasons"] = [f"{one.get('code')}: {one.get('message')}" for one in found["reasons"]]
    return lines
