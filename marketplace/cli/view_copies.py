"""Copies of views: ``marketplace export --static`` and ``marketplace verify --static``."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_bounded
from marketplace.cli.options import SettingsSource
from marketplace.cli.streams import say
from marketplace.logs import printable
from marketplace.moments import counted, for_people, utc_now
from marketplace.tlog.note import VerifierKey, parse_verifier_key

if TYPE_CHECKING:
    from marketplace.views.copy_verification import IndexedCopy

#: How often, and after how many seconds, a search index that is behind the log is looked at again.
_TRIES, _PAUSE = 40, 0.5


def export_view(source: SettingsSource, view: str, url: str | None, directory: Path) -> None:
    """Write a copy of a view into a folder.

    Raises:
        CommandError: there is no such view, or it cannot be evaluated or copied.
        OSError: the folder cannot be written.
    """
    from marketplace.cli.view_selector import evaluating
    from marketplace.federation.keys import load_keys
    from marketplace.views.export import Exporter
    from marketplace.views.registry import ViewRegistry

    settings = source.read()
    keys = load_keys(settings.data)
    with evaluating(settings, view) as (database, selector):
        for _ in range(_TRIES):
            with database.read() as session:
                definition, now = ViewRegistry(session).get(view), utc_now()
                selected = selector.select(session, definition, view, now)
                if selected.whole:
                    base = (url or selected.view.base).rstrip("/")
                    exporter = Exporter(directory, definition, keys)
                    done = exporter.export(session, selected.view, base, now)
                    break
            time.sleep(_PAUSE)  # the server takes new entries into the index meanwhile
        else:
            raise CommandError(
                f"the view {view} has words, and the search index is behind the log: is the server "
                "running? `marketplace reindex` builds the index where it is not.",
                ExitCode.OTHER,
            )
    for name, reason in done.unavailable.items():
        say(f"{name} is left out: {printable(reason)}")
    say(
        f"copied {counted(done.entries, 'entry', 'entries')} to {printable(str(directory))}: "
        f"{counted(done.written, 'file')} "
        f"written, {done.unchanged} were there, {done.removed} removed."
    )


def verify_static(place: str, key: str | None, view: str | None, max_age: str | None) -> None:
    """Prove a copy of a view in a folder or at an address; writes what is wrong.

    Args:
        key: of the site or its log; None takes the one that the copy names.
        view: name of the view that it has to be of.
        max_age: how old it may be, such as ``2d``.

    Raises:
        CommandError: it is none, or something of it is not proved.
    """
    from marketplace.views.copy_verification import CopyDemand, find_faults, open_copy
    from marketplace.views.errors import CopyError

    own = None if key is None else parse_verifier_key(key)
    wrong = 0
    with closing(_reader(place)) as read:
        wanted = CopyDemand(view, None if max_age is None else _since(max_age), read.names())
        try:
            copy = open_copy(read, own)
        except CopyError as error:
            raise CommandError(f"{place}: {error} [{error.code}]", ExitCode.VERIFICATION_FAILED) from None
        for fault in find_faults(copy, read, wanted):
            say(f"{printable(fault)}")
            wrong += 1
    if wrong:
        raise CommandError(f"{printable(place)}: {counted(wrong, 'fault')}", ExitCode.VERIFICATION_FAILED)
    _tell(place, copy, own)


def _since(max_age: str) -> datetime:
    from marketplace.sites.units import parse_duration

    try:
        return utc_now() - timedelta(seconds=parse_duration(max_age))
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(str(error), param_hint="--max-age") from None


def _tell(address: str, copy: IndexedCopy, own: VerifierKey | None) -> None:
    """What was proved of a copy, and what was not."""
    index, head = copy.index, copy.head
    receipts = sum(one.path.startswith("log/") for one in index.files)
    made = "" if head is None else f", made {for_people(head.hour, utc_now())}"
    click.echo(
        f"{printable(address)}: ok, view {printable(index.view['name'])}{made}, "
        f"{counted(len(index.images), 'image')}, {len(index.withdrawn)} withdrawn, "
        f"{counted(receipts, 'receipt')}, "
        f"{counted(len(index.files), 'file')}"
    )
    if head is None:
        say("the site has no key, so nothing proves that nothing was left out.")
    elif own is None:
        say(
            "index and receipts are proved by the key that the copy itself names: give --key, "
            "from the site's federation page or somebody you trust."
        )


class _Reader:
    """Reads files of a copy, bounded."""

    def __init__(self, address: str) -> None:
        self._place = address

    def close(self) -> None:
        """Nothing stays open of a folder."""

    def names(self) -> frozenset[str] | None:
        """Paths of all files; None where nobody can list them."""
        folder = Path(self._place)
        return frozenset(str(one.relative_to(folder)) for one in folder.rglob("*") if not one.is_dir())

    def __call__(self, path: str, most: int) -> bytes:
        data = read_bounded(Path(self._place) / path, most + 1)
        if len(data) > most:
            raise CommandError(f"{path} is too large", ExitCode.VERIFICATION_FAILED)
        return data


def _reader(address: str) -> _Reader:
    return _WebReader(address) if address.startswith(("http://", "https://")) else _Reader(address)


class _WebReader(_Reader):
    """Reads a copy of a view from a web server."""

    def __init__(self, address: str) -> None:
        import httpx

        super().__init__(address)
        self._http = httpx.Client(timeout=60, follow_redirects=True)

    def close(self) -> None:
        """End the connections to the web server."""
        self._http.close()

    def names(self) -> None:
        """A web server does not tell."""

    def __call__(self, path: str, most: int) -> bytes:
        from urllib.parse import quote

        import httpx

        url = f"{self._place.rstrip('/')}/{quote(path)}"
        found = bytearray()
        try:
            with self._http.stream("GET", url) as answer:
                if answer.status_code in (404, 410):
                    raise FileNotFoundError(url)
                answer.raise_for_status()
                for chunk in answer.iter_bytes():
                    found += chunk
                    if len(found) > most:
                        raise CommandError(f"{url} is too large", ExitCode.VERIFICATION_FAILED)
        except httpx.HTTPError as error:
            raise CommandError(f"{url}: {error}", ExitCode.NETWORK_OR_SERVER) from None
        return bytes(found)
