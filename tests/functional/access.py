"""Tokens and groups of a running server, made as its operator does: beside it, in its database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import httpx

from marketplace.access import Scope
from marketplace.accounts import GroupService, TokenService
from marketplace.db import Database
from tests.functional.running import RunningServer

TEST = "cli:test"


def issue_token(
    server: RunningServer,
    owner: str = "ann@example.org",
    scopes: Iterable[Scope] = (Scope.READ, Scope.UPLOAD),
    *,
    lives: timedelta = timedelta(days=1),
) -> str:
    """A token's secret; one that ``lives`` no longer was issued in time and has expired."""
    database = Database.open(server.database_url)
    now = datetime.now(UTC)
    at = min(now, now + lives - timedelta(hours=1))
    try:
        with database.write() as session:
            issued = TokenService(session).create(owner, scopes, by=TEST, at=at, expires_at=now + lives)
            return issued.secret.text
    finally:
        database.close()


def revoke_token(server: RunningServer, secret: str) -> None:
    """Revoke a token."""
    database = Database.open(server.database_url)
    try:
        with database.write() as session:
            TokenService(session).revoke(token_name(secret), by=TEST, at=datetime.now(UTC))
    finally:
        database.close()


def token_name(secret: str) -> str:
    """The public name of a token."""
    return secret.split("_")[1]


def found_group(server: RunningServer, name: str, *members: str) -> None:
    """A group with members."""
    database = Database.open(server.database_url)
    try:
        with database.write() as session:
            groups, now = GroupService(session), datetime.now(UTC)
            groups.create(name, by=TEST, at=now)
            for member in members:
                groups.add(name, member, by=TEST, at=now)
    finally:
        database.close()


def bearer(secret: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {secret}"}


def from_own_page(server: RunningServer) -> dict[str, str]:
    """The header a browser writes when a page of the site sends a form."""
    return {"Origin": server.url}


def sign_in(
    client: httpx.Client, server: RunningServer, secret: str, wanted: str = "/account"
) -> httpx.Response:
    """Sign a client in as a browser does; its cookies stay with it."""
    form = client.get("/login", params={"next": wanted}, headers={"Accept": "text/html"})
    return client.post(
        "/login",
        data={"token": secret, "key": form_key(form.text), "next": wanted},
        headers={"Accept": "text/html", **from_own_page(server)},
    )


def form_key(page: str) -> str:
    """The key of the first form of a page."""
    found = re.search(r'name="key" value="([0-9a-f]{64})"', page)
    assert found is not None, page
    return found[1]
