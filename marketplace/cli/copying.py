"""Copies of views: ``marketplace export --static`` and ``marketplace verify --static``."""

from __future__ import annotations

from pathlib import Path

import click

from marketplace.cli.database import open_database
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import read_bounded
from marketplace.cli.options import read_settings
from marketplace.logs import printable
from marketplace.tlog.note import parse_verifier_key


def export_view(config: Path | None, data: str | None, view: str, url: str | None, directory: Path) -> None:
    """Write a copy of a view into a folder.

    Raises:
        CommandError: there is no such view, or it cannot be evaluated or copied.
        OSError: the folder cannot be written.
    """
    from datetime import UTC, datetime

    from marketplace.cli.selecting import open_selector
    from marketplace.federation.keys import load_keys
    from marketplace.search.errors import SearchRefusedError, SearchUnavailableError
    from marketplace.views.errors import CopyError, DefinitionError, ViewNotFoundError
    from marketplace.views.export import Exporter
    from marketplace.views.registry import ViewRegistry
    from validators.policy import PolicyError

    settings = read_settings(config, data)
    keys = load_keys(settings.data)
    with open_database(settings) as database, database.read() as session:
        try:
            definition = ViewRegistry(session).get(view)
            now = datetime.now(UTC)
            shown = open_selector(settings, database).select(session, definition, view, now).view
            exporter = Exporter(directory, private=definition.group is not None or definition.secret)
            base = (url or shown.base).rstrip("/")
            key = None if keys is None else keys.log.verifier
            done = exporter.export(session, shown, definition.logs, base, key)
        except ViewNotFoundError as error:
            raise CommandError(f"{error} [{error.code}]", ExitCode.NOT_FOUND) from None
        except (CopyError, DefinitionError) as error:
            raise CommandError(f"{error} [{error.code}]", ExitCode.USAGE) from None
        except (SearchUnavailableError, SearchRefusedError, PolicyError) as error:
            raise CommandError(f"the view {view} cannot be evaluated: {error}", ExitCode.OTHER) from None
    for name, reason in done.unavailable.items():
        click.echo(f"marketplace: {name} is left out: {printable(reason)}", err=True)
    click.echo(
        f"marketplace: copied {done.entries} entries to {printable(str(directory))}: {done.written} files "
        f"written, {done.kept} were there, {done.removed} removed.",
        err=True,
    )


def verify_static(place: str, key: str | None) -> None:
    """Prove a copy of a view in a folder or at an address; writes what is wrong.

    Raises:
        CommandError: it is none, or something of it is not proved.
    """
    from marketplace.views.copy import INDEX, MAX_FILE, MAX_INDEX, parse_index, verify_copy
    from marketplace.views.errors import CopyError

    read = _reader(place)
    try:
        index = parse_index(read(INDEX, MAX_INDEX))
    except CopyError as error:
        raise CommandError(f"{place}: {error} [{error.code}]", ExitCode.VERIFICATION_FAILED) from None
    own = None if key is None else parse_verifier_key(key)
    wrong = 0
    for fault in verify_copy(index, lambda path: read(path, MAX_FILE), own):
        click.echo(f"marketplace: {printable(fault)}", err=True)
        wrong += 1
    if wrong:
        raise CommandError(f"{printable(place)}: {wrong} faults", ExitCode.VERIFICATION_FAILED)
    receipts = sum(one.path.startswith("log/") for one in index.files)
    click.echo(
        f"{printable(place)}: ok, {len(index.images)} images, {len(index.withdrawn)} withdrawn, "
        f"{receipts} receipts, {len(index.files)} files"
    )
    if receipts and own is None:
        click.echo(
            "marketplace: the receipts are proved by the key that the copy itself names: give --key, from "
            "the site's federation page or somebody you trust.",
            err=True,
        )


class _Reader:
    """Reads files of a copy, bounded."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __call__(self, path: str, most: int) -> bytes:
        data = read_bounded(Path(self._place) / path, most + 1)
        if len(data) > most:
            raise CommandError(f"{path} is too large", ExitCode.VERIFICATION_FAILED)
        return data


def _reader(place: str) -> _Reader:
    return _WebReader(place) if place.startswith(("http://", "https://")) else _Reader(place)


class _WebReader(_Reader):
    """The same from a web server."""

    def __init__(self, place: str) -> None:
        import httpx

        super().__init__(place)
        self._http = httpx.Client(timeout=60, follow_redirects=True)

    def __call__(self, path: str, most: int) -> bytes:
        from urllib.parse import quote

        import httpx

        url = f"{self._place.rstrip('/')}/{quote(path)}"
        found = bytearray()
        try:
            with self._http.stream("GET", url) as answer:
                answer.raise_for_status()
                for chunk in answer.iter_bytes():
                    found += chunk
                    if len(found) > most:
                        raise CommandError(f"{url} is too large", ExitCode.VERIFICATION_FAILED)
        except httpx.HTTPError as error:
            raise CommandError(f"{url}: {error}", ExitCode.NETWORK_OR_SERVER) from None
        return bytes(found)
