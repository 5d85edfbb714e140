"""``marketplace serve``."""

from __future__ import annotations

import errno
import gc
import logging
import os
import socket
import sys
import warnings
from typing import TYPE_CHECKING, NoReturn

import click

from marketplace.cli.database import make_data_directory, open_database
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.streams import say

if TYPE_CHECKING:
    from marketplace.config import Settings

_logger = logging.getLogger(__name__)
#: What to do where the address cannot be listened on.
_ADVICE = {
    errno.EADDRINUSE: "; stop what uses it, or choose a port by MARKETPLACE_SERVER_PORT (server.port)",
    errno.EADDRNOTAVAIL: "; choose an address of this machine by MARKETPLACE_SERVER_HOST (server.host)",
    errno.EACCES: "; this user may not use the port: choose one above 1023 by MARKETPLACE_SERVER_PORT "
    "(server.port)",
    socket.EAI_NONAME: "; choose an address of this machine by MARKETPLACE_SERVER_HOST (server.host)",
}
#: Tells a process that goes on the number of the socket that listens.
_SOCKET = "SERVE_GOES_ON_AT"


@examples(
    "marketplace serve",
    "marketplace serve --config marketplace.ini",
    "marketplace serve --data /srv/marketplace --port 8080",
    "marketplace serve --config marketplace.ini --role web",
)
@click.command()
@settings_options
@click.option("--port", metavar="NUMBER", help="Port to listen on (setting: server.port; default: 6543).")
@click.option(
    "--role",
    type=click.Choice(["web", "worker", "all"]),
    help="web: answer requests only; worker: do the background work only, while no other process does; "
    "all: both (setting: role; default: all).",
)
def serve(source: SettingsSource, port: str | None, role: str | None) -> None:
    """Run the web server and the background jobs in one process, until SIGTERM or SIGINT."""
    # What a start makes is there to stay: looking for garbage in it takes a fifth of the start. The server
    # turns the collector on when it is ready.
    gc.disable()
    try:
        _serve(source, port, role)
    finally:
        gc.enable()


def _serve(source: SettingsSource, port: str | None, role: str | None) -> None:
    # Pyramid imports pkg_resources, which warns of its own end; no operator can do anything about it.
    warnings.filterwarnings("ignore", message=".*pkg_resources.*")
    from marketplace import db, logs
    from marketplace.config import in_url
    from marketplace.config.named_files import unreadable_files
    from marketplace.server import serve as run

    settings = source.read(server_port=port, role=role)
    make_data_directory(settings)
    db.initialise(settings.database_url)
    with open_database(settings):
        pass  # says what to do where the schema is not the one this version needs
    logs.configure(settings.log.level, settings.log.format)
    for name, path, reason in unreadable_files(settings):
        _logger.error(
            "setting %s: %s cannot be read: %s; what needs the file fails until it can", name, path, reason
        )
    try:
        socket.getaddrinfo(settings.server.host, settings.server.port, type=socket.SOCK_STREAM)
        going_on = run(settings, listener=_listener(settings), ready=_announce)
    except OSError as error:
        if error.filename is not None:
            raise
        address = f"{in_url(settings.server.host)}:{settings.server.port}"
        advice = _ADVICE.get(error.errno or 0, "")
        raise CommandError(
            f"cannot listen on {address}: {(error.strerror or str(error)).lower()}{advice}",
            ExitCode.NETWORK_OR_SERVER,
        ) from None
    if going_on is not None:
        _execute_again(going_on)


def _listener(settings: Settings) -> socket.socket | None:
    """The socket that the process before this one kept open, if it is at the address that is wanted now."""
    handle = os.environ.pop(_SOCKET, "")
    if not handle.isdecimal():
        return None
    kept = socket.socket(fileno=int(handle))
    kept.set_inheritable(False)
    if settings.server.port in (0, kept.getsockname()[1]):
        return kept
    kept.close()
    return None


def _execute_again(listener: socket.socket) -> NoReturn:
    """Run the same command in the place of this process, with none of its memory."""
    sys.stdout.flush()
    sys.stderr.flush()
    listener.set_inheritable(True)
    os.environ[_SOCKET] = str(listener.fileno())
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # our own command line


def _announce(address: str) -> None:
    # Where standard error is collected, every line of it is a log event, and there is one for this.
    if sys.stderr.isatty():
        say(f"serving {address} (Ctrl-C stops it)")
