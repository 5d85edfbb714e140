"""A server with groups: who belongs to them, and what they may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from marketplace.access import Scope
from marketplace.accounts import GroupService, TokenService
from marketplace.db import Database
from tests.functional.running import RunningServer, running_server

MEMBER, OUTSIDER, READER, ADMIN = "mary@astro.example", "oscar@x.example", "rita@astro.example", "root"
GROUP, OTHER = "astro", "bio"


@contextmanager
def private_site(data: Path, **settings: str) -> Iterator[tuple[RunningServer, dict[str, str]]]:
    """A server with the groups astro (Mary, Rita) and bio (Oscar).

    Yields:
        the server, and the tokens by owner. Rita's may only read; Root's may administer.
    """
    with running_server(data, **settings) as running:
        yield running, found_groups(running.database_url)


def found_groups(url: str) -> dict[str, str]:
    """Create the groups and tokens; the tokens' secrets by owner."""
    database = Database.open(url)
    now = datetime.now(UTC)
    both = (Scope.READ, Scope.UPLOAD, Scope.SITE)
    try:
        with database.write() as session:
            groups, tokens = GroupService(session), TokenService(session)
            for group, members in {GROUP: (MEMBER, READER), OTHER: (OUTSIDER,)}.items():
                groups.create(group, by="cli:test", at=now)
                for member in members:
                    groups.add(group, member, by="cli:test", at=now)
            scopes = {MEMBER: both, OUTSIDER: both, READER: (Scope.READ,), ADMIN: (Scope.ADMIN,)}
            return {
                owner: tokens.create(owner, given, by="cli:test", at=now).secret.text
                for owner, given in scopes.items()
            }
    finally:
        database.close()


def bearing(token: str | None) -> dict[str, str]:
    """The header that shows a token."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def put(
    http: httpx.Client, data: bytes, token: str | None = None, audience: str | None = None
) -> httpx.Response:
    """Upload a document."""
    return http.post(
        "/metadata",
        params={} if audience is None else {"audience": audience},
        content=data,
        headers={"Content-Type": "application/rdf+xml", **bearing(token)},
    )


def path_of(answer: httpx.Response) -> str:
    """The coordinates of an uploaded entry, as in URLs."""
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"].partition("/metadata/")[2]
