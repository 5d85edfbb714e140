"""``marketplace peer``: this site among others."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, document_option, write_record
from marketplace.cli.peer_list import register
from marketplace.cli.streams import say
from marketplace.cli.whole_help import WholeGroup
from marketplace.moments import counted

if TYPE_CHECKING:
    from marketplace.config import Settings
    from marketplace.federation.keys import SiteKeys


@examples(
    "marketplace peer init --origin mp.example.org",
    "marketplace peer add https://mp.example.net --key mp.example.net+1a2b3c4d+AbCdEfGh",
    "marketplace peer list",
)
@click.group("peer", cls=WholeGroup)
def peer() -> None:
    """Manage peers: other marketplaces that exchange entries with this one."""


register(peer)


@examples("marketplace peer init --origin mp.example.org")
@peer.command()
@settings_options
@document_option
@click.option(
    "--origin",
    metavar="NAME",
    help="The site's permanent name among peers, such as mp.example.org; default: the host of site.url.",
)
def init(source: SettingsSource, output: Format, origin: str | None) -> None:
    """Make this site's keys, once, and show what peers need of them.

    The keys stay in the data directory, where only their owner can read them. Keep a copy in a safe
    place: without the keys this site cannot continue its published log.
    """
    from marketplace.federation.keys import create_keys

    settings = source.read()
    keys = create_keys(settings.data, origin or urlsplit(settings.site.url).netloc.lower())
    say(f"{keys.site} has keys now; restart its server to publish.")
    _write_keys(keys, output)


@examples("marketplace peer keys")
@peer.command("keys")
@settings_options
@document_option
def show_keys(source: SettingsSource, output: Format) -> None:
    """Show the public keys that peers and witnesses need."""
    _write_keys(_keys(source.read()), output)


def _keys(settings: Settings) -> SiteKeys:
    from marketplace.federation.keys import load_keys

    keys = load_keys(settings.data)
    if keys is None:
        raise CommandError(
            "this site has no keys yet: 'marketplace peer init' makes them", ExitCode.NOT_FOUND
        )
    return keys


@examples(
    "marketplace peer new-epoch",
    "marketplace peer new-epoch --yes",
)
@peer.command("new-epoch")
@settings_options
@click.option("--log", default="public", show_default=True, help="Log to start again.")
@click.option("--force", is_flag=True, help="Also start a log again that is published without faults.")
@click.option("--yes", is_flag=True, help="Do it; without this option, only show what would be done.")
def new_epoch(source: SettingsSource, log: str, force: bool, yes: bool) -> None:
    """Start a new published log after a loss of data that cannot be repaired.

    A site whose database was restored from an older backup publishes nothing, because its peers have
    seen newer entries. Restore the rest if you can. If not, this command starts the log again under
    a new name: all entries are published again, and each peer's operator has to accept the new
    name.
    """
    from datetime import UTC, datetime

    from marketplace.audit import AuditLog
    from marketplace.cli.database import open_database
    from marketplace.cli.operator import actor
    from marketplace.federation.epochs import find_published, open_epoch, verify_halted
    from marketplace.peers.witness.cosigning import CosigningService

    settings = source.read()
    keys = _keys(settings)
    now = datetime.now(UTC)
    with open_database(settings) as database:
        with database.read() as session:
            old = find_published(session, log)
        if not force:
            verify_halted(old)
        seen = CosigningService(database, keys, lambda: now).at_peers(old)
        for name in seen.silent:
            say(f"{name} does not answer; it may have more entries.")
        if not yes:
            end = max([old.size, *(head.size for head in seen.heads)])
            again = counted(old.size - old.head, "entry", "entries")
            say(
                f"{old.origin} would end at {counted(end, 'row')}, and {again} would be "
                "published again; nothing was changed: --yes does it."
            )
            return
        with database.write() as session:
            opened = open_epoch(session, old, seen.heads, seen.taken, keys, now)
            AuditLog(session).record(
                actor(), "federation.new-epoch", opened.origin, {"instead of": old.origin}
            )
    click.echo(opened.origin)
    say("inform the operators of your peers: they have to accept it.")


def _write_keys(keys: SiteKeys, output: Format) -> None:
    shown = {"log": keys.log.verifier, "auth": keys.auth.verifier, "witness": keys.witness}
    write_record({name: str(key) for name, key in shown.items()}, output)
