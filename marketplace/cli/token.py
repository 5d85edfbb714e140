"""``marketplace token``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from marketplace.access import Scope
from marketplace.cli.examples import examples
from marketplace.cli.operator import actor, reading, writing, written
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, output_option, write_record, write_records
from marketplace.cli.streams import say
from marketplace.cli.whole_help import WholeGroup
from marketplace.moments import counted, utc_now

if TYPE_CHECKING:
    from marketplace.accounts.tokens import Token

_COLUMNS = ("name", "owner", "scopes", "status", "expires", "last_used", "note")


@examples(
    "marketplace token create --owner me@example.org --scope read --scope upload",
    "marketplace token list",
)
@click.group("token", cls=WholeGroup)
def token() -> None:
    """Manage tokens: who may read private entries, upload to groups, administer.

    Runs on the server's machine, with the database of the settings; the server may be running.
    """


@examples(
    "marketplace token create --owner me@example.org --scope read --scope upload",
    'marketplace token create --owner cloud-1 --scope site --days 90 --note "import"',
)
@token.command()
@settings_options
@output_option
@click.option(
    "--owner", metavar="NAME", required=True, help="Owner of the token, normally an e-mail address."
)
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help="Permission of the token. Repeatable.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 36_500),
    default=365,
    show_default=True,
    help="Days until it expires.",
)
@click.option("--note", default="", help="Purpose of the token.")
def create(
    source: SettingsSource,
    output: Format,
    owner: str,
    scopes: tuple[str, ...],
    days: int,
    note: str,
) -> None:
    """Create a token. Its secret is shown only once.

    The secret is the only output on standard output, unless -o asks for more.
    """
    from marketplace.accounts import TokenService

    now = utc_now()
    with writing(source) as session:
        issued = TokenService(session).create(
            owner,
            [Scope(scope) for scope in scopes],
            by=actor(),
            at=now,
            expires_at=now + timedelta(days=days),
            note=note,
        )
    if output in ("json", "yaml"):
        write_record({**_members(issued.token, now), "secret": issued.secret.text}, output, identify="name")
    else:
        click.echo(issued.secret.text)
    say(f"this is token {issued.token.name}; copy it now, it is not shown again.")


@examples(
    "marketplace token list",
    "marketplace token list --owner me@example.org",
)
@token.command("list")
@settings_options
@output_option
@click.option("--owner", metavar="NAME", help="Only tokens of this owner.")
def list_(source: SettingsSource, output: Format, owner: str | None) -> None:
    """List tokens, the oldest first, without their secrets."""
    from marketplace.accounts import TokenService

    with reading(source) as session:
        tokens = TokenService(session).list(owner)
    now = utc_now()
    write_records(
        [_members(one, now) for one in tokens], _COLUMNS, output, identify="name", none="no tokens."
    )


@examples("marketplace token revoke 3f2a9c")
@token.command()
@settings_options
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def revoke(source: SettingsSource, names: tuple[str, ...]) -> None:
    """Revoke tokens, at once and permanently. If one NAME is unknown, none is revoked."""
    from marketplace.accounts import TokenService

    with writing(source) as session:
        tokens = TokenService(session)
        for name in names:
            tokens.revoke(name, by=actor(), at=utc_now())
    say(f"{len(names)} revoked.")


@examples("marketplace token sign-out me@example.org")
@token.command("sign-out")
@settings_options
@click.argument("owner", metavar="NAME")
def sign_out(source: SettingsSource, owner: str) -> None:
    """End all sessions of a person, however they were opened.

    Tokens stay valid: revoke them too, or the person can sign in with one again.
    """
    from marketplace.accounts.sessions import SessionService

    with writing(source) as session:
        count = SessionService(session).close_all(owner, by=actor(), at=utc_now())
    say(f"{counted(count, 'session')} of {owner} ended.")


def _members(one: Token, now: datetime) -> dict[str, Any]:
    return {
        "name": one.name,
        "owner": one.owner,
        "scopes": " ".join(sorted(one.scopes)),
        "status": one.status(now),
        "created": written(one.created_at),
        "expires": written(one.expires_at),
        "revoked": written(one.revoked_at),
        "last_used": written(one.last_used_at),
        "note": one.note,
    }
