"""``marketplace list`` and ``marketplace show``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from marketplace.cli.entry_lines import as_lines
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import write_document
from marketplace.cli.options import checksum_option, endpoint_option, open_client, scope_option
from marketplace.cli.output import Format, output_option, write_record, write_records
from marketplace.cli.streams import say
from marketplace.client import MarketplaceClient
from marketplace.client.errors import ClientError
from marketplace.client.listing import ListQuery, Location, Status
from validators import accept
from validators.checksums import SHA1, canonical, find_checksum
from validators.document import AcceptedEntry, Checksum
from validators.identifier import identifier_from_sha1, is_identifier
from validators.statement import tell_statement
from validators.status import status_of

#: How an entry can be named.
ENTRY_FORMS = (
    "name an entry as ID, ID/EMAIL, ID/EMAIL/CREATED, EMAIL/TAG, a checksum (hex digits or sha256:HEX), "
    "or by its URL"
)
#: Where the URLs of entries, tags and images have their names.
_PLACES = ("/metadata/", "/api/v1/entries/", "/api/v1/images/", "/api/v1/tags/", "/images/", "/tag/")


@examples(
    "marketplace list --email me@example.org",
    "marketplace list --status all --trust trusted -o json",
)
@click.command("list")
@endpoint_option
@output_option
@click.option(
    "--status",
    type=click.Choice(["valid", "deprecated", "expired", "all"]),
    default="valid",
    show_default=True,
    help="Status of the entry.",
)
@click.option(
    "--location",
    type=click.Choice(["all", "web", "pdisk"]),
    default="all",
    show_default=True,
    help="web: downloadable; pdisk: in cloud storage only.",
)
@click.option("--identifier", help="Only entries about this image.")
@click.option("--email", help="Only this endorser's entries.")
@checksum_option
@click.option("--search", help="Only entries that contain all of these words.")
@click.option(
    "--trust", help="Trust in the endorser: trusted, chained, revoked ... or all; default: as the site."
)
@scope_option
@click.option("--limit", type=click.IntRange(min=1), help="Most entries.")
def list_(
    endpoint: str | None,
    output: Format,
    status: Status,
    location: Location,
    identifier: str | None,
    email: str | None,
    checksum: str | None,
    search: str | None,
    trust: str | None,
    scope: str | None,
    limit: int | None,
) -> None:
    """List current entries, as listed by the marketplace (not verified).

    `show` and `verify` check signatures.
    """
    query = ListQuery(status, location, identifier, email, search, limit, scope, trust, checksum)
    columns = ("identifier", "email", "created", "os", "os_version", "os_arch", "title")
    with open_client(endpoint) as client:
        records = (
            {
                "identifier": row.identifier,
                "email": row.email,
                "created": row.created,
                "os": row.os,
                "os_version": row.os_version,
                "os_arch": row.os_arch,
                "kind": row.kind,
                "location": row.location,
                "description": row.description,
                "title": row.title,
                "entry": row.path,
            }
            for row in client.entries(query)
        )
        write_records(records, columns, output, identify="entry", none="no entries match.")


@examples(
    "marketplace show me@example.org/debian-13",
    "marketplace show MMZu9WvwKIro-rtBQfDk4PsKO7_ --out entry.xml",
)
@click.command()
@endpoint_option
@output_option
@click.option(
    "--out", metavar="FILE", help="Write the exact signed bytes to this file instead (- for standard output)."
)
@click.argument("entry", metavar="ID[/EMAIL[/CREATED]]|EMAIL/TAG|CHECKSUM|URL")
def show(endpoint: str | None, output: Format, out: str | None, entry: str) -> None:
    """Fetch one entry, verify it and show what was signed.

    ID alone, or a checksum, shows the current entry of the image; EMAIL/TAG shows the newest
    entry with this tag. The URL of an entry works too.
    """
    with open_client(endpoint) as client:
        path = find_path(client, entry)
        accepted = accept(data := client.fetch(path))
        if accepted.coordinates.path() != path:
            raise CommandError(
                f"asked for {path}, the marketplace sent {accepted.coordinates.path()}",
                ExitCode.VERIFICATION_FAILED,
            )
        rivals = _ask_rivals(client, path)
        if out is None:
            status = _status(accepted, _ask(client, path), datetime.now(UTC), output)
            beside = {"also_current": list(rivals)} if rivals else {}
            write_record(status | _facts(accepted, output) | beside, output, identify="entry")
    if rivals:
        say(
            "two certificates use this address, and both have a current entry about "
            f"this image ({', '.join(rivals[:3])}). Anybody can write an address into a certificate"
        )
    if out is not None:
        write_document(out, data)


def _ask(client: MarketplaceClient, path: str) -> dict[str, Any] | None:
    """The verdict on the image of an entry; None where the marketplace tells of none, as older ones do."""
    try:
        return client.verdict(entry=path)
    except ClientError:
        return None  # the entry was fetched and verified: that it cannot be judged is shown beside it


def _ask_rivals(client: MarketplaceClient, path: str) -> Sequence[str]:
    """Entries that are current beside one, signed with other keys; none where nobody tells."""
    try:
        return client.rivals(path)
    except ClientError:
        return ()


def _status(
    entry: AcceptedEntry, verdict: dict[str, Any] | None, now: datetime, output: Format
) -> dict[str, Any]:
    """What became of the entry and of its image, which is what people have to see first."""
    status = status_words(entry, now) if output == "table" else _status_at(entry, now)
    if verdict is None:
        return {"status": status, "allowed": None, "verdict": "the marketplace does not say"}
    superseded: dict[str, Any] = {}
    asked = verdict.get("asked")
    if isinstance(asked, dict):
        newer = asked.get("superseded_by")
        status = f"superseded by {newer}" if newer and output == "table" else "superseded"
        superseded = {} if output == "table" else {"superseded_by": newer}
    return {"status": status, **superseded, "allowed": verdict["allowed"], "verdict": verdict["sentence"]}


def status_words(entry: AcceptedEntry, now: datetime) -> str:
    """The status of an entry that is not superseded, with the reason of a withdrawal."""
    status, reason = _status_at(entry, now), entry.metadata.deprecated
    return f"{status}: {reason}" if reason else status


def _status_at(entry: AcceptedEntry, now: datetime) -> str:
    return status_of(entry.metadata.deprecated, entry.metadata.valid, now).value


def find_path(client: MarketplaceClient, entry: str) -> str:
    """The coordinates of the entry that a user names; see ENTRY_FORMS.

    Raises:
        CommandError: it is none of these.
        ClientError: there is no such entry, or there are several.
    """
    text = path_of_url(entry)
    checksum = None if is_identifier(text) else find_checksum(text)
    if checksum is not None:
        return _path_of_image(client, checksum)
    parts = [part for part in text.split("/") if part]
    if len(parts) >= 2 and "@" in parts[0]:
        return tagged_path(client, parts[0], text.strip("/").partition("/")[2])
    if len(parts) == 3:
        return "/".join(parts)
    if len(parts) in (1, 2):
        return client.resolve(*parts).path
    raise CommandError(f"{entry}: {ENTRY_FORMS}", ExitCode.USAGE)


def _path_of_image(client: MarketplaceClient, checksum: Checksum) -> str:
    if checksum.algorithm == SHA1:
        return client.resolve(identifier_from_sha1(checksum.value)).path
    path = client.resolve(checksum=f"{checksum.algorithm}:{checksum.value}").path
    accepted = accept(client.fetch(path))
    if checksum not in map(canonical, accepted.metadata.checksums):
        raise CommandError(
            f"asked for {checksum.algorithm} {checksum.value}, the marketplace sent "
            f"{accepted.coordinates.path()}, which does not state it",
            ExitCode.VERIFICATION_FAILED,
        )
    return path


def tagged_path(client: MarketplaceClient, email: str, tag: str) -> str:
    """The coordinates of the entry that an endorser's tag names, verified.

    Raises:
        CommandError: the tag names none, or the marketplace sent what that endorser did not tag so.
    """
    data = client.tagged(email, tag)
    if data is None:
        raise CommandError(f"{email}/{tag}: the tag points to no entry", ExitCode.NOT_FOUND)
    accepted = accept(data)
    if accepted.endorser.email != email or tag not in accepted.metadata.tags:
        raise CommandError(
            f"asked for {email}/{tag}, the marketplace sent {accepted.coordinates.path()}",
            ExitCode.VERIFICATION_FAILED,
        )
    return accepted.coordinates.path()


def path_of_url(entry: str) -> str:
    """The coordinates in the URL of an entry; any other text as it is."""
    if not entry.startswith(("http://", "https://")):
        return entry
    path = unquote(urlsplit(entry).path)
    found = (path.partition(place)[2] for place in _PLACES if place in path)
    return next(found, "").removesuffix("/statement").removesuffix("/decision")


def _facts(entry: AcceptedEntry, output: Format) -> dict[str, Any]:
    """What is told of an entry: in documents under the names of the API, else a line for each thing."""
    told = {"entry": entry.coordinates.path(), **tell_statement(entry)}
    return as_lines(entry, told) if output == "table" else told
