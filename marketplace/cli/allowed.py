"""``marketplace allowed``: may this image be started?"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from marketplace.cli.colours import yes_or_no
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import STDIN
from marketplace.cli.list_show import path_of_url
from marketplace.cli.options import endpoint_option, open_client
from marketplace.cli.output import Format, document_option, write_record
from marketplace.client import MarketplaceClient
from marketplace.logs import printable
from marketplace.moments import written_for_people
from validators import accept
from validators.checksums import SHA1
from validators.identifier import is_identifier
from validators.policy import ChecksumPattern, Code
from validators.policy.patterns import ALGORITHMS

if TYPE_CHECKING:
    from marketplace.images import MeasuredImage

_CHECKSUM = re.compile(r"(md5|sha-?(1|256|384|512)):", re.IGNORECASE)
_FORMS = (
    "name an image as IDENTIFIER, ID/EMAIL, ID/EMAIL/CREATED, EMAIL/TAG, ALGORITHM:HEX "
    "(md5, sha1, sha256, sha384, sha512), or as a file"
)


@examples(
    "marketplace allowed debian-13.qcow2",
    "marketplace allowed me@example.org/debian-13 && virsh start web-1",
)
@click.command()
@endpoint_option
@document_option
@click.argument("image", metavar="ID|ID/EMAIL[/CREATED]|EMAIL/TAG|ALGORITHM:HEX|FILE")
def allowed(endpoint: str | None, output: Format, image: str) -> None:
    """Check whether an image may be started, by what the marketplace holds and trusts now.

    An image is allowed if an endorser whom the marketplace trusts says so in a current entry, and
    no trusted endorser has withdrawn it. A superseded entry is judged by the current one. The
    digests of a FILE (- for standard input) are computed, and have to match the entry.

    Exit codes: 0 allowed, 6 not allowed, 3 the marketplace has no entry about the image, 7 it
    cannot be reached. A script must start the image only after 0.
    """
    with open_client(endpoint) as client:
        verdict = find_verdict(client, image)
    if output == "table":
        write_verdict(verdict, image)
    else:
        write_record(verdict, output)
    if not verdict["allowed"]:
        raise refusal(verdict)


def find_verdict(client: MarketplaceClient, image: str) -> dict[str, Any]:
    """The marketplace's verdict on what a user names.

    Raises:
        CommandError: it names nothing.
        ClientError: the marketplace has no word about it, or cannot be asked.
    """
    if image == STDIN or Path(image).is_file():
        return verdict_on(client, measured_wholly(image))
    if _CHECKSUM.match(image):
        try:
            return client.verdict(checksum=ChecksumPattern(image).text)
        except ValueError as error:
            raise CommandError(f"{image}: the checksum {error}", ExitCode.USAGE) from None
    text = path_of_url(image)
    parts = [part for part in text.split("/") if part]
    if parts and is_identifier(parts[0]) and len(parts) <= 3:
        return _of_image(client, parts)
    email, slash, tag = text.partition("/")
    if "@" in email and slash and tag:
        data = client.tagged(email, tag)
        if data is None:
            raise CommandError(f"{image}: the tag points to no entry", ExitCode.NOT_FOUND)
        return client.verdict(entry=accept(data).coordinates.path())
    raise CommandError(f"{image}: there is no such file; {_FORMS}", ExitCode.USAGE)


def write_verdict(verdict: dict[str, Any], name: str) -> None:
    """Write a verdict: one line, and the reasons below it."""
    until = ""
    if verdict.get("until"):
        until = f" (expires {written_for_people(str(verdict['until']), datetime.now(UTC))})"
    sentence = yes_or_no(printable(str(verdict["sentence"])), verdict["allowed"] is True)
    click.echo(f"{printable(name)}: {sentence}{printable(until)}")
    for reason in verdict["reasons"]:
        click.echo(printable(f"  {reason.get('code')}: {reason.get('message')}"))
        if reason.get("change"):
            click.echo(printable(f"      to change this: {reason['change']}"))


def refusal(verdict: dict[str, Any]) -> CommandError:
    """What a command ends with where the answer is no."""
    codes = ", ".join(str(reason.get("code")) for reason in verdict["reasons"])
    return CommandError(f"the image is not allowed ({codes})", ExitCode.REFUSED_BY_POLICY)


def _of_image(client: MarketplaceClient, parts: list[str]) -> dict[str, Any]:
    if len(parts) == 1:
        return client.verdict(identifier=parts[0])
    path = "/".join(parts) if len(parts) == 3 else client.resolve(*parts).path
    return client.verdict(entry=path)


def measured_wholly(name: str) -> MeasuredImage:
    """What an image file is, with every digest that an endorser can name."""
    from marketplace.cli.describe import measure_file

    return measure_file(name, tuple(ALGORITHMS.values()))


def verdict_on(client: MarketplaceClient, measured: MeasuredImage) -> dict[str, Any]:
    """The verdict on a file: the image that its SHA-1 names, if every checksum of it is the file's own."""
    verdict = client.verdict(identifier=measured.identifier)
    if not verdict["allowed"]:
        return verdict
    wrong = [
        algorithm
        for one in verdict["checksums"]
        if measured.digests.get(algorithm := str(one.get("algorithm"))) != str(one.get("value")).lower()
        # Old signers dropped leading zeros; the identifier has compared this one already.
        and algorithm != SHA1
    ]
    if verdict.get("identifier") == measured.identifier and not wrong:
        return verdict
    reason = {
        "code": str(Code.CHECKSUM_UNPROVED),
        "message": f"the file is not the endorsed image: {', '.join(wrong) or SHA1} differs",
        "change": "download the image again from its download address",
    }
    sentence = f"NOT allowed: {reason['message']}"
    return {**verdict, "allowed": False, "sentence": sentence, "reasons": [reason]}
