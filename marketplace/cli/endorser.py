"""``marketplace endorser``."""

from __future__ import annotations

from typing import Any

import click

from marketplace.cli.examples import examples
from marketplace.cli.options import endpoint_option, open_client
from marketplace.cli.output import Format, output_option, write_record, write_records
from marketplace.cli.whole_help import WholeGroup


@examples(
    "marketplace endorser list",
    "marketplace endorser show me@example.org",
)
@click.group("endorser", cls=WholeGroup)
def endorser() -> None:
    """List the people and services that endorse images, and their certificates."""


@examples(
    "marketplace endorser list",
    "marketplace endorser list -o json",
)
@endorser.command("list")
@endpoint_option
@output_option
def list_(endpoint: str | None, output: Format) -> None:
    """List everybody who has signed an entry that you may see."""
    columns = ("email", "entries", "names", "flags", "subject")
    with open_client(endpoint) as client:
        write_records(map(_line, client.endorsers()), columns, output, identify="email")


@examples("marketplace endorser show me@example.org")
@endorser.command()
@endpoint_option
@output_option
@click.argument("email")
def show(endpoint: str | None, output: Format, email: str) -> None:
    """Show an endorser: certificates with first and last use, trust, tags, changes, similar names.

    A new certificate for a known address is marked, and so are addresses and names that can be
    mistaken for another endorser's.
    """
    with open_client(endpoint) as client:
        found = client.endorser(email)
    if output in ("json", "yaml"):
        write_record(found, output, identify="email")
        return
    write_record(
        {
            "email": found.get("email"),
            "entries": found.get("entries"),
            "first": found.get("first"),
            "latest": found.get("latest"),
            "tags": _texts(found.get("tags")),
            "certificates": [_certificate(one) for one in _records(found.get("certificates"))],
            "changes": [
                f"{one.get('at')} {one.get('before') or 'certificate'} -> {one.get('after')}"
                for one in _records(found.get("changes"))
            ],
            "look_alikes": [
                f"{one.get('kind')}: {one.get('text')} ({one.get('email')})"
                for one in _records(found.get("look_alikes"))
            ],
        },
        output,
        identify="email",
    )


def _line(one: dict[str, Any]) -> dict[str, Any]:
    names = _records(one.get("names"))
    return {
        "email": one.get("email"),
        "entries": one.get("entries"),
        "names": one.get("names_total"),
        "flags": "look-alike" if one.get("look_alike") is True else None,
        "subject": names[0].get("subject") if names else None,
    }


def _certificate(one: dict[str, Any]) -> str:
    flag = f", NEW ({one.get('succession')})" if one.get("new") is True else ""
    return (
        f"{one.get('standing')}{flag}: {one.get('subject')}, entries: {one.get('entries')}, from "
        f"{one.get('first_use')} to {one.get('last_use')}, sha256 {one.get('sha256')}"
    )


def _records(found: object) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _texts(found: object) -> list[str]:
    return [str(one) for one in found] if isinstance(found, list) else []
