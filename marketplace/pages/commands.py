"""Commands to paste into a shell, for one entry."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from validators.document import AcceptedEntry, Strength


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, and what it is for."""

    purpose: str
    line: str


def commands(entry: AcceptedEntry, site_url: str, path: str) -> tuple[Command, ...]:
    """Fetching, showing and verifying an entry.

    Args:
        site_url: public base URL of the marketplace.
        path: of the entry behind ``/metadata/``, as URLs write it.
    """
    # An identifier begins with a letter from A to P, so a file of its name is never taken for an option.
    file = f"{entry.identifier}.xml"
    legacy = " --allow-legacy" if entry.strength is Strength.LEGACY else ""
    return (
        Command("Fetch the signed entry", f"curl -fsSo {file} {shlex.quote(f'{site_url}/metadata/{path}')}"),
        Command("Verify it on your own machine", f"marketplace verify{legacy} {file}"),
        Command(
            "Or fetch, verify and show it with one command",
            f"marketplace show --endpoint {shlex.quote(site_url)} {shlex.quote(entry.coordinates.path())}",
        ),
    )
