"""``marketplace peer add|list|show|...``: whom this site pulls from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from marketplace.cli.database import open_database, open_ingest
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.operator import actor
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, output_option, write_record, write_records
from marketplace.cli.streams import say
from marketplace.moments import counted, utc_now

if TYPE_CHECKING:
    from marketplace.config import Settings
    from marketplace.peers.administration import PeerAdministration
    from marketplace.peers.service import PullService
    from marketplace.tlog.note import VerifierKey

_COLUMNS = ("name", "state", "entries", "behind", "wanted", "rejected", "error", "url")


def register(group: click.Group) -> None:
    """Put the commands of this module into ``marketplace peer``."""
    for command in (add, list_, show, mirrors, disable, enable, release, pull, grant, revoke):
        group.add_command(command)


@examples("marketplace peer add https://mp.example.net --key mp.example.net+1a2b3c4d+AbCdEfGh")
@click.command()
@settings_options
@click.argument("url", metavar="URL")
@click.option("--key", required=True, metavar="KEY", help="The peer's log key, as its operator gave it.")
@click.option(
    "--auth-key", metavar="KEY", help="The peer's auth key, needed for notifications and private logs."
)
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    metavar="URL",
    help="Address of a copy of the peer's log, tried in this order. Repeatable.",
)
def add(source: SettingsSource, url: str, key: str, auth_key: str | None, mirrors: tuple[str, ...]) -> None:
    """Add a peer: the marketplace at URL.

    Ask the peer's operator for its keys, which `marketplace peer keys` shows there; do not take them
    from URL. A running server begins to pull within seconds.
    """
    with _administration(source.read()) as peers:
        added = peers.add(url, _key(key), None if auth_key is None else _key(auth_key), mirrors)
    click.echo(added.name)


@examples(
    "marketplace peer list",
    "marketplace peer list -o json",
)
@click.command("list")
@settings_options
@output_option
def list_(source: SettingsSource, output: Format) -> None:
    """List peers and the state of their public logs."""
    with _administration(source.read()) as peers:
        records = [peers.summary(status) for status in peers.all()]
    write_records(records, _COLUMNS, output, identify="name")


@examples("marketplace peer show mp.example.net")
@click.command()
@settings_options
@output_option
@click.argument("name", metavar="PEER")
def show(source: SettingsSource, output: Format, name: str) -> None:
    """Show a peer: its keys, its logs, missing entries, and evidence against it."""
    with _administration(source.read()) as peers:
        record = peers.record(name)
    write_record(record if output != "table" else _flat(record), output, identify="name")


@examples("marketplace peer mirrors mp.example.net https://mirror.example.com/mp")
@click.command()
@settings_options
@click.argument("name", metavar="PEER")
@click.argument("urls", metavar="[URL]...", nargs=-1)
def mirrors(source: SettingsSource, name: str, urls: tuple[str, ...]) -> None:
    """Set the mirrors of PEER, in the order of use; without a URL, remove all.

    `marketplace peer show PEER -o json` shows what came from each mirror.
    """
    with _administration(source.read()) as peers:
        peers.set_mirrors(name, urls)


@examples("marketplace peer disable mp.example.net")
@click.command()
@settings_options
@click.argument("name", metavar="PEER")
def disable(source: SettingsSource, name: str) -> None:
    """Stop pulling from PEER. Its entries stay."""
    with _administration(source.read()) as peers:
        peers.switch(name, disabled=True)


@examples("marketplace peer enable mp.example.net")
@click.command()
@settings_options
@click.argument("name", metavar="PEER")
def enable(source: SettingsSource, name: str) -> None:
    """Pull from PEER again."""
    with _administration(source.read()) as peers:
        peers.switch(name, disabled=False)


@examples("marketplace peer release mp.example.net")
@click.command()
@settings_options
@click.argument("name", metavar="PEER")
@click.option("--from-start", is_flag=True, help="Read and verify the whole log again.")
@click.option("--epoch", metavar="ORIGIN", help="Accept ORIGIN as the new name of its public log.")
def release(source: SettingsSource, name: str, from_start: bool, epoch: str | None) -> None:
    """Pull from a quarantined PEER again; the evidence is kept."""
    with _administration(source.read()) as peers:
        if epoch is not None:
            peers.accept_epoch(name, epoch)
        elif from_start:
            peers.restart(name)
        else:
            released = peers.release(name)
            for log in released:
                size = log.trusted.proven.size
                say(f"{log.origin} goes on behind row {size}.")
            if not released:
                say(f"nothing of {name} was quarantined.")


@examples("marketplace peer pull mp.example.net")
@click.command()
@settings_options
@output_option
@click.argument("name", metavar="PEER")
@click.option(
    "--now",
    is_flag=True,
    help="Pull in this process until everything has arrived; do not wait for the server.",
)
def pull(source: SettingsSource, output: Format, name: str, now: bool) -> None:
    """Pull from PEER now, in this process; the server may pull at the same time.

    Ends with 7 if a log could not be pulled.
    """
    if not now:
        raise CommandError("the server will pull soon; --now pulls in this process", ExitCode.USAGE)
    settings = source.read()
    with _administration(settings) as peers:
        peer = peers.get_enabled(name)
        with _pulls(peers, settings) as pulls:
            logs = pulls.pull(peer)
    records = [peers.log_record(one) for one in logs]
    write_records(records, ("origin", "state", "entries", "behind", "error"), output, identify="origin")
    reasons = [one.error or one.error_code for one in logs if one.error_code is not None]
    if reasons:
        raise CommandError(f"{name} could not be pulled completely: {reasons[0]}", ExitCode.NETWORK_OR_SERVER)


@examples("marketplace peer grant astronomy mp.example.net")
@click.command()
@settings_options
@click.argument("group", metavar="GROUP")
@click.argument("name", metavar="PEER")
def grant(source: SettingsSource, group: str, name: str) -> None:
    """Allow PEER to read all entries of GROUP."""
    with _administration(source.read()) as peers:
        peers.grant(group, name)


@examples("marketplace peer revoke astronomy mp.example.net")
@click.command()
@settings_options
@click.argument("group", metavar="GROUP")
@click.argument("name", metavar="PEER")
def revoke(source: SettingsSource, group: str, name: str) -> None:
    """Stop PEER from reading the entries of GROUP."""
    with _administration(source.read()) as peers:
        peers.revoke(group, name)


@contextmanager
def _administration(settings: Settings) -> Iterator[PeerAdministration]:
    from marketplace.peers.administration import PeerAdministration

    with open_database(settings) as database:
        yield PeerAdministration(database, actor(), utc_now)


@contextmanager
def _pulls(peers: PeerAdministration, settings: Settings) -> Iterator[PullService]:
    from marketplace.changes import BulkImports
    from marketplace.federation.keys import load_keys
    from marketplace.peers.service import open_pulls

    with open_ingest(peers.database, settings) as ingest:
        keys = load_keys(settings.data)
        service = open_pulls(settings.federation, peers.database, ingest, keys, BulkImports())
        try:
            yield service
        finally:
            service.close()


def _key(text: str) -> VerifierKey:
    from marketplace.tlog.errors import KeyFormatError
    from marketplace.tlog.note import parse_verifier_key

    try:
        return parse_verifier_key(text)
    except KeyFormatError as error:
        raise CommandError(f"--key or --auth-key: {error}", ExitCode.USAGE) from None


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A record for a table: each log and piece of evidence on a separate line."""
    flat = {name: value for name, value in record.items() if not isinstance(value, list | dict)}
    flat["granted"] = record["granted"]
    flat["logs"] = [
        f"{one['origin']}: {one['state']}, {counted(one['entries'], 'entry', 'entries')}, "
        f"{one['behind']} behind"
        + "".join(f", {one[what]} {what}" for what in ("wanted", "rejected", "erased") if one[what])
        + (f", {one['error']}: {one['reason']}" if one["error"] else "")
        for one in record["logs"]
    ]
    flat["missing"] = [
        f"{one['origin']} {row['sequence']}: {row['entry']}"
        + (
            f", erased there {row['erased_at']}"
            if row["erased_at"]
            else f", {counted(row['attempts'], 'attempt')}"
        )
        for one in record["logs"]
        for row in one["missing"]
    ]
    flat["passed_over"] = [
        f"{one['origin']} {row['sequence']}: {row['code']}: {row['reason']}"
        for one in record["logs"]
        for row in one["passed_over"]
    ]
    flat["faults"] = [
        f"{one['since']} {one['question']}: {one['code']}: {one['reason']}" for one in record["faults"]
    ]
    flat["evidence"] = [f"{one['found_at']} {one['code']}: {one['message']}" for one in record["evidence"]]
    return flat
