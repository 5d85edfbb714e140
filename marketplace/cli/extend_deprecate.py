"""``marketplace extend``, ``deprecate`` and ``undeprecate``: an endorser's next word about an image."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click

from marketplace.cli.batch_result import BatchResult
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.keys import KeyFiles, key_options
from marketplace.cli.list_show import find_path, path_of_url
from marketplace.cli.options import as_one, audience_option, endpoint_option, open_client
from marketplace.cli.output import Format, output_option
from marketplace.cli.progress import progress
from marketplace.cli.streams import say
from marketplace.cli.upload import pending_note, receipt_fields
from marketplace.client import MarketplaceClient, Uploaded
from marketplace.client.errors import EntryConflictError, EntryRefusedError
from marketplace.logs import printable
from marketplace.moments import for_people
from marketplace.publishing.previous_entries import OVERTAKEN, find_tagged, get_present, get_tagged
from validators.document import AcceptedEntry
from validators.identifier import is_identifier
from validators.revision import changes_between, unsigned, with_deprecated, with_valid, without_deprecated
from validators.signing import SigningIdentity
from validators.signing import sign as sign_document
from validators.times import parse_time

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COLUMNS = ("entry", "outcome", "location")

#: Makes the draft of the next statement from the present one.
_Change = Callable[[AcceptedEntry], bytes]


@dataclass(frozen=True)
class Revision:
    """How an endorser's next statements are made.

    Args:
        audience: the group that alone shall see them; None for where the present ones are.
        dry_run: whether what would change is only shown, line by line.
    """

    endpoint: str | None
    output: Format
    keys: KeyFiles
    audience: str | None
    dry_run: bool


#: Adds what all commands for a next statement take; its parameter is ``revision``.
revision_options = as_one(
    "revision",
    Revision,
    endpoint_option,
    output_option,
    key_options,
    audience_option,
    click.option(
        "--dry-run", is_flag=True, help="Show what would change, line by line; sign and upload nothing."
    ),
)
entries_argument = click.argument("entries", nargs=-1, required=True, metavar="ID[/EMAIL[/CREATED]]...")


@examples(
    "marketplace extend --until 2027-12-31 --cert me.cert.pem --key me.key.pem \\\n"
    "    MMZu9WvwKIro-rtBQfDk4PsKO7_/me@example.org",
)
@click.command()
@click.option(
    "--until",
    required=True,
    metavar="TIME",
    help="Date of expiry: YYYY-MM-DDThh:mm:ssZ, or YYYY-MM-DD for the end of that day (UTC).",
)
@revision_options
@entries_argument
def extend(until: str, revision: Revision, entries: tuple[str, ...]) -> None:
    """Change when your entries expire: fetch, verify, sign again, upload.

    The new entries differ from the current ones in dcterms:valid only. Every entry is tried; if only
    some of several were extended, the exit code is 9.
    """
    moment = _moment(until)
    if moment <= datetime.now(UTC):
        raise CommandError(
            f"--until {until}: is in the past; to withdraw an image use deprecate", ExitCode.USAGE
        )

    def change(entry: AcceptedEntry) -> bytes:
        if entry.metadata.deprecated is not None:
            raise CommandError("is deprecated; its date cannot be changed", ExitCode.CONFLICT)
        if entry.metadata.valid == moment:
            raise CommandError(f"expires {for_people(moment, datetime.now(UTC))} already", ExitCode.CONFLICT)
        return with_valid(entry.data, moment)

    revise(revision, entries, change, "extended")


@examples(
    'marketplace deprecate --reason "CVE-2026-1234, use 2.1" --p12 me.p12 \\\n'
    "    MMZu9WvwKIro-rtBQfDk4PsKO7_/me@example.org",
)
@click.command()
@click.option("--reason", required=True, metavar="TEXT", help="Reason, shown with the entry.")
@click.option(
    "--replaced-by",
    metavar="IMAGE",
    help="What to use instead: an identifier, or anything else that `show` takes.",
)
@revision_options
@entries_argument
def deprecate(reason: str, replaced_by: str | None, revision: Revision, entries: tuple[str, ...]) -> None:
    """Withdraw images: mark your entries as deprecated, with a reason.

    Each entry is fetched, verified, signed again and uploaded. Every entry is tried; if only some of
    several were deprecated, the exit code is 9.
    """
    if not reason.strip():
        raise CommandError("--reason: is empty; give a reason", ExitCode.USAGE)

    instead = None if replaced_by is None else _identifier_of(revision.endpoint, replaced_by)

    def change(entry: AcceptedEntry) -> bytes:
        if entry.identifier == instead:
            raise CommandError("cannot be replaced by itself", ExitCode.USAGE)
        draft = with_deprecated(entry.data, reason, instead)
        if draft == unsigned(entry.data):
            raise CommandError("is deprecated for this reason already", ExitCode.CONFLICT)
        return draft

    revise(revision, entries, change, "deprecated")


@examples("marketplace undeprecate --p12 me.p12 MMZu9WvwKIro-rtBQfDk4PsKO7_/me@example.org")
@click.command()
@revision_options
@entries_argument
def undeprecate(revision: Revision, entries: tuple[str, ...]) -> None:
    """Allow withdrawn images again: fetch, verify, sign again, upload.

    The deprecation stays in the history. The new statement takes its place, without the reason and
    the replacement. An entry that has expired in the meantime needs `extend` too.
    """

    def change(entry: AcceptedEntry) -> bytes:
        if entry.metadata.deprecated is None:
            raise CommandError("is not deprecated", ExitCode.CONFLICT)
        return without_deprecated(entry.data)

    revise(revision, entries, change, "undeprecated")


def _identifier_of(endpoint: str | None, image: str) -> str:
    if is_identifier(image):
        return image
    with open_client(endpoint) as client:
        return find_path(client, image).partition("/")[0]


def revise(revision: Revision, entries: Sequence[str], change: _Change, done: str, *, tag: str = "") -> None:
    """Change each entry and tell how, on standard error; a dry run shows it line by line instead.

    Args:
        done: what is done to them, for the summary: ``extended``.
        tag: that the next statements take over, so that they must be later than what it names now.

    Raises:
        CommandError: some were not changed.
    """
    identity = None if revision.dry_run else revision.keys.load()
    results = BatchResult(len(entries), "entries", done)
    with open_client(revision.endpoint) as client, progress("Revising", len(entries)) as advance:
        for name in entries:
            try:
                entry = _fetch_current(client, name, identity)
                draft = change(entry)
                if identity is None:
                    _show_change(entry, draft)
                else:
                    for line in changes_between(entry.data, draft):
                        say(f"{printable(line)}")
                    group = revision.audience or _audience_of(client, entry)
                    named = find_tagged(client, entry.endorser.email, tag) if tag else None
                    receipt = _upload(client, draft, (entry, named or entry), identity, group)
                    results.succeed({"name": name} | receipt_fields(receipt), pending_note(name, receipt))
            except Exception as error:  # told of this file; the others go on
                results.fail(name, error)
            advance(1)
    if identity is None and not results.failed:
        return
    results.finish(_COLUMNS, revision.output)


def _fetch_current(client: MarketplaceClient, name: str, identity: SigningIdentity | None) -> AcceptedEntry:
    """The present entry that a user names, verified; of several keys' entries that of the identity's key."""
    text = path_of_url(name).strip("/")
    key = None if identity is None else identity.key_digest
    parts = text.split("/")
    if is_identifier(text) and identity is not None and identity.email is not None:
        return get_present(client, f"{text}/{identity.email}", key)  # others may endorse the image as well
    if is_identifier(parts[0]) and len(parts) <= 3:  # ID/EMAIL/CREATED
        return get_present(client, text, key)
    if "@" in parts[0] and len(parts) > 1 and identity is not None and parts[0] == identity.email:
        return get_tagged(client, parts[0], text.partition("/")[2], key)
    return get_present(client, find_path(client, name), key)


def _audience_of(client: MarketplaceClient, entry: AcceptedEntry) -> str | None:
    """The group that alone sees the present entry: what is private must not become public by the way."""
    seen = client.seen_by(entry.coordinates.path())
    if "public" in seen:
        return None
    groups = [one.removeprefix("group:") for one in seen]
    if len(groups) != 1:
        raise CommandError(f"is seen by {', '.join(groups)} only: add --audience GROUP", ExitCode.USAGE)
    return groups[0]


def _upload(
    client: MarketplaceClient,
    draft: bytes,
    earlier: Sequence[AcceptedEntry],
    identity: SigningIdentity,
    audience: str | None,
) -> Uploaded:
    """Sign and upload the next statement; anew with a later time where another entry has that time."""
    # A statement must be later than those it replaces, also within a second or where this clock is behind.
    after = max(entry.created for entry in earlier) + timedelta(seconds=1)
    for last in (False, False, True):
        created = max(datetime.now(UTC).replace(microsecond=0), after)
        try:
            signed = sign_document(draft, identity, created, email=earlier[0].endorser.email)
            return client.upload(signed, audience)
        except (EntryConflictError, EntryRefusedError) as error:
            if last or error.rule not in OVERTAKEN:
                raise
        get_present(client, earlier[0].coordinates.path(), identity.key_digest)  # said by no other machine
        after = created + timedelta(seconds=1)
    raise AssertionError("the last try returns or raises")


def _show_change(entry: AcceptedEntry, draft: bytes) -> None:
    path = entry.coordinates.path()
    before, after = (
        [printable(line) for line in data.decode("utf-8", "replace").splitlines()]
        for data in (unsigned(entry.data), draft)
    )
    for line in difflib.unified_diff(before, after, path, f"{path} (next)", lineterm=""):
        click.echo(line)


def _moment(until: str) -> datetime:
    try:
        return parse_time(f"{until}T23:59:59Z" if _DAY.fullmatch(until) else until)
    except ValueError as error:
        raise CommandError(f"--until {until}: {error}, or YYYY-MM-DD", ExitCode.USAGE) from None
