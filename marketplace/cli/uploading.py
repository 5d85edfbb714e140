"""``marketplace upload``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from marketplace.cli.failures import CommandError, ExitCode, explain
from marketplace.cli.files import read_document
from marketplace.cli.options import endpoint_option, open_client
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.progress import progress
from marketplace.client import MarketplaceClient


@click.command(short_help="Upload signed files to a marketplace.")
@endpoint_option
@output_option
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def upload(endpoint: str | None, output: Format, files: tuple[str, ...]) -> None:
    """Upload signed files to a marketplace. FILE may be - for standard input.

    Every file is tried; with several, 9 says that only some were taken.
    """
    results: list[dict[str, Any]] = []
    codes: list[ExitCode] = []
    with open_client(endpoint) as client, progress("Uploading", len(files)) as advance:
        for name in files:
            result, code = _upload(client, name)
            results.append(result)
            codes.append(code)
            advance(1)
    write_records(
        [result for result in results if result["outcome"] != "failed"],
        ("file", "outcome", "location"),
        output,
        identify="entry",
    )
    failed = [(result, code) for result, code in zip(results, codes, strict=True) if code is not ExitCode.OK]
    if len(files) > 1:
        for result, _ in failed:
            click.echo(f"marketplace: {result['message']}", err=True)
    if failed:
        raise _summary(files, failed)


def _upload(client: MarketplaceClient, name: str) -> tuple[dict[str, Any], ExitCode]:
    try:
        receipt = client.upload(read_document(name))
    except Exception as error:
        message, code = explain(error)
        sentence = message if message.startswith(name) else f"{name}: {message}"
        return {"file": name, "outcome": "failed", "message": sentence}, code
    outcome = "pending" if receipt.pending else "uploaded"
    path = receipt.location.partition("/metadata/")[2]
    return {"file": name, "outcome": outcome, "location": receipt.location, "entry": path}, ExitCode.OK


def _summary(files: tuple[str, ...], failed: Sequence[tuple[dict[str, Any], ExitCode]]) -> CommandError:
    if len(files) == 1:
        result, code = failed[0]
        return CommandError(result["message"], code)
    codes = {code for _, code in failed}
    if len(failed) < len(files):
        return CommandError(f"{len(failed)} of {len(files)} files were not uploaded", ExitCode.PARTLY)
    code = codes.pop() if len(codes) == 1 else ExitCode.OTHER
    return CommandError(f"none of {len(files)} files was uploaded", code)
